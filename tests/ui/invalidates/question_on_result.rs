//! says: `?` in a target is for an `Option`, and `Result<u32, ParseIntError>` is none

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query]
    fn get_track(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(get_track(text.parse::<u32>()?))]
    fn change(&self, text: &str) -> Result<u32, std::num::ParseIntError> {
        text.parse()
    }
}

fn main() {}
