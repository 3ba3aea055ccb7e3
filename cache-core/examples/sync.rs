//! A repository whose reads are cached, and whose writes invalidate exactly what they make stale.
//!
//! `cargo run -p cache-core --example sync`

use std::collections::BTreeMap;
use std::sync::Mutex;

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(Default, HasCache)]
struct Library {
    tracks: Mutex<BTreeMap<u32, String>>, // think of a database
    cache: Cache,
}

impl Library {
    #[cached_query(ttl = "5m")]
    fn all_tracks(&self, limit: usize, offset: usize) -> Vec<String> {
        self.tracks.lock().unwrap().values().skip(offset).take(limit).cloned().collect()
    }

    #[cached_query(ttl = "5m", tags(letter(text)))]
    fn search(&self, text: &str) -> Vec<String> {
        self.tracks.lock().unwrap().values().filter(|title| title.starts_with(text)).cloned().collect()
    }

    #[cached_query(ttl = "5m")]
    fn track(&self, id: u32) -> Option<String> {
        self.tracks.lock().unwrap().get(&id).cloned()
    }

    /// Made from other queries: it is invalidated with the tracks that it shows, and nobody has to name it.
    #[cached_query(ttl = "1h")]
    fn playlist(&self, ids: &[u32]) -> String {
        let titles: Vec<_> = ids.iter().filter_map(|&id| self.track(id)).collect();
        titles.join(", ")
    }

    /// By name, because any page may show the track; by tag, because some searches find it; by key, because the track is
    /// known.
    #[invalidates("all_tracks", tags(letter(title)), track(id))]
    fn save_track(&self, id: u32, title: &str) {
        self.tracks.lock().unwrap().insert(id, title.to_owned());
    }
}

/// The tag that the searches and the writes must agree on.
fn letter(text: &str) -> String {
    format!("letter:{}", text.chars().next().unwrap_or(' '))
}

pub(crate) fn main() {
    let library = Library::default();
    library.save_track(1, "Thunderstruck");
    library.save_track(2, "Hells Bells");

    assert_eq!(library.track(1).as_deref(), Some("Thunderstruck")); // loaded
    assert_eq!(library.track(1).as_deref(), Some("Thunderstruck")); // from the cache
    assert_eq!(library.all_tracks(10, 0), ["Thunderstruck", "Hells Bells"]);
    assert_eq!(library.search("T"), ["Thunderstruck"]);
    assert_eq!(library.search("B"), [""; 0]);
    assert_eq!(library.playlist(&[1, 2]), "Thunderstruck, Hells Bells");
    assert_eq!(library.playlist(&[2]), "Hells Bells");

    library.save_track(1, "Thunderstruck (live)");
    let mut left: Vec<_> =
        library.cache.entries().into_iter().map(|entry| format!("{}({})", entry.query, entry.arguments)).collect();
    left.sort();
    println!("still cached after the write:");
    for entry in &left {
        println!("  {entry}");
    }
    assert_eq!(left, [r"playlist(ids = [2])", r#"search(text = "B")"#, "track(id = 2)"]);
    assert_eq!(library.playlist(&[1, 2]), "Thunderstruck (live), Hells Bells");

    println!("\n{}", library.cache.stats());
}
