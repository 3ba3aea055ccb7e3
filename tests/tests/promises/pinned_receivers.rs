//! P11: mutations with a pinned receiver.

use std::pin::Pin;
use std::sync::Arc;

use cache_core::{Cache, HasCache, cached_query, invalidates};
use futures_lite::future::{block_on, yield_now};

#[derive(HasCache, Default)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query]
    fn read(&self, id: u32) -> u32 {
        id
    }

    #[invalidates("read")]
    fn pinned(self: Pin<&Self>) {}

    #[invalidates(read(id))]
    fn pinned_mut(self: Pin<&mut Self>, id: u32) -> u32 {
        id
    }

    #[invalidates("read")]
    fn pinned_box(self: Pin<Box<Self>>) {}

    #[invalidates(|id| read(*id))]
    fn pinned_arc(self: Pin<Arc<Self>>, id: u32) -> u32 {
        id
    }

    #[invalidates("read")]
    fn pinned_reference_to_arc(self: Pin<&Arc<Self>>) {}

    #[invalidates(read(id))]
    async fn pinned_async(self: Pin<&Self>, id: u32) -> u32 {
        yield_now().await;
        id
    }

    #[invalidates("read")]
    async fn pinned_arc_async(self: Pin<Arc<Self>>) {
        yield_now().await;
    }
}

/// A repository with one entry, and a handle of its cache that outlives it.
fn warm() -> (Repo, Cache) {
    let repo = Repo::default();
    repo.read(1);
    let cache = repo.cache.clone();
    assert_eq!(cache.len(), 1);
    (repo, cache)
}

#[test]
fn p11_a_mutation_with_a_pinned_receiver_invalidates() {
    let calls: [fn(Repo); 7] = [
        |repo| Pin::new(&repo).pinned(),
        |mut repo| assert_eq!(Pin::new(&mut repo).pinned_mut(1), 1),
        |repo| Box::pin(repo).pinned_box(),
        |repo| assert_eq!(Arc::pin(repo).pinned_arc(1), 1),
        |repo| Pin::new(&Arc::new(repo)).pinned_reference_to_arc(),
        |repo| assert_eq!(block_on(Pin::new(&repo).pinned_async(1)), 1),
        |repo| block_on(Arc::pin(repo).pinned_arc_async()),
    ];
    for (number, call) in (0..).zip(calls) {
        let (repo, cache) = warm();
        call(repo);
        assert_eq!(cache.len(), 0, "number {number}");
    }
}
