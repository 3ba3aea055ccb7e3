//! says: `?` couldn't convert the error to `String`

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    async fn get(&self, text: &str) -> Result<u32, String> {
        let id: u32 = text.parse()?;
        Ok(id)
    }
}

fn main() {}
