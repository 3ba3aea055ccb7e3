//! Methods that a trait provides: with `#[cached_impl]` the trait can be used through `dyn`, without it not.

use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

trait Plain: HasCache {
    fn raw(&self, id: u32) -> u32;

    #[cached_query(ttl = "5m")]
    fn get(&self, id: u32) -> u32 {
        self.raw(id)
    }

    #[invalidates("get")]
    fn change(&self) {}
}

#[cached_impl]
trait Dyn: HasCache {
    fn raw(&self, id: u32) -> u32;

    #[cached_query(ttl = "5m")]
    fn get(&self, id: u32) -> u32 {
        self.raw(id)
    }
}

#[derive(HasCache)]
struct One {
    cache: Cache,
}

#[derive(HasCache)]
struct Two {
    cache: Cache,
}

impl Plain for One {
    fn raw(&self, id: u32) -> u32 {
        id + 1
    }
}

impl Plain for Two {
    fn raw(&self, id: u32) -> u32 {
        id + 2
    }
}

impl Dyn for One {
    fn raw(&self, id: u32) -> u32 {
        id + 10
    }
}

impl Dyn for Two {
    fn raw(&self, id: u32) -> u32 {
        id + 20
    }

    fn get(&self, id: u32) -> u32 {
        id
    }
}

fn main() {
    let cache = Cache::new();
    let (one, two) = (One { cache: cache.clone() }, Two { cache: cache.clone() });
    assert_eq!((Plain::get(&one, 1), Plain::get(&two, 1)), (2, 3));
    assert_eq!(cache.len(), 2);
    Plain::change(&one);
    assert_eq!(cache.len(), 1);
    let all: [&dyn Dyn; 2] = [&one, &two];
    assert_eq!(all.map(|each| each.get(1)), [11, 1]);
    assert_eq!(cache.len(), 2);
}
