//! One type that has methods of one name of two traits and of its own, and two types that have them of one trait.

use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

trait Tracks {
    fn get(&self, id: u32) -> String;
    fn change_track(&self);
}

trait Artists {
    fn get(&self, id: u32) -> String;
    fn change_artist(&self, id: u32);
}

#[derive(HasCache)]
struct One {
    cache: Cache,
}

#[derive(HasCache)]
struct Two {
    cache: Cache,
}

#[cached_impl]
impl Tracks for One {
    #[cached_query(ttl = "5m")]
    fn get(&self, id: u32) -> String {
        format!("track {id} of one")
    }

    #[invalidates("get")]
    fn change_track(&self) {}
}

#[cached_impl]
impl Artists for One {
    #[cached_query(ttl = "5m")]
    fn get(&self, id: u32) -> String {
        format!("artist {id} of one")
    }

    #[invalidates(get(id))]
    fn change_artist(&self, id: u32) {
        let _ = id;
    }
}

#[cached_impl]
impl Tracks for Two {
    #[cached_query(ttl = "5m")]
    fn get(&self, id: u32) -> String {
        format!("track {id} of two")
    }

    #[invalidates("get")]
    fn change_track(&self) {}
}

fn main() {
    let cache = Cache::new();
    let (one, two) = (One { cache: cache.clone() }, Two { cache: cache.clone() });
    assert_eq!(Tracks::get(&one, 1), "track 1 of one");
    assert_eq!(Artists::get(&one, 1), "artist 1 of one");
    assert_eq!(two.get(1), "track 1 of two");
    assert_eq!(cache.len(), 3);
    one.change_track();
    assert_eq!(cache.len(), 2);
    one.change_artist(1);
    assert_eq!(cache.len(), 1);
    two.change_track();
    assert!(cache.is_empty());
}
