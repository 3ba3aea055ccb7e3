//! A query with `shared`, and a target and an entry of it.

use cache_core::{Cache, HasCache, cached_query, entry, invalidates};

#[derive(Clone)]
struct Track(String);

#[derive(HasCache)]
struct Repo {
    tenant: u32,
    cache: Cache,
}

impl Repo {
    #[cached_query(shared, key(self.tenant, title.len()), tags("title:{title}"))]
    async fn get(&self, title: &str) -> Result<Track, String> {
        Ok(Track(title.to_owned()))
    }

    #[invalidates(get(title))]
    fn change(&self, title: &str) {}
}

fn main() {
    let repo = Repo { tenant: 1, cache: Cache::new() };
    repo.change("a");
    entry!(repo.get("a")).invalidate();
}
