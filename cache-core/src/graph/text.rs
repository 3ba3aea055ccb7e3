//! The graph for Mermaid and Graphviz.

use std::fmt::{Display, Write};

use super::{Graph, GraphMutation, GraphQuery};

/// An arrow between two nodes.
struct Edge<'a> {
    from: String,
    to: usize,
    kind: Kind<'a>,
}

enum Kind<'a> {
    /// With the text of the target.
    Invalidates(&'a str),
    Perhaps(&'a str),
    Reads,
}

impl Graph {
    /// The graph as a flowchart of [Mermaid](https://mermaid.js.org), which GitHub and GitLab show in Markdown.
    ///
    /// Solid arrows are targets, dotted ones perhaps reach the query, and thick ones are reads that were seen.
    ///
    /// ```
    /// assert!(cache_core::graph().to_mermaid().starts_with("flowchart LR\n"));
    /// ```
    pub fn to_mermaid(&self) -> String {
        let mut text = String::from("flowchart LR\n");
        for (number, mutation) in self.mutations.iter().enumerate() {
            let GraphMutation { file, line, .. } = mutation;
            let label = entities(&mutation.label());
            push(&mut text, format_args!("    m{number}([\"{label}<br/>{}:{line}\"])\n", entities(file)));
        }
        for (number, query) in self.queries.iter().enumerate() {
            let GraphQuery { file, line, .. } = query;
            let label = entities(&query.label());
            push(&mut text, format_args!("    q{number}[\"{label}<br/>{}:{line}\"]\n", entities(file)));
        }
        for Edge { from, to, kind } in self.edges() {
            match kind {
                Kind::Invalidates(target) => {
                    push(&mut text, format_args!("    {from} -->|\"{}\"| q{to}\n", entities(target)));
                }
                Kind::Perhaps(target) => {
                    push(&mut text, format_args!("    {from} -.->|\"{}\"| q{to}\n", entities(target)));
                }
                Kind::Reads => push(&mut text, format_args!("    {from} ==>|\"reads\"| q{to}\n")),
            }
        }
        text
    }

    /// The graph in the language of [Graphviz](https://graphviz.org): `dot -Tsvg` draws it.
    ///
    /// Solid arrows are targets, dashed ones perhaps reach the query, and bold ones are reads that were seen. The places
    /// are tooltips.
    ///
    /// ```
    /// assert!(cache_core::graph().to_dot().starts_with("digraph cache {\n"));
    /// ```
    pub fn to_dot(&self) -> String {
        let mut text = String::from("digraph cache {\n    rankdir=LR;\n");
        for (number, mutation) in self.mutations.iter().enumerate() {
            let GraphMutation { file, line, .. } = mutation;
            let (label, tooltip) = (quoted(&mutation.label()), quoted(&format!("{} ({file}:{line})", mutation.path())));
            push(&mut text, format_args!("    m{number} [label={label}, tooltip={tooltip}, shape=ellipse];\n"));
        }
        for (number, query) in self.queries.iter().enumerate() {
            let GraphQuery { file, line, .. } = query;
            let (label, tooltip) = (quoted(&query.label()), quoted(&format!("{} ({file}:{line})", query.path())));
            push(&mut text, format_args!("    q{number} [label={label}, tooltip={tooltip}, shape=box];\n"));
        }
        for Edge { from, to, kind } in self.edges() {
            let (label, style) = match kind {
                Kind::Invalidates(target) => (quoted(target), "solid"),
                Kind::Perhaps(target) => (quoted(target), "dashed"),
                Kind::Reads => (quoted("reads"), "bold"),
            };
            push(&mut text, format_args!("    {from} -> q{to} [label={label}, style={style}];\n"));
        }
        text.push_str("}\n");
        text
    }

    fn edges(&self) -> impl Iterator<Item = Edge<'_>> {
        let of_mutations = self.mutations.iter().enumerate().flat_map(|(number, mutation)| {
            mutation.targets.iter().flat_map(move |target| {
                let edge = move |kind: fn(&'static str) -> Kind<'static>| {
                    move |&to: &usize| Edge { from: format!("m{number}"), to, kind: kind(target.text) }
                };
                let surely = target.queries.iter().map(edge(Kind::Invalidates));
                surely.chain(target.perhaps.iter().map(edge(Kind::Perhaps)))
            })
        });
        let reads = self.queries.iter().enumerate().flat_map(|(number, query)| {
            query.reads.iter().map(move |&to| Edge { from: format!("q{number}"), to, kind: Kind::Reads })
        });
        of_mutations.chain(reads)
    }
}

fn push(text: &mut String, more: impl Display) {
    write!(text, "{more}").expect("a string takes all");
}

/// A text in the quotes of Mermaid, which has no escapes. A directive between `%%{` and `}%%` counts even there.
fn entities(text: &str) -> String {
    let mut escaped = String::new();
    for sign in text.chars() {
        match sign {
            '"' | '#' | '%' | '&' | '<' | '>' | '`' | '\\' => push(&mut escaped, format_args!("#{};", u32::from(sign))),
            sign if sign.is_control() => escaped.push(' '),
            sign => escaped.push(sign),
        }
    }
    escaped
}

/// A quoted string of Graphviz. A backslash begins an escape in it.
fn quoted(text: &str) -> String {
    escaped(text, |quoted, _| quoted.push(' '))
}

/// A text in quotes, with a backslash before quotes and backslashes. `push` writes control characters.
pub(super) fn escaped(text: &str, push: impl Fn(&mut String, char)) -> String {
    let mut escaped = String::from("\"");
    for sign in text.chars() {
        match sign {
            '"' | '\\' => escaped.extend(['\\', sign]),
            sign if sign.is_control() => push(&mut escaped, sign),
            sign => escaped.push(sign),
        }
    }
    escaped.push('"');
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_the_quotes_around_it() {
        assert_eq!(entities("f(\"a\\n#<T>\")\n"), "f(#34;a#92;n#35;#60;T#62;#34;) ");
        assert_eq!(entities("%%{init: {'theme':'dark'}}%%"), "#37;#37;{init: {'theme':'dark'}}#37;#37;");
        assert_eq!(quoted("f(\"a\\n\")\n"), r#""f(\"a\\n\") ""#);
    }
}
