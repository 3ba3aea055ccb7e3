//! Every receiver that a query may have.

use std::sync::Arc;

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    /// No query: what is read through one is forgotten with it.
    fn number(&self, id: u32) -> u32 {
        id
    }

    #[cached_query(ttl = "5m")]
    fn by_reference(&self, id: u32) -> u32 {
        id
    }

    #[cached_query(ttl = "5m")]
    fn by_typed_reference(self: &Self, id: u32) -> u32 {
        id + self.number(id)
    }

    #[cached_query(ttl = "5m")]
    fn by_arc(self: Arc<Self>, id: u32) -> u32 {
        id + self.number(id)
    }

    #[cached_query(ttl = "5m")]
    fn by_path_to_arc(self: std::sync::Arc<Self>, id: u32) -> u32 {
        id + self.number(id)
    }

    #[cached_query(ttl = "5m")]
    fn by_reference_to_arc(self: &Arc<Self>, id: u32) -> u32 {
        id + Arc::clone(self).by_arc(id)
    }

    #[invalidates("by_reference", by_arc(id))]
    fn write_by_arc(self: Arc<Self>, id: u32) {}

    #[invalidates("by_path_to_arc", by_reference_to_arc(id), by_typed_reference(id))]
    fn write_by_mut(&mut self, id: u32) {}

    #[invalidates(all)]
    fn consume(self) -> Cache {
        self.cache.clone()
    }
}

fn main() {
    let mut repo = Arc::new(Repo { cache: Cache::new() });
    assert_eq!(repo.by_reference(1), 1);
    assert_eq!(repo.by_typed_reference(1), 2);
    assert_eq!(Arc::clone(&repo).by_path_to_arc(1), 2);
    assert_eq!(repo.by_reference_to_arc(1), 3);
    assert_eq!(repo.cache.len(), 5);
    assert_eq!(Arc::clone(&repo).by_arc(1), 2);
    assert_eq!(repo.cache.stats().hits, 1);
    Arc::clone(&repo).write_by_arc(1);
    assert_eq!(repo.cache.len(), 2, "what was made from `by_arc` is forgotten with it");
    assert_eq!(repo.by_reference_to_arc(1), 3);
    assert_eq!(repo.cache.len(), 4);
    Arc::get_mut(&mut repo).unwrap().write_by_mut(1);
    assert_eq!(repo.cache.len(), 1, "`by_arc` is left");
    assert!(Arc::into_inner(repo).unwrap().consume().is_empty());
}
