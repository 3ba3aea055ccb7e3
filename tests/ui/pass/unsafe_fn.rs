//! Functions that are `unsafe`, and bodies that use such.
#![deny(unsafe_op_in_unsafe_fn)]

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    /// # Safety
    ///
    /// `at` is less than 3.
    #[cached_query(ttl = "5m")]
    unsafe fn get(&self, at: usize) -> u32 {
        // SAFETY: the caller sees to it.
        unsafe { *[1, 2, 3].get_unchecked(at) }
    }

    #[cached_query(ttl = "5m")]
    fn safe(&self) -> u32 {
        // SAFETY: 2 is less than 3.
        unsafe { self.get(2) }
    }

    /// # Safety
    ///
    /// None is needed.
    #[invalidates("safe", get(at))]
    unsafe fn change(&self, at: usize) {}
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    // SAFETY: 1 is less than 3.
    assert_eq!(unsafe { repo.get(1) }, 2);
    assert_eq!(repo.safe(), 3);
    assert_eq!(repo.cache.len(), 3);
    // SAFETY: it asks for none.
    unsafe { repo.change(1) };
    assert_eq!(repo.cache.len(), 1);
}
