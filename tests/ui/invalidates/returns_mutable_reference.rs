//! says: return it without `mut`

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    title: String,
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get_title(&self) -> String {
        self.title.clone()
    }

    #[invalidates("get_title")]
    fn title_mut(&mut self) -> &mut String {
        &mut self.title
    }
}

fn main() {}
