//! Arguments that are patterns: what they bind is the key.

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(Clone, PartialEq, Eq, Hash)]
struct Page {
    limit: u32,
    offset: u32,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Id(u32);

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m", tags("b:{b}"))]
    fn tuple(&self, (a, b): (u32, u32)) -> u32 {
        a + b
    }

    #[cached_query(ttl = "5m")]
    fn fields(&self, Page { limit, offset: from }: Page, Id(id): Id) -> u32 {
        limit + from + id
    }

    #[cached_query(ttl = "5m")]
    fn borrowed(&self, &Page { limit, ref offset }: &Page, [first, .., last]: [u32; 3]) -> u32 {
        limit + offset + first + last
    }

    #[cached_query(ttl = "5m")]
    fn mutable(&self, mut id: u32, (mut a, ref b): (u32, String)) -> usize {
        id += 1;
        a += id;
        a as usize + b.len()
    }

    #[cached_query(ttl = "5m")]
    fn unnamed(&self, _: u32, _unused: u32, (_, a): (u32, u32)) -> u32 {
        a
    }

    #[cached_query(ttl = "5m", skip(b))]
    fn skipped(&self, (a, b): (u32, f64)) -> u32 {
        a + b as u32
    }

    #[cached_query(ttl = "5m", key(whole.limit))]
    fn bound_whole(&self, whole @ Page { .. }: Page) -> u32 {
        whole.limit
    }

    #[invalidates(tuple((a, b)), fields(page.clone(), Id(a)))]
    fn change(&self, (a, b): (u32, u32), page: Page) {}

    #[invalidates("unnamed", tags("b:{b}"))]
    fn change_tag(&self, Id(b): Id, _: &str) {}

    #[invalidates("mutable")]
    fn change_in_place(&self, ref mut id: u32, (ref mut a, _): (u32, u32)) -> u32 {
        *id += 1;
        *a += *id;
        *a
    }
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    let page = Page { limit: 1, offset: 2 };
    assert_eq!((repo.tuple((1, 2)), repo.fields(page.clone(), Id(1)), repo.tuple((2, 2))), (3, 4, 4));
    assert_eq!((repo.borrowed(&page, [1, 2, 3]), repo.mutable(1, (2, "x".to_owned()))), (7, 5));
    assert_eq!((repo.unnamed(1, 2, (3, 4)), repo.unnamed(2, 2, (3, 4))), (4, 4));
    assert_eq!((repo.skipped((1, 1.0)), repo.skipped((1, 2.0)), repo.bound_whole(page.clone())), (2, 2, 1));
    assert_eq!(repo.cache.len(), 9);
    let shown: Vec<String> = repo.cache.entries().into_iter().map(|entry| entry.arguments).collect();
    assert!(shown.iter().any(|arguments| arguments == "a = 2, b = 2"), "{shown:?}");
    assert!(shown.iter().any(|arguments| arguments.starts_with("_ = 1, _unused = 2, a = ")), "{shown:?}");
    repo.change((1, 2), page);
    assert_eq!(repo.cache.len(), 7);
    repo.change_tag(Id(2), "");
    assert_eq!(repo.cache.len(), 4);
    assert_eq!((repo.change_in_place(1, (2, 3)), repo.cache.len()), (4, 3));
}
