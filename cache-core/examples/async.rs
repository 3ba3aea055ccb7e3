//! An asynchronous repository. The executor is futures-lite's here; any will do, the cache knows none.
//!
//! `cargo run -p cache-core --example async`

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use cache_core::{Cache, HasCache, TaggedCache, cached_query, invalidates};
use futures_lite::future::{block_on, poll_once, yield_now, zip};

#[derive(Clone, Debug, PartialEq)]
struct Offline;

#[derive(Default, HasCache)]
struct Library {
    tracks: Mutex<BTreeMap<u32, String>>, // think of a pool of connections
    queries: AtomicU32,
    cache: Cache,
}

impl Library {
    /// An error is shared by all who waited, as it can be cloned, and is not cached.
    #[cached_query(ttl = "5m")]
    async fn track(&self, id: u32) -> Result<String, Offline> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        yield_now().await;
        self.tracks.lock().unwrap().get(&id).cloned().ok_or(Offline)
    }

    #[invalidates(track(id))]
    async fn save_track(&self, id: u32, title: &str) {
        yield_now().await;
        self.tracks.lock().unwrap().insert(id, title.to_owned());
    }
}

async fn run() {
    let library = Library::default();
    let queries = || library.queries.load(Ordering::Relaxed);

    // Calls at the same time share one load, also its error.
    assert_eq!(zip(library.track(1), library.track(1)).await, (Err(Offline), Err(Offline)));
    assert_eq!(queries(), 1);

    library.save_track(1, "Hello").await;
    let (first, second) = zip(library.track(1), library.track(1)).await;
    assert_eq!((first, second, queries()), (Ok("Hello".into()), Ok("Hello".into()), 2));

    // A hit is ready at once.
    assert_eq!(poll_once(library.track(1)).await, Some(Ok("Hello".into())));

    // A write that is dropped half-done invalidates, because nobody knows how far it got. One that was never polled does not.
    drop(library.save_track(1, "Never"));
    assert_eq!(library.cache.len(), 1);
    assert_eq!(poll_once(library.save_track(1, "Half-done")).await, None);
    assert!(library.cache.is_empty());

    // Without attributes: options, errors and tags are asked for where they are needed.
    let plays: TaggedCache<u32, u64> = TaggedCache::new();
    let load = async || "12".parse::<u64>().map_err(Arc::new);
    let count =
        plays.entry(&1).tags_from(|count| [format!("plays:{count}")]).share_errors().or_try_load_async(load).await;
    assert_eq!(count, Ok(12));
    plays.invalidate_tags(["plays:12"]);
    assert!(!plays.contains_key(&1));

    println!("{}", library.cache.stats());
}

pub(crate) fn main() {
    block_on(run());
}
