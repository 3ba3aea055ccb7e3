//! says: `?` couldn't convert the error to `String`

use cache_core::{Cache, HasCache, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[invalidates(all)]
    async fn change(&self, text: &str) -> Result<u32, String> {
        let id: u32 = text.parse()?;
        Ok(id)
    }
}

fn main() {}
