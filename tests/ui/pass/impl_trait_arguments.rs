//! Arguments of type `impl Trait`, with `key(..)`, with `skip(..)`, and with bounds that make them keys.

use std::fmt::Display;
use std::hash::Hash;

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m", key(name.to_string()))]
    fn length(&self, name: impl Display) -> usize {
        name.to_string().len()
    }

    #[cached_query(ttl = "5m", skip(wanted))]
    fn first(&self, from: u32, wanted: impl Fn(u32) -> bool) -> Option<u32> {
        (from..from + 100).find(|&each| wanted(each))
    }

    #[cached_query(ttl = "5m")]
    fn pair(&self, of: impl Hash + Eq + Clone + Send + Sync + Display + 'static) -> String {
        format!("{of}{of}")
    }

    #[invalidates("length", "first", tags("name:{name}"))]
    fn change(&self, name: impl Display + Copy) -> impl Display {
        name
    }
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    assert_eq!((repo.length("ab"), repo.length(12), repo.length(12_u8)), (2, 2, 2));
    assert_eq!((repo.first(1, |each| each % 7 == 0), repo.first(1, |_| true)), (Some(7), Some(1)));
    assert_eq!((repo.pair('a'), repo.pair("b")), ("aa".to_owned(), "bb".to_owned()));
    assert_eq!(repo.cache.len(), 7);
    assert_eq!(repo.change(1).to_string(), "1");
    assert_eq!(repo.cache.len(), 2);
}
