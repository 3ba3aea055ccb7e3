//! Types of one name with methods of one name, in two modules, in one cache.

use cache_core::{Cache, HasCache, invalidates};

mod a {
    #[derive(cache_core::HasCache)]
    pub(crate) struct Repo {
        pub(crate) cache: cache_core::Cache,
    }

    impl Repo {
        #[cache_core::cached_query(ttl = "5m")]
        pub(crate) fn get(&self, id: u32) -> &'static str {
            if id == 0 { "" } else { "a" }
        }
    }
}

mod b {
    #[derive(cache_core::HasCache)]
    pub(crate) struct Repo {
        pub(crate) cache: cache_core::Cache,
    }

    impl Repo {
        #[cache_core::cached_query(ttl = "5m")]
        pub(crate) fn get(&self, id: u32) -> &'static str {
            if id == 0 { "" } else { "b" }
        }
    }
}

#[derive(HasCache)]
struct Writer {
    cache: Cache,
}

impl Writer {
    #[invalidates("a::Repo::get")]
    fn change_a(&self) {}

    #[invalidates(b::Repo::get(id))]
    fn change_b(&self, id: u32) {}
}

fn main() {
    let cache = Cache::new();
    let (a, b) = (a::Repo { cache: cache.clone() }, b::Repo { cache: cache.clone() });
    let writer = Writer { cache: cache.clone() };
    assert_eq!((a.get(1), b.get(1), b.get(2)), ("a", "b", "b"));
    assert_eq!(cache.len(), 3);
    writer.change_a();
    assert_eq!(cache.len(), 2);
    writer.change_b(2);
    assert_eq!((cache.len(), cache.entries()[0].arguments.as_str()), (1, "id = 1"));
}
