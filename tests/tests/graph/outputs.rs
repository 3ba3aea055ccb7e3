//! What the graph is written as.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cache_core::graph;
use serde_json::Value;

use super::mutation;

/// `GRAPH=overwrite cargo test -p cache-tests --test graph` writes it anew.
const FILE: &str = "tests/graph/graph.json";

#[test]
fn the_json_is_that_of_the_file() {
    let json = graph().without_runs().to_json();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("GRAPH").is_some_and(|value| value == "overwrite") {
        fs::write(&path, &json).expect("it can be written");
    }
    let expected = fs::read_to_string(&path).expect("there is a file");
    assert!(json == expected, "{FILE} has changed:\n{json}");
    // A line that is added to a file changes nothing.
    assert!(!json.contains("line"), "{json}");
}

#[test]
fn the_json_has_what_the_graph_has() {
    let graph = graph().without_runs();
    let json: Value = serde_json::from_str(&graph.to_json()).expect("it is JSON");
    let strings = |value: &Value| -> Vec<String> {
        let list = value.as_array().expect("it is a list");
        list.iter().map(|text| text.as_str().expect("it is a text").to_owned()).collect()
    };
    let queries = json["queries"].as_array().expect("they are a list");
    assert_eq!(queries.len(), graph.queries().len());
    for (written, query) in queries.iter().zip(graph.queries()) {
        assert_eq!(written["name"], query.name);
        assert_eq!(written["function"], query.function);
        assert_eq!(written["module"], query.module);
        assert_eq!(written["file"], query.file);
        assert!(written.get("owner").is_none_or(|owner| owner == query.owner));
        assert_eq!(strings(&written["arguments"]), query.arguments);
        assert_eq!(strings(&written["tags"]), query.tags);
        assert_eq!(written["other_tags"], query.has_other_tags);
        assert_eq!(written["shared"].as_bool().unwrap_or_default(), query.is_shared);
        assert!(strings(&written["reads"]).is_empty());
    }
    let mutations = json["mutations"].as_array().expect("they are a list");
    assert_eq!(mutations.len(), graph.mutations().len());
    let full = |positions: &[usize]| -> Vec<String> {
        let path = |&query: &usize| {
            let of = queries[query]
                .get("owner")
                .map_or(graph.queries()[query].module, |owner| owner.as_str().expect("a text"));
            format!("{of}::{}", graph.queries()[query].function)
        };
        positions.iter().map(path).collect()
    };
    for (written, mutation) in mutations.iter().zip(graph.mutations()) {
        assert_eq!((&written["function"], &written["module"]), (&mutation.function.into(), &mutation.module.into()));
        let targets = written["targets"].as_array().expect("they are a list");
        assert_eq!(targets.len(), mutation.targets.len());
        for (written, target) in targets.iter().zip(&mutation.targets) {
            assert_eq!(written["text"], target.text);
            assert_eq!(written["kind"], format!("{:?}", target.kind).to_lowercase());
            assert_eq!(
                (strings(&written["queries"]), strings(&written["perhaps"])),
                (full(&target.queries), full(&target.perhaps))
            );
        }
    }
}

/// The rest of a line after a quoted text, and that text, with what its escapes stand for.
fn unquoted(text: &str) -> (String, &str) {
    let mut signs = text.strip_prefix('"').unwrap_or_else(|| panic!("no quote: {text}")).char_indices();
    let mut unquoted = String::new();
    while let Some((at, sign)) = signs.next() {
        match sign {
            '"' => return (unquoted, &text[at + 2..]),
            '\\' => unquoted.push(signs.next().expect("an escape is of two signs").1),
            sign => unquoted.push(sign),
        }
    }
    panic!("the quotes are not closed: {text}");
}

/// The names of the nodes and the arrows.
fn of_dot(dot: &str) -> (BTreeSet<String>, Vec<(String, String, String)>) {
    let body = dot.strip_prefix("digraph cache {\n").and_then(|dot| dot.strip_suffix("}\n")).expect("it is a graph");
    let (mut nodes, mut edges) = (BTreeSet::new(), Vec::new());
    for line in body.lines().map(str::trim_start).filter(|line| *line != "rankdir=LR;") {
        let (subject, attributes) = line.split_once(" [").expect("it has attributes");
        let (label, rest) = unquoted(attributes.strip_prefix("label=").expect("the label is first"));
        if let Some((from, to)) = subject.split_once(" -> ") {
            assert!(matches!(rest, ", style=solid];" | ", style=dashed];" | ", style=bold];"), "{line}");
            edges.push((from.to_owned(), to.to_owned(), label));
        } else {
            let (tooltip, rest) = unquoted(rest.strip_prefix(", tooltip=").expect("the tooltip is next"));
            assert!(tooltip.contains(".rs:") && tooltip.starts_with("graph::"), "{line}");
            assert!(matches!(rest, ", shape=box];" | ", shape=ellipse];"), "{line}");
            assert!(nodes.insert(subject.to_owned()), "{line}");
        }
    }
    (nodes, edges)
}

#[test]
fn the_dot_file_is_one() {
    let graph = graph().without_runs();
    let (nodes, edges) = of_dot(&graph.to_dot());
    assert_eq!(nodes.len(), graph.queries().len() + graph.mutations().len());
    assert!(edges.iter().all(|(from, to, _)| nodes.contains(from) && nodes.contains(to)));
    let targets = graph.mutations().iter().flat_map(|mutation| &mutation.targets);
    assert_eq!(edges.len(), targets.map(|target| target.queries.len() + target.perhaps.len()).sum::<usize>());
    let text = mutation(&graph, "tagged::add").targets[0].text;
    assert!(text.contains('"') && edges.iter().any(|(.., label)| label == text));
}

#[test]
fn the_flowchart_is_one() {
    let graph = graph().without_runs();
    let mermaid = graph.to_mermaid();
    let mut lines = mermaid.lines();
    assert_eq!(lines.next(), Some("flowchart LR"));
    let (mut nodes, mut edges) = (BTreeSet::new(), 0);
    for line in lines.map(str::trim_start) {
        let end = line.find(|sign: char| !sign.is_ascii_alphanumeric()).expect("more than a name");
        let (name, rest) = line.split_at(end);
        // Without the text in quotes, whose signs the others may not be.
        let parts: Vec<_> = rest.split('"').collect();
        let [before, text, after] = parts[..] else { panic!("not one text in quotes: {line}") };
        assert!(!text.contains(['<', '>', '`']) || text.matches("<br/>").count() == 1, "{line}");
        match (before, after) {
            ("[", "]") | ("([", "])") => assert!(nodes.insert(name), "{line}"),
            (" -->|" | " -.->|" | " ==>|", after) => {
                let to = after.strip_prefix("| ").expect("the text is between bars");
                assert!(nodes.contains(name) && nodes.contains(to), "{line}");
                edges += 1;
            }
            _ => panic!("neither a node nor an arrow: {line}"),
        }
    }
    assert_eq!(
        (nodes.len(), edges),
        (graph.queries().len() + graph.mutations().len(), of_dot(&graph.to_dot()).1.len())
    );
}
