//! Lint attributes of a query hold for all that is generated from its signature.
#![deny(warnings)]

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

#[deprecated]
#[derive(Clone, PartialEq, Eq, Hash)]
struct Old;

impl Repo {
    #[allow(non_snake_case, reason = "it is there to be kept by the attribute")]
    #[cached_query(ttl = "5m")]
    fn argument(&self, Id: u32) -> u32 {
        Id
    }

    #[expect(non_snake_case, reason = "it is there to be kept by the attribute")]
    #[cached_query(ttl = "5m")]
    fn Name(&self) -> u32 {
        1
    }

    #[allow(deprecated, reason = "it is there to be kept by the attribute")]
    #[cached_query(ttl = "5m", skip(old))]
    fn deprecated(&self, old: Old) -> bool {
        old == Old
    }

    #[allow(deprecated, reason = "it is there to be kept by the attribute")]
    #[invalidates("argument", Name(), deprecated(Old))]
    fn change(&self) {}
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    #[allow(deprecated, reason = "it is there to be kept by the attribute")]
    let deprecated = repo.deprecated(Old);
    assert_eq!((repo.argument(1), repo.Name(), deprecated), (1, 1, true));
    repo.change();
    assert!(repo.cache.is_empty());
}
