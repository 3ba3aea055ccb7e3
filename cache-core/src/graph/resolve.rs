//! From what a target names to queries.

use super::GraphQuery;
use crate::query::seen::literal;

/// By the function's name, and if that is not enough by the module that the target or the mutation is of. `from`: the module
/// and the owner of the mutation.
pub(super) fn by_name(path: &str, name: &str, from: (&str, &str), queries: &[GraphQuery]) -> Vec<usize> {
    let (module, owner) = from;
    let named = |is_wanted: &dyn Fn(&GraphQuery) -> bool| {
        let wanted = queries.iter().enumerate().filter(|(_, query)| query.function == name && is_wanted(query));
        wanted.map(|(position, _)| position).collect::<Vec<_>>()
    };
    let written = written_module(path);
    let is_written = |query: &GraphQuery| {
        let before = query.module.strip_suffix(written.as_str());
        !written.is_empty() && before.is_some_and(|before| before.is_empty() || before.ends_with("::"))
    };
    let candidates = [named(&is_written), named(&|query| query.module == module)];
    let found = candidates.into_iter().find(|found| !found.is_empty()).unwrap_or_else(|| named(&|_| true));
    if matches!(path, "" | "Self") { without_copies(found, owner, queries) } else { found }
}

/// Without the copies that a macro has made for other types, where there is one for that of the mutation.
fn without_copies(mut found: Vec<usize>, owner: &str, queries: &[GraphQuery]) -> Vec<usize> {
    let place = |query: &GraphQuery| (query.file, query.line);
    let own: Vec<_> = found.iter().map(|&at| &queries[at]).filter(|query| query.owner == owner).collect();
    found.retain(|&at| {
        let query = &queries[at];
        query.owner == owner || own.iter().all(|own| place(own) != place(query))
    });
    found
}

/// The module in a path, from where the path names it: `rates` of `super::rates::Table::<u8>`. Types begin with a capital
/// letter.
fn written_module(path: &str) -> String {
    let mut module: Vec<&str> = Vec::new();
    for segment in segments(path) {
        match segment {
            "" | "crate" | "self" | "super" | "$crate" => {}
            _ if segment.starts_with(|first: char| first.is_uppercase() || first == '<') => break,
            _ => module.push(segment),
        }
    }
    module.join("::")
}

/// Its segments, but not those within brackets.
fn segments(path: &str) -> Vec<&str> {
    let (mut segments, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, sign) in path.char_indices() {
        match sign {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            ':' if depth == 0 && path[at..].starts_with("::") => {
                segments.push(&path[start..at]);
                start = at + 2;
            }
            _ => {}
        }
    }
    segments.push(&path[start..]);
    segments
}

/// How surely a tag of a target is one of a query.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Reach {
    No,
    Perhaps,
    Yes,
}

/// The queries with a tag, and those that perhaps have it.
pub(super) fn by_tag(tag: &str, queries: &[GraphQuery]) -> (Vec<usize>, Vec<usize>) {
    let reach = |query: &GraphQuery| {
        let known = query.tags.iter().map(|of_query| reach(tag, of_query)).max().unwrap_or(Reach::No);
        if query.has_other_tags { known.max(Reach::Perhaps) } else { known }
    };
    let all: Vec<_> = queries.iter().map(reach).collect();
    let those = |wanted| (0..all.len()).filter(|&query| all[query] == wanted).collect();
    (those(Reach::Yes), those(Reach::Perhaps))
}

/// The queries that have any tags.
pub(super) fn with_tags(queries: &[GraphQuery]) -> Vec<usize> {
    let has_tags = |&query: &usize| queries[query].has_other_tags || !queries[query].tags.is_empty();
    (0..queries.len()).filter(has_tags).collect()
}

fn reach(one: &str, other: &str) -> Reach {
    let ((first, is_whole), (second, is_other_whole)) = (literal(one), literal(other));
    let is_extended = match (is_whole, is_other_whole) {
        _ if first == second && is_whole == is_other_whole => return Reach::Yes,
        (true, true) => return Reach::No,
        (true, false) => first.starts_with(&second),
        (false, true) => second.starts_with(&first),
        // `track:{id}` and `{kind}:{id}`.
        (false, false) => {
            let may_be = first.starts_with(&second) || second.starts_with(&first);
            return if may_be { Reach::Perhaps } else { Reach::No };
        }
    };
    match is_extended {
        false => Reach::No,
        true if first.is_empty() || second.is_empty() => Reach::Perhaps,
        true => Reach::Yes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(module: &'static str, tags: &[&'static str], has_other_tags: bool) -> GraphQuery {
        GraphQuery {
            name: "shown",
            function: "get",
            module,
            owner: module,
            file: "f",
            line: 1,
            arguments: &[],
            tags: tags.to_vec(),
            has_other_tags,
            is_shared: false,
            reads: Vec::new(),
            has_namesakes: false,
        }
    }

    #[test]
    fn one_of_several_queries_is_found_by_what_is_written_then_by_the_module() {
        let queries = ["a", "a::rates", "a::rates::old", "b::rates"].map(|module| query(module, &[], false));
        let cases: [(&str, &str, &[usize]); 11] = [
            ("", "a", &[0]),
            ("Self", "a", &[0]),
            ("Repo::<b::rates::X>", "a", &[0]),
            ("<Repo as b::Trait>", "a", &[0]),
            ("rates", "a", &[1, 3]),
            ("super::rates", "a::x", &[1, 3]),
            ("crate::rates::old::Table", "a", &[2]),
            ("a::rates", "b", &[1]),
            ("ates", "a", &[0]),
            ("", "c", &[0, 1, 2, 3]),
            ("Other", "c", &[0, 1, 2, 3]),
        ];
        for (path, module, expected) in cases {
            assert_eq!(by_name(path, "get", (module, module), &queries), expected, "{path} in {module}");
        }
        assert!(by_name("", "shown", ("a", "a"), &queries).is_empty(), "it is the function that counts");
    }

    #[test]
    fn of_the_copies_that_a_macro_makes_that_of_the_own_type_counts() {
        let of = |owner, line| GraphQuery { owner, line, ..query("a", &[], false) };
        let queries = [of("a::X", 1), of("a::Y", 1), of("a::Z", 2)];
        let cases: [(&str, &str, &[usize]); 5] = [
            ("", "a::X", &[0, 2]),
            ("Self", "a::Y", &[1, 2]),
            ("", "a::Z", &[0, 1, 2]),
            ("", "a::Other", &[0, 1, 2]),
            ("Y", "a::X", &[0, 1, 2]),
        ];
        for (path, owner, expected) in cases {
            assert_eq!(by_name(path, "get", ("a", owner), &queries), expected, "{path} in {owner}");
        }
    }

    #[test]
    fn tags_are_compared_up_to_their_first_placeholder() {
        use Reach::{No, Perhaps, Yes};
        let cases = [
            ("all", "all", Yes),
            ("all", "al", No),
            ("artist:{}", "artist:{artist_id:>4}", Yes),
            ("artist:22", "artist:{id}", Yes),
            ("album:22", "artist:{id}", No),
            ("artist:{id}", "artists:{id}", No),
            ("{kind}:{id}", "artist:{id}", Perhaps),
            ("{name}", "all", Perhaps),
            ("{name}", "{other}", Yes),
            ("a:{b}", "a:c:{d}", Perhaps),
            ("a{{b", "a{{b", Yes),
            ("a{{{b}", "a{{{c}", Yes),
        ];
        for (one, other, expected) in cases {
            assert_eq!((reach(one, other), reach(other, one)), (expected, expected), "{one} and {other}");
        }
    }

    #[test]
    fn a_query_with_unknown_tags_is_perhaps_reached() {
        let queries = [
            query("a", &["x", "y:{z}"], false),
            query("a", &["x"], true),
            query("a", &[], true),
            query("a", &[], false),
        ];
        assert_eq!(by_tag("x", &queries), (vec![0, 1], vec![2]));
        assert_eq!(by_tag("y:1", &queries), (vec![0], vec![1, 2]));
        assert_eq!(with_tags(&queries), [0, 1, 2]);
    }
}
