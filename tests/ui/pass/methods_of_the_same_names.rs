//! A trait of the user's that gives all types methods of the names that generated code calls.

use cache_core::{Cache, HasCache, cached_query, invalidates};

trait Everywhere {
    fn part(&self) -> &'static str {
        "not this one"
    }
    fn outcome(&self) -> &'static str {
        "not this one"
    }
    fn load(&self) -> &'static str {
        "not this one"
    }
    fn key(&self) -> &'static str {
        "not this one"
    }
    fn tag(&self) -> &'static str {
        "not this one"
    }
    fn tags(&self) -> &'static str {
        "not this one"
    }
    fn with_capacity(&self) -> &'static str {
        "not this one"
    }
}

impl<T: ?Sized> Everywhere for T {}

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m", capacity = 10, tags("id:{id}"), tags_from = |value| [value.to_string()], cache_if = |_| true)]
    fn get(&self, id: u32, text: &str) -> Result<usize, String> {
        Ok(id as usize + text.len() + text.part().len())
    }

    #[cached_query(key(text))]
    fn keyed(&self, text: Option<&str>) -> u32 {
        u32::from(text.is_some())
    }

    #[invalidates("keyed", get(id, "a"), on = "ok")]
    fn change(&self, id: u32) {}
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    assert_eq!((repo.get(1, "a"), repo.keyed(Some("a"))), (Ok(14), 1));
    assert_eq!(repo.cache.len(), 2);
    repo.change(1);
    assert!(repo.cache.is_empty());
}
