//! The graph of a program: that of the queries and mutations in this file and its modules, and of nothing else.
#![forbid(unsafe_code)]

mod by_calls;
mod copies;
mod generic;
mod handles;
mod named;
mod outputs;
mod provided;
mod runs;
mod tagged;
mod tenants;

use cache_core::{Graph, GraphMutation, GraphQuery, GraphTarget, graph};

/// The module and the function.
fn path_of_query(query: &GraphQuery) -> String {
    format!("{}::{}", query.module.trim_start_matches("graph::"), query.function)
}

fn paths(graph: &Graph, queries: &[usize]) -> Vec<String> {
    queries.iter().map(|&query| path_of_query(&graph.queries()[query])).collect()
}

fn query<'a>(graph: &'a Graph, path: &str) -> &'a GraphQuery {
    let mut found = graph.queries().iter().filter(|query| path_of_query(query) == path);
    let query = found.next().unwrap_or_else(|| panic!("there is no query {path}"));
    assert!(found.next().is_none(), "there are two queries {path}");
    query
}

fn mutation<'a>(graph: &'a Graph, path: &str) -> &'a GraphMutation {
    let of =
        |mutation: &GraphMutation| format!("{}::{}", mutation.module.trim_start_matches("graph::"), mutation.function);
    let mut found = graph.mutations().iter().filter(|mutation| of(mutation) == path);
    let mutation = found.next().unwrap_or_else(|| panic!("there is no mutation {path}"));
    assert!(found.next().is_none(), "there are two mutations {path}");
    mutation
}

/// The text of a target, what it reaches, and what it perhaps reaches.
type Target = (&'static str, Vec<String>, Vec<String>);

fn targets(path: &str) -> Vec<Target> {
    let graph = graph();
    let of = |target: &GraphTarget| (target.text, paths(&graph, &target.queries), paths(&graph, &target.perhaps));
    mutation(&graph, path).targets.iter().map(of).collect()
}

fn assert_targets(mutation: &str, expected: &[(&'static str, &[&str], &[&str])]) {
    let owned = |paths: &[&str]| paths.iter().map(|&path| path.to_owned()).collect::<Vec<_>>();
    let expected: Vec<Target> =
        expected.iter().map(|&(text, surely, perhaps)| (text, owned(surely), owned(perhaps))).collect();
    assert_eq!(targets(mutation), expected, "{mutation}");
}
