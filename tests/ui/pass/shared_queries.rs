//! Queries with `shared`, without a tier: they are cached as others are.

use std::borrow::Cow;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cache_core::{Cache, HasCache, cached_impl, cached_query, entry, invalidates};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Eq, Hash, Serialize, Debug)]
enum Genre {
    Jazz,
    Other(String),
}

// A key is written, but never read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize)]
struct Opaque(u32);

#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
struct Track {
    id: u32,
    title: Arc<str>,
}

#[derive(Clone, PartialEq, Debug)]
struct Failed;

type Fallible<T> = Result<T, Failed>;

type Optional = Option<&'static str>;

#[derive(HasCache)]
struct Library {
    tenant: u32,
    bodies: AtomicU32,
    keys: AtomicU32,
    cache: Cache,
}

impl Library {
    fn ran(&self) -> u32 {
        self.bodies.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn made(&self, key: u32) -> u32 {
        self.keys.fetch_add(1, Ordering::Relaxed);
        key
    }

    #[cached_query(ttl = "5m", shared)]
    fn none(&self) -> u32 {
        self.ran()
    }

    #[cached_query(ttl = Duration::from_secs(300), shared, tags("track:{id}"), cache_if = |track| track.is_some())]
    fn track(&self, id: u32, language: &str) -> Option<Track> {
        self.ran();
        Some(Track { id, title: language.into() })
    }

    #[cached_query(shared)]
    fn arguments(
        &self,
        (genre, opaque): (&Genre, Opaque),
        words: &[&str],
        pair: (&str, Option<&Genre>),
        text: Cow<'_, str>,
        alias: Optional,
        nested: Option<Option<u32>>,
        list: Vec<Genre>,
    ) -> Vec<usize> {
        self.ran();
        let _ = (genre, opaque.0, pair, alias, nested);
        vec![words.len(), text.len(), list.len()]
    }

    #[cached_query(shared, key(self.made(self.tenant), id))]
    fn keyed(&self, id: u32, _noise: f64) -> u32 {
        id
    }

    #[cached_query(shared, skip(noise))]
    fn fallible(&self, id: u32, noise: &mut f64) -> Result<Track, Failed> {
        *noise += 1.0;
        if id == 0 { Err(Failed) } else { Ok(Track { id, title: "".into() }) }
    }

    #[cached_query(shared, refresh_ahead = "1s", stale_if_error = "1h")]
    fn aliased(&self, id: u32) -> Fallible<u32> {
        if id == 0 { Err(Failed) } else { Ok(id + self.ran()) }
    }

    #[cached_query(ttl = "5m", refresh_ahead = "1s", background, shared)]
    fn background(self: Arc<Self>, id: u32) -> u32 {
        id + self.ran()
    }

    #[cached_query(shared)]
    fn associated(id: u32, cache: u8) -> u32 {
        id + u32::from(cache)
    }

    #[cached_query(shared)]
    fn generic<K, V>(&self, key: K) -> Option<V>
    where
        K: Hash + Eq + Clone + Send + Sync + Serialize + 'static,
        V: Clone + Send + Sync + Serialize + DeserializeOwned + 'static,
    {
        let _ = (key, self.ran());
        None
    }

    #[invalidates(track(id, language))]
    fn rename(&self, id: u32, language: &str) {
        let _ = self.tenant;
    }

    #[invalidates(keyed(id, 0.0), fallible(id, _), |id| aliased(*id), put track(id, "en") = |_| None)]
    fn change(&self, id: u32) -> u32 {
        id
    }
}

struct Generic<T> {
    made: T,
    cache: Cache,
}

impl<T> HasCache for Generic<T> {
    fn cache(&self) -> &Cache {
        &self.cache
    }
}

impl<T: Clone + Send + Sync + Serialize + DeserializeOwned + Hash + Eq + 'static> Generic<T> {
    #[cached_query(shared)]
    fn get(&self, key: &T) -> T {
        let _ = key;
        self.made.clone()
    }

    #[invalidates(get(key))]
    fn set(&self, key: &T) {}
}

trait Tracks {
    fn title(&self, id: u32) -> Option<String>;
    fn rename_one(&self, id: u32);
}

#[cached_impl]
impl Tracks for Library {
    #[cached_query(ttl = "5m", shared)]
    fn title(&self, id: u32) -> Option<String> {
        Some((id + self.ran()).to_string())
    }

    #[invalidates(title(id))]
    fn rename_one(&self, id: u32) {}
}

#[cached_query(ttl = "5m", shared)]
fn rate(currency: &str) -> f64 {
    currency.len() as f64
}

#[invalidates(rate(currency))]
fn set_rate(currency: &str) {}

mod of_another_name {
    pub use cache_core as core;

    use crate::of_another_name::core::{cached_query, invalidates};

    #[cached_query(shared, key(id.to_string()), crate = crate::of_another_name::core)]
    pub fn get(id: u32) -> u32 {
        id
    }

    #[invalidates(get(id), crate = crate::of_another_name::core)]
    pub fn set(id: u32) {}
}

fn library() -> Library {
    Library { tenant: 7, bodies: AtomicU32::new(0), keys: AtomicU32::new(0), cache: Cache::new() }
}

fn main() {
    let library = library();
    assert_eq!((library.none(), library.none()), (1, 1));

    let track = library.track(1, "en");
    assert_eq!((track.as_ref(), library.track(1, "de").map(|track| track.title)), (track.as_ref(), Some("de".into())));
    library.rename(1, "en");
    assert_eq!(library.cache.len(), 2);
    assert!(!entry!(library.track(1, "en")).is_cached() && entry!(library.track(1, "de")).is_cached());
    entry!(library.track(1, "de")).invalidate();
    assert_eq!(library.cache.len(), 1);

    let genre = Genre::Other("x".into());
    let arguments = || {
        let (pair, text) = (("a", Some(&Genre::Jazz)), Cow::Borrowed("abc"));
        library.arguments((&genre, Opaque(1)), &["a", "b"], pair, text, Some("c"), Some(None), vec![Genre::Jazz])
    };
    assert_eq!((arguments(), arguments()), (vec![2, 3, 1], vec![2, 3, 1]));

    let keys = || library.keys.load(Ordering::Relaxed);
    assert_eq!((library.keyed(1, 0.5), keys()), (1, 1), "a miss makes the key once");
    assert_eq!((library.keyed(1, 0.7), keys()), (1, 2), "so does a hit");

    let mut noise = 0.0;
    assert_eq!(library.fallible(0, &mut noise), Err(Failed));
    assert_eq!(library.fallible(1, &mut noise), library.fallible(1, &mut noise));
    assert_eq!(noise, 2.0);
    assert_eq!((library.aliased(0), library.aliased(1)), (Err(Failed), library.aliased(1)));
    assert_eq!(Library::associated(1, 2), 3);
    assert_eq!(library.generic::<_, String>(String::from("a")), None);
    library.track(1, "en");
    library.change(1);
    assert_eq!(entry!(library.track(1, "en")).get(), None);
    assert!(!entry!(library.keyed(1, 0.0)).is_cached() && !entry!(library.aliased(1)).is_cached());

    let generic = Generic { made: String::from("a"), cache: Cache::new() };
    assert_eq!(generic.get(&String::from("b")), "a");
    generic.set(&String::from("b"));
    assert!(generic.cache.is_empty());

    let title = library.title(1);
    assert_eq!(library.title(1), title);
    library.rename_one(1);
    assert_ne!(library.title(1), title);

    assert_eq!((rate("EUR"), of_another_name::get(1)), (3.0, 1));
    assert!(entry!(rate("EUR")).is_cached() && entry!(of_another_name::get(1)).is_cached());
    set_rate("EUR");
    of_another_name::set(1);
    assert!(!entry!(rate("EUR")).is_cached() && !entry!(of_another_name::get(1)).is_cached());

    let library = Arc::new(library);
    assert_eq!(Arc::clone(&library).background(1), library.background(1));
}
