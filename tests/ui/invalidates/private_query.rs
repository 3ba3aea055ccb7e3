//! says: `__cached_query_get_track` is private

use cache_core::{Cache, HasCache, invalidates};

mod tracks {
    use cache_core::{Cache, HasCache, cached_query};

    #[derive(HasCache)]
    pub struct Tracks {
        cache: Cache,
    }

    impl Tracks {
        #[cached_query(ttl = "5m")]
        fn get_track(&self, id: u32) -> u32 {
            id
        }
    }
}

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[invalidates("tracks::Tracks::get_track")]
    fn change(&self) {}
}

fn main() {}
