//! `impl Trait` within the type that a write returns.

use cache_core::{Cache, HasCache, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[invalidates(all)]
    fn option(&self) -> Option<impl Fn() -> u32> {
        Some(|| 1)
    }

    #[invalidates(all)]
    fn pair<'a>(&self, of: &'a [u32]) -> (u32, impl Iterator<Item = &'a u32>) {
        (1, of.iter())
    }

    #[invalidates(all, on = "ok")]
    fn result(&self) -> Result<impl Fn() -> u32, String> {
        Ok(|| 1)
    }
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    assert_eq!(repo.option().map(|function| function()), Some(1));
    assert_eq!(repo.pair(&[1, 2]).1.count(), 2);
    assert_eq!(repo.result().map(|function| function()), Ok(1));
}
