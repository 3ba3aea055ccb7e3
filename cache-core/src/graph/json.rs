//! The graph as JSON.

use std::fmt::Write;

use super::package::portable;
use super::text::escaped;
use super::{Graph, GraphMutation, GraphQuery, GraphTarget, GraphTargetKind};

impl Graph {
    /// The graph as JSON, for a file in the repository: a diff shows a target that has changed.
    ///
    /// It has an order of its own, and no lines of the source, so it changes only with queries, mutations and targets. Only
    /// functions that have their name and module in common have an `owner`, which tells them apart. A file that is not in the
    /// workspace is written from the folder of its package on, as in `currency-1.2.0/src/lib.rs`: all machines agree, unless a
    /// package has its sources in no folder `src`, and is not from a registry.
    ///
    /// `reads` depends on what has run: a test that compares the JSON with a file takes that of
    /// [`without_runs`](Graph::without_runs).
    ///
    /// ```
    /// let json = cache_core::graph().without_runs().to_json();
    /// assert!(json.starts_with("{\n  \"queries\": ["));
    /// ```
    pub fn to_json(&self) -> String {
        let mut json = Json::default();
        json.text.push_str("{\n  \"queries\": ");
        json.list("  ", &self.queries, |json, query| {
            let GraphQuery { name, function, module, file, arguments, tags, has_other_tags, is_shared, reads, .. } =
                query;
            json.text.push_str("{\n");
            json.members("      ", &[("name", name), ("function", function), ("module", module)]);
            if query.has_namesakes {
                json.members("      ", &[("owner", query.owner)]);
            }
            json.members("      ", &[("file", &portable(file))]);
            json.strings("      ", "arguments", arguments.iter().copied());
            json.strings("      ", "tags", tags.iter().copied());
            json.line(format_args!("      \"other_tags\": {has_other_tags},\n"));
            if *is_shared {
                json.line("      \"shared\": true,\n");
            }
            json.paths("      ", "reads", reads, self);
            json.end("    }");
        });
        json.text.push_str(",\n  \"mutations\": ");
        json.list("  ", &self.mutations, |json, mutation| {
            let GraphMutation { function, module, file, targets, .. } = mutation;
            json.text.push_str("{\n");
            json.members("      ", &[("function", function), ("module", module)]);
            if mutation.has_namesakes {
                json.members("      ", &[("owner", mutation.owner)]);
            }
            json.members("      ", &[("file", &portable(file))]);
            json.text.push_str("      \"targets\": ");
            json.list("      ", targets, |json, target| {
                let GraphTarget { text, kind, queries, perhaps } = target;
                let kind = match kind {
                    GraphTargetKind::Query => "query",
                    GraphTargetKind::Key => "key",
                    GraphTargetKind::Tag => "tag",
                    GraphTargetKind::All => "all",
                };
                json.text.push_str("{\n");
                json.members("          ", &[("text", text), ("kind", kind)]);
                json.paths("          ", "queries", queries, self);
                json.paths("          ", "perhaps", perhaps, self);
                json.end("        }");
            });
            json.text.push_str("\n    }");
        });
        json.text.push_str("\n}\n");
        json.text
    }
}

#[derive(Default)]
struct Json {
    text: String,
}

impl Json {
    fn line(&mut self, line: impl std::fmt::Display) {
        write!(self.text, "{line}").expect("a string takes all");
    }

    /// Each member before a comma.
    fn members(&mut self, indent: &str, members: &[(&str, &str)]) {
        for (name, value) in members {
            self.line(format_args!("{indent}\"{name}\": {},\n", string(value)));
        }
    }

    fn strings<'a>(&mut self, indent: &str, name: &str, values: impl Iterator<Item = &'a str>) {
        let values: Vec<_> = values.map(string).collect();
        self.line(format_args!("{indent}\"{name}\": [{}],\n", values.join(", ")));
    }

    fn paths(&mut self, indent: &str, name: &str, queries: &[usize], graph: &Graph) {
        let paths: Vec<_> = queries.iter().map(|&query| graph.queries[query].path()).collect();
        self.strings(indent, name, paths.iter().map(String::as_str));
    }

    /// In place of the comma after the last member.
    fn end(&mut self, end: &str) {
        self.text.truncate(self.text.trim_end_matches(",\n").len());
        self.line(format_args!("\n{end}"));
    }

    fn list<T>(&mut self, indent: &str, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        self.text.push('[');
        for (number, one) in items.iter().enumerate() {
            self.line(format_args!("{}\n{indent}  ", if number > 0 { "," } else { "" }));
            item(self, one);
        }
        if !items.is_empty() {
            self.line(format_args!("\n{indent}"));
        }
        self.text.push(']');
    }
}

fn string(text: &str) -> String {
    escaped(text, |string, sign| {
        for unit in sign.encode_utf16(&mut [0; 2]) {
            write!(string, "\\u{unit:04x}").expect("a string takes all");
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        assert_eq!(string("a\"b\\c\n\u{1f}\u{7f}é😀/"), "\"a\\\"b\\\\c\\u000a\\u001f\\u007fé😀/\"");
    }
}
