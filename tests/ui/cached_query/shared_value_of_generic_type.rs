//! says: add the bounds `Serialize + DeserializeOwned` to a generic one

use cache_core::{Cache, HasCache, cached_query};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(shared)]
    fn get<T: Clone + Default + Send + Sync + 'static>(&self, id: u32) -> T {
        let _ = id;
        T::default()
    }
}

fn main() {}
