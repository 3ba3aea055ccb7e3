//! says: implement `From<cache_core::PublishError>` for `Failed`

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

struct Failed;

type Fallible<T> = Result<T, Failed>;

impl Repo {
    #[cached_query]
    fn get(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(get(id), on_unreachable = "fail")]
    async fn change(&self, id: u32) -> Fallible<u32> {
        Ok(id)
    }
}

fn main() {}
