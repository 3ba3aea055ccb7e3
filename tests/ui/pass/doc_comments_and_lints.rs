//! Doc comments and lint attributes, outside and inside, on functions and on arguments.
#![deny(warnings)]

use cache_core::{Cache, HasCache, cached_query, invalidates};

/// A repository.
#[derive(HasCache)]
pub struct Repo {
    /// Its cache.
    cache: Cache,
}

impl Repo {
    /// Above.
    #[cached_query(ttl = "5m")]
    /// Below.
    #[allow(unreachable_code, reason = "it is there to be kept by the attribute")]
    fn get(&self, #[allow(unused_variables, reason = "it is there to be kept by the attribute")] unused: u32, id: u32) -> u32 {
        //! Within.
        #![allow(unused_assignments, reason = "it shows that such an attribute keeps its meaning")]
        let mut value = 0;
        value = id;
        value
    }

    /** A block
    of documentation. */
    #[doc(alias = "find")]
    #[expect(path_statements, reason = "it is to be fulfilled")]
    #[cached_query(
        ttl = "5m", // A comment.
        /* Another. */ tags("id"),
    )]
    fn expected(&self, unused: u32) -> u32 {
        unused;
        1
    }

    /// Not used by anybody.
    #[allow(dead_code, reason = "it is there to be kept by the attribute")]
    #[cached_query(ttl = "5m")]
    fn dead(&self) -> u32 {
        1
    }

    /// Above.
    #[invalidates("get")]
    #[allow(unused_variables, reason = "it is there to be kept by the attribute")]
    fn change(&self, unused: u32) {
        //! Within.
        #![allow(clippy::needless_return, reason = "it is there to be kept by the attribute")]
        return;
    }
}

#[allow(dead_code, reason = "it is there to be kept by the attribute")]
#[cached_query(ttl = "5m")]
fn dead() -> u32 {
    1
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    assert_eq!((repo.get(1, 2), repo.expected(1)), (2, 1));
    repo.change(1);
    assert_eq!(repo.cache.len(), 1);
}
