//! says: write the call of a query, as in `entry!(repository.get_track(5))`

use cache_core::{Cache, HasCache, cached_query, entry};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query]
    async fn get_track(&self, id: u32) -> Result<u32, String> {
        Ok(id)
    }
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    let _ = entry!();
}
