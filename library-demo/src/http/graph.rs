//! Which mutation of the library forgets which query.

use axum::Json;
use cache_core::{GraphMutation, GraphTargetKind};
use serde::Serialize;

/// The program has more queries and mutations than the library that is served.
const MODULE: &str = "library_demo::repository::sqlite";

#[derive(Serialize)]
pub(super) struct Graph {
    queries: Vec<Query>,
    mutations: Vec<Mutation>,
}

#[derive(Serialize)]
struct Query {
    name: &'static str,
    /// `name(arguments)`
    text: String,
}

#[derive(Serialize)]
struct Mutation {
    function: &'static str,
    edges: Vec<Edge>,
}

#[derive(Serialize)]
struct Edge {
    query: &'static str,
    /// Whether only one entry of it.
    is_key: bool,
}

pub(super) async fn graph() -> Json<Graph> {
    let graph = cache_core::graph();
    let of_library = |module: &str| module == MODULE;
    let queries = graph
        .queries()
        .iter()
        .filter(|query| of_library(query.module))
        .map(|query| Query { name: query.name, text: format!("{}({})", query.name, query.arguments.join(", ")) });
    let mutations = graph.mutations().iter().filter(|mutation| of_library(mutation.module));
    let mutations = mutations.map(|mutation| Mutation { function: mutation.function, edges: edges(mutation, &graph) });
    Json(Graph { queries: queries.collect(), mutations: mutations.collect() })
}

fn edges(mutation: &GraphMutation, graph: &cache_core::Graph) -> Vec<Edge> {
    let edges = mutation.targets.iter().flat_map(|target| {
        let is_key = target.kind == GraphTargetKind::Key;
        target.queries.iter().map(move |&query| Edge { query: graph.queries()[query].name, is_key })
    });
    edges.collect()
}
