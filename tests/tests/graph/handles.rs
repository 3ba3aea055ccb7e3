//! What runs tell that is no warning, and what is left when they are taken out.

use cache_core::{Cache, HasCache, Warning, cached_query, graph, invalidates};

use super::{path_of_query, paths, query};

#[derive(HasCache)]
struct Books {
    cache: Cache,
}

impl Books {
    #[cached_query]
    fn a_title(&self) -> u32 {
        1
    }

    #[cached_query]
    fn b_title(&self) -> u32 {
        2
    }

    /// Reads them in another order than that of their names.
    #[cached_query]
    fn c_titles(&self) -> u32 {
        self.b_title() - self.a_title()
    }

    #[cached_query]
    fn d_shelves(&self) -> u32 {
        self.c_titles() + 1
    }

    #[cached_query]
    fn e_library(&self) -> u32 {
        self.d_shelves() + 1
    }

    #[cached_query]
    fn named_at_run_time(&self) -> u32 {
        4
    }
}

#[derive(HasCache)]
struct Loans {
    cache: Cache,
}

impl Loans {
    #[invalidates(Books::a_title, Books::b_title)]
    fn lend(&self) {}
}

#[test]
fn a_write_in_one_of_two_caches_that_have_the_query_is_no_warning() {
    let shops = [(); 2].map(|()| Books { cache: Cache::new() });
    for books in &shops {
        books.c_titles();
        books.cache.invalidate_all();
    }
    Loans { cache: shops[0].cache.clone() }.lend();
    let is_of_lend = |warning: &Warning| match warning {
        Warning::NeverCachedThere { mutation, .. } => mutation.function == "lend",
        _ => false,
    };
    assert!(!graph().warnings().iter().any(is_of_lend));
}

#[test]
fn what_was_read_is_listed_by_module_and_name() {
    let books = Books { cache: Cache::new() };
    books.b_title();
    books.c_titles();
    let graph = graph();
    assert_eq!(paths(&graph, &query(&graph, "handles::c_titles").reads), ["handles::a_title", "handles::b_title"]);
}

fn is_never_invalidated(warnings: &[Warning], name: &str) -> bool {
    warnings.iter().any(|warning| match warning {
        Warning::NeverInvalidated { query, .. } => path_of_query(query) == name,
        _ => false,
    })
}

/// However many reads are between.
#[test]
fn what_is_made_from_what_is_invalidated_is_no_warning() {
    let books = Books { cache: Cache::new() };
    books.e_library();
    let warnings = graph().warnings();
    for name in ["handles::c_titles", "handles::d_shelves", "handles::e_library"] {
        assert!(!is_never_invalidated(&warnings, name), "{name}");
    }
}

#[test]
fn without_runs_there_are_no_names_of_runs() {
    let books = Books { cache: Cache::new() };
    books.named_at_run_time();
    books.cache.invalidate(["named_at_run_time"]);
    let is_warned_of = |warnings: Vec<Warning>| is_never_invalidated(&warnings, "handles::named_at_run_time");
    assert!(!is_warned_of(graph().warnings()) && is_warned_of(graph().without_runs().warnings()));
}
