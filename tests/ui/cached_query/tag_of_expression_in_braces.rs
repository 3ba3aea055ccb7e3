//! says: the braces of a tag hold a name, as in `{artist_id}`

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Artist {
    id: u32,
}

impl Repo {
    #[cached_query(tags("artist:{artist.id}"))]
    fn get(&self, artist: Artist) -> u32 {
        artist.id
    }
}

fn main() {}
