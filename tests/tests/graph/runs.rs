//! What is seen while the program runs, and warnings.

use cache_core::{Cache, HasCache, Warning, cached_query, graph, invalidates};

use super::{path_of_query, paths, query};

#[derive(HasCache)]
struct Users {
    cache: Cache,
}

impl Users {
    #[cached_query]
    fn never_changed(&self, id: u32) -> u32 {
        id
    }

    #[cached_query]
    fn changed_by_name(&self, id: u32) -> u32 {
        id
    }

    #[cached_query]
    fn changed(&self, id: u32) -> u32 {
        id
    }

    #[cached_query]
    fn reads_changed(&self) -> u32 {
        self.changed(1) + self.changed(2)
    }

    #[cached_query]
    fn reads_reads_changed(&self) -> u32 {
        self.reads_changed()
    }

    #[cached_query]
    fn also_reads_changed(&self) -> u32 {
        self.changed(3)
    }

    #[invalidates(changed(id))]
    fn change(&self, id: u32) {
        let _ = id;
    }
}

#[derive(HasCache)]
struct Orders {
    cache: Cache,
}

impl Orders {
    #[invalidates(Users::changed(id))]
    fn ship(&self, id: u32) {
        let _ = id;
    }

    #[invalidates(Users::changed(id))]
    fn ship_in_the_same_cache(&self, id: u32) {
        let _ = id;
    }
}

fn never_invalidated() -> Vec<String> {
    let of = |warning| match warning {
        Warning::NeverInvalidated { query, .. } => Some(path_of_query(&query)),
        _ => None,
    };
    graph().warnings().into_iter().filter_map(of).collect()
}

#[test]
fn what_a_load_reads_is_seen() {
    let users = Users { cache: Cache::new() };
    users.reads_reads_changed();
    let graph = graph();
    let reads = |path: &str| paths(&graph, &query(&graph, path).reads);
    assert_eq!(reads("runs::reads_reads_changed"), ["runs::reads_changed"]);
    assert_eq!(reads("runs::reads_changed"), ["runs::changed"]);
    assert!(reads("runs::changed").is_empty());
    let (dot, mermaid) = (graph.to_dot(), graph.to_mermaid());
    assert!(dot.contains("[label=\"reads\", style=bold];") && mermaid.contains("==>|\"reads\"|"));
    assert!(graph.to_json().contains("\"reads\": [\"graph::runs::changed\"]"));
    assert!(graph.without_runs().queries().iter().all(|query| query.reads.is_empty()));
}

/// In another scope and from a hit, too.
#[test]
fn a_hit_in_a_load_is_seen() {
    #[cached_query(cache = cache, skip(cache))]
    fn inner(cache: &Cache) -> u32 {
        1
    }

    #[cached_query(cache = cache, skip(cache))]
    fn outer(cache: &Cache) -> u32 {
        inner(cache)
    }

    let cache = Cache::new().scope("a");
    inner(&cache);
    outer(&cache);
    let graph = graph();
    assert_eq!(paths(&graph, &query(&graph, "runs::outer").reads), ["runs::inner"]);
}

/// A mutation names it or a tag of it, a query that it reads is invalidated, or its name is at run time.
#[test]
fn a_query_that_nothing_invalidates_is_a_warning() {
    let users = Users { cache: Cache::new() };
    let is_never = |query: &str| never_invalidated().iter().any(|never| never == query);
    for query in ["runs::never_changed", "runs::changed_by_name", "runs::also_reads_changed"] {
        assert!(is_never(query), "{query}");
    }
    for query in ["runs::changed", "tagged::of_artist", "tagged::of_value", "generic::item", "provided::required"] {
        assert!(!is_never(query), "{query}");
    }
    users.also_reads_changed();
    users.cache.invalidate(["changed_by_name"]);
    assert!(!is_never("runs::also_reads_changed") && !is_never("runs::changed_by_name"));
    assert!(is_never("runs::never_changed"));
    let warnings = graph().warnings();
    let text =
        warnings.iter().map(Warning::to_string).find(|text| text.contains("never_changed")).expect("it is there");
    assert!(text.contains("runs.rs:") && text.contains("name it in `#[invalidates(..)]`"), "{text}");
    users.change(users.never_changed(1));
    users.changed_by_name(1);
}

#[test]
fn a_write_in_the_wrong_cache_is_a_warning() {
    let (users, orders) = (Users { cache: Cache::new() }, Orders { cache: Cache::new() });
    users.changed(1);
    orders.ship(1);
    orders.ship(1);
    Orders { cache: users.cache.clone() }.ship_in_the_same_cache(1);
    let is_of_this = |warning: &Warning| matches!(warning, Warning::NeverCachedThere { mutation, .. } if mutation.module == module_path!());
    let elsewhere: Vec<_> = graph().warnings().into_iter().filter(is_of_this).collect();
    let [warning @ Warning::NeverCachedThere { mutation, query, owner, .. }] = &elsewhere[..] else {
        panic!("{elsewhere:?}")
    };
    assert_eq!((mutation.function, query.function), ("ship", "changed"));
    assert!(owner.ends_with("runs::Users"), "{owner}");
    let text = warning.to_string();
    assert!(text.contains("::ship`") && text.matches("runs.rs:").count() == 2, "{text}");
    assert!(text.contains("give both repositories clones of one `Cache`"), "{text}");
}

#[test]
fn a_name_that_no_query_has_is_a_warning() {
    let cache = Cache::new();
    let line = line!() + 1;
    cache.invalidate(["changed", "chnaged"]);
    cache.invalidate(["chnaged"]);
    let transaction = cache.transaction();
    transaction.cache().invalidate(["in_a_transaction"]);
    transaction.commit();
    let warnings = graph().warnings();
    let name = |warning: &Warning| match warning {
        Warning::UnknownName { name, file, line, .. } => Some((name.clone(), *file, *line)),
        _ => None,
    };
    let names: Vec<_> = warnings.iter().filter_map(name).collect();
    assert_eq!(names, [("chnaged".to_owned(), file!(), line), ("in_a_transaction".to_owned(), file!(), line + 3)]);
    let text = warnings.iter().find(|warning| name(warning).is_some()).expect("there are two").to_string();
    assert!(text.starts_with("`chnaged` is invalidated by name (") && text.contains("correct it"), "{text}");
}
