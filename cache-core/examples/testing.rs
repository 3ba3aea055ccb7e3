//! How a repository is tested: with time that moves when it is told to, and against the same repository without a cache.
//!
//! `cargo run -p cache-core --example testing`

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use cache_core::{Cache, HasCache, ManualClock, cached_query, invalidates};

#[derive(HasCache)]
struct Library {
    tracks: RefCell<BTreeMap<u32, String>>, // think of a database
    cache: Cache,
}

impl Library {
    fn new(cache: Cache) -> Self {
        Self { tracks: RefCell::default(), cache }
    }

    #[cached_query(ttl = "5m")]
    fn track(&self, id: u32) -> Option<String> {
        self.tracks.borrow().get(&id).cloned()
    }

    #[cached_query(ttl = "1m")]
    fn count(&self) -> usize {
        self.tracks.borrow().len()
    }

    #[invalidates(track(id), "count")]
    fn save(&self, id: u32, title: &str) {
        self.tracks.borrow_mut().insert(id, title.to_owned());
    }

    #[invalidates(track(id), "count")]
    fn delete(&self, id: u32) {
        self.tracks.borrow_mut().remove(&id);
    }
}

/// Is a value served for its time to live, and no longer?
fn it_expires() {
    let clock = ManualClock::new();
    let library = Library::new(Cache::builder().clock(clock.clone()).build());
    let loads_of_a_call = || {
        let before = library.cache.stats().loads;
        library.count();
        library.cache.stats().loads - before
    };
    assert_eq!((loads_of_a_call(), loads_of_a_call()), (1, 0));
    clock.advance(Duration::from_secs(59));
    assert_eq!(loads_of_a_call(), 0);
    clock.advance(Duration::from_secs(1));
    assert_eq!(loads_of_a_call(), 1);
}

/// Do the writes name all that they make stale? Whatever is done, the answers are those of a repository without a cache.
fn it_is_never_stale() {
    let (cached, plain) = (Library::new(Cache::new()), Library::new(Cache::builder().capacity(0).build()));
    let answers = |library: &Library| (library.count(), [1, 2, 3].map(|id| library.track(id)));
    let writes: [fn(&Library); 4] =
        [|it| it.save(1, "Helo"), |it| it.save(1, "Hello"), |it| it.save(2, "World"), |it| it.delete(1)];
    assert_eq!(answers(&cached), answers(&plain));
    for write in writes {
        write(&cached);
        write(&plain);
        assert_eq!(answers(&cached), answers(&plain));
        assert_eq!(answers(&cached), answers(&plain));
    }
    assert!(cached.cache.stats().hits > 0, "the cache took part");
    println!("with a cache\n{}\n\nwithout\n{}", cached.cache.stats(), plain.cache.stats());
}

pub(crate) fn main() {
    it_expires();
    it_is_never_stale();
}
