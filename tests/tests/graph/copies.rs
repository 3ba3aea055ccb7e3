//! Queries and mutations that one call of a macro makes for several types.

use cache_core::{Cache, HasCache, Warning, cached_impl, cached_query, graph, invalidates};

trait Repository {
    fn copied(&self, id: u32) -> u32;

    fn change_copied(&self, id: u32);
}

macro_rules! repositories {
    ($($name:ident)*) => { $(
        #[derive(HasCache)]
        struct $name {
            cache: Cache,
        }

        #[cached_impl]
        impl Repository for $name {
            #[cached_query]
            fn copied(&self, id: u32) -> u32 {
                self.copied_alone(id)
            }

            #[invalidates(copied(id))]
            fn change_copied(&self, id: u32) {
                let _ = id;
            }
        }

        #[allow(dead_code, reason = "nobody calls it")]
        impl $name {
            #[cached_query]
            fn copied_alone(&self, id: u32) -> u32 {
                id
            }

            #[invalidates(copied_alone(id))]
            #[invalidates("copied_alone")]
            async fn change_alone(&self, id: u32) {
                let _ = id;
            }

            #[cached_query]
            fn copied_and_forgotten(&self) -> u32 {
                0
            }
        }
    )* };
}

repositories!(First Second Third);

const TYPES: [&str; 3] = ["First", "Second", "Third"];

fn owners(of: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    of.collect()
}

#[test]
fn each_type_has_its_own() {
    let graph = graph();
    let expected = TYPES.map(|name| format!("graph::copies::{name}"));
    for (function, mutation) in [("copied", "change_copied"), ("copied_alone", "change_alone")] {
        let queries = graph.queries().iter().filter(|query| query.function == function);
        assert_eq!(owners(queries.map(|query| query.owner)), expected);
        let mutations: Vec<_> = graph.mutations().iter().filter(|known| known.function == mutation).collect();
        assert_eq!(owners(mutations.iter().map(|mutation| mutation.owner)), expected);
        for mutation in mutations {
            // That of its own type, which the compiler takes as well.
            let targets = mutation.targets.iter().flat_map(|target| &target.queries);
            let reached = targets.map(|&query| (graph.queries()[query].function, graph.queries()[query].owner));
            let count = if function == "copied" { 1 } else { 2 };
            assert_eq!(reached.collect::<Vec<_>>(), vec![(function, mutation.owner); count]);
        }
    }
}

#[test]
fn what_is_written_tells_them_apart() {
    let graph = graph().without_runs();
    let (json, mermaid, dot) = (graph.to_json(), graph.to_mermaid(), graph.to_dot());
    let warnings: Vec<_> = graph.warnings().iter().map(Warning::to_string).collect();
    for name in TYPES {
        assert!(json.contains(&format!("\"queries\": [\"graph::copies::{name}::copied_alone\"]")), "{name}");
        assert!(mermaid.contains(&format!("([\"{name}::change_alone<br/>")), "{name}");
        assert!(dot.contains(&format!("[label=\"{name}::copied\"")), "{name}");
        let start = format!("`graph::copies::{name}::copied_and_forgotten` ");
        assert_eq!(warnings.iter().filter(|warning| warning.starts_with(&start)).count(), 1, "{warnings:?}");
    }
}

/// They have one number, as they have one place.
#[test]
fn what_a_copy_reads_is_that_of_its_type() {
    let second = Second { cache: Cache::new() };
    second.copied(1);
    let graph = graph();
    let reads = |owner: &str| {
        let query = graph.queries().iter().find(|query| query.function == "copied" && query.owner.ends_with(owner));
        owners(query.expect("it is there").reads.iter().map(|&inner| graph.queries()[inner].owner))
    };
    assert_eq!((reads("Second"), reads("First")), (vec!["graph::copies::Second"], vec![]));
    First { cache: Cache::new() }.change_copied(1);
    Third { cache: Cache::new() }.copied_and_forgotten();
    drop(second.change_alone(1));
}
