//! A `Self` that borrows, and arguments with lifetimes of all kinds.

use std::borrow::Cow;

use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

#[derive(HasCache)]
struct Session<'db, 'c> {
    rows: &'db [u32],
    #[cache]
    cache: &'c Shared,
}

#[derive(HasCache)]
struct Shared {
    cache: Cache,
}

struct Page<'a> {
    limit: usize,
    title: &'a str,
}

impl<'db, 'c> Session<'db, 'c> {
    #[cached_query(ttl = "5m")]
    fn get(&self, at: usize) -> Option<u32> {
        self.rows.get(at).copied()
    }

    #[cached_query(ttl = "5m")]
    fn named<'a>(&'a self, title: &'a str) -> usize {
        title.len() + self.rows.len()
    }

    #[cached_query(ttl = "5m", key(page.limit, page.title))]
    fn page(&self, page: &Page<'_>) -> usize {
        page.title.len() + page.limit
    }

    #[cached_query(ttl = "5m", skip(_page))]
    fn skipped<'a>(&self, id: u32, _page: Page<'a>) -> u32 {
        id
    }

    #[cached_query(ttl = "5m")]
    fn borrowed_inside(&self, title: Option<&str>, pair: (&str, u32), many: &[&str], either: Cow<'_, str>) -> usize {
        title.map_or(0, str::len) + pair.0.len() + many.len() + either.len()
    }

    #[invalidates(get(at), borrowed_inside(Some(title), (title, 1), &[title], title.into()))]
    fn change(&self, at: usize, title: &str) {}
}

trait Count {
    fn count(&self) -> usize;
}

#[cached_impl]
impl<'db> Count for Session<'db, '_> {
    #[cached_query(ttl = "5m")]
    fn count(&self) -> usize {
        self.rows.len()
    }
}

fn main() {
    let shared = Shared { cache: Cache::new() };
    let rows = vec![7, 8];
    let session = Session { rows: &rows, cache: &shared };
    assert_eq!((session.get(1), session.named(&String::from("ab")), session.count()), (Some(8), 4, 2));
    assert_eq!(session.page(&Page { limit: 3, title: "abc" }), 6);
    assert_eq!(session.skipped(1, Page { limit: 1, title: "a" }), session.skipped(1, Page { limit: 2, title: "b" }));
    let title = String::from("x");
    assert_eq!(session.borrowed_inside(Some(&title), (&title, 1), &[&title], Cow::Borrowed(&title)), 4);
    assert_eq!(shared.cache.len(), 6);
    session.change(1, "x");
    assert_eq!(shared.cache.len(), 4);
}
