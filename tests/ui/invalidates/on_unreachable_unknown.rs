//! says: did you mean `fail`?

use cache_core::{Cache, HasCache, PublishError, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query]
    fn get(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(get(id), on_unreachable = "fails")]
    fn change(&self, id: u32) -> Result<(), PublishError> {
        let _ = id;
        Ok(())
    }
}

fn main() {}
