//! Queries with generic arguments of their own: each instantiation has its own entries.

use std::fmt::Display;
use std::hash::Hash;

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m", tags("shown:{key}"))]
    fn show<K: Display + Hash + Eq + Clone + Send + Sync + 'static>(&self, key: K) -> String {
        key.to_string()
    }

    #[cached_query(ttl = "5m", key(key.to_string()))]
    fn length<K>(&self, key: &K) -> usize
    where
        K: Display + ?Sized,
    {
        key.to_string().len()
    }

    #[cached_query(ttl = "5m")]
    fn default<T: Default + Clone + Send + Sync + 'static, const N: usize>(&self) -> Vec<T> {
        vec![T::default(); N]
    }

    #[invalidates("show", "default")]
    fn change(&self) {}

    #[invalidates(show::<u32>(key))]
    fn change_number(&self, key: u32) {}

    #[invalidates(show(key.clone()))]
    fn change_any<K: Display + Hash + Eq + Clone + Send + Sync + 'static>(&self, key: K) -> K {
        key
    }
}

#[cached_query(ttl = "5m")]
fn double<T: Clone + Eq + Hash + Send + Sync + 'static>(of: T) -> (T, T) {
    (of.clone(), of)
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    let fill = || assert_eq!((repo.show(1_u32), repo.show("1")), ("1".to_owned(), "1".to_owned()));
    fill();
    assert_eq!(repo.cache.len(), 2);
    repo.change_number(1);
    assert_eq!(repo.cache.len(), 1);
    fill();
    assert_eq!(repo.change_any("1"), "1");
    assert_eq!(repo.cache.len(), 1);
    assert_eq!((repo.length("abc"), repo.length(&12)), (3, 2));
    assert_eq!((repo.default::<u8, 2>(), repo.default::<u8, 3>()), (vec![0; 2], vec![0; 3]));
    repo.change();
    assert_eq!(repo.cache.len(), 2);
    assert_eq!((double(1), double('a')), ((1, 1), ('a', 'a')));
    assert_eq!(Cache::global().len(), 2);
}
