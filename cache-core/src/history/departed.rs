//! Why keys are no longer stored.
//!
//! A table of one word for each of some places. A key that leaves writes its place, and a later one may overwrite it: what
//! is forgotten counts as never loaded. A word has 24 bits of the key's hash beside those that choose the place.
//!
//! The word of a key is asked for while nothing is stored for it. It says why the last entry left, or which invalidation
//! kept the last value from being stored. A load that stores nothing for another reason clears it. A value that is stored
//! need not: whatever makes it leave writes a new word.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::version::Version;

/// Half a megabyte.
const MOST: usize = 1 << 16;

const KIND: u32 = 38;
const HASH: u32 = 40;

/// Why nothing fresh is stored, as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Gone {
    /// Also if the last load has stored nothing.
    Unknown,
    /// Or to be refreshed.
    Expired,
    Evicted,
    /// At a version; of another cache, or if a commit may still happen, at 0.
    Invalidated(Version),
    /// The caller takes nothing.
    PassedBy,
}

pub(crate) struct Departed {
    /// Made when the first key leaves.
    places: OnceLock<Box<[AtomicU64]>>,
    len: usize,
}

impl Departed {
    /// `capacity`: that of the cache, in entries.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { places: OnceLock::new(), len: (capacity / 2).clamp(64, MOST).next_power_of_two() }
    }

    /// `hash` is that of the key in its scope.
    pub(crate) fn record(&self, store: u32, hash: u64, gone: Gone) {
        let (kind, version) = match gone {
            Gone::Unknown => return self.clear(store, hash),
            Gone::PassedBy => return,
            Gone::Expired => (1, 0),
            Gone::Evicted => (2, 0),
            Gone::Invalidated(version) => (3, version & ((1 << KIND) - 1)),
        };
        let places = self.places.get_or_init(|| (0..self.len).map(|_| AtomicU64::new(0)).collect());
        let hash = mix(store, hash);
        // All that is read is in this word.
        places[self.place(hash)].store(fingerprint(hash) | kind << KIND | version, Ordering::Relaxed);
    }

    /// A load of a key has stored nothing, and nothing is stored. `invalidated_at`: what the load depends on, since its
    /// `birth`. Its key may have been invalidated since then, too, which the word tells.
    pub(crate) fn record_unstored(&self, store: u32, hash: u64, birth: Version, invalidated_at: Option<Version>) {
        let is_newer = |version| version > as_shown(birth);
        if !matches!(self.find(store, hash), Gone::Invalidated(version) if is_newer(version)) {
            self.record(store, hash, invalidated_at.map_or(Gone::Unknown, Gone::Invalidated));
        }
    }

    /// Not if the place is another key's.
    fn clear(&self, store: u32, hash: u64) {
        let Some(places) = self.places.get() else { return };
        let hash = mix(store, hash);
        let place = &places[self.place(hash)];
        let word = place.load(Ordering::Relaxed);
        if word != 0 && word & (u64::MAX << HASH) == fingerprint(hash) {
            // If another was written meanwhile, that is newer.
            let _ = place.compare_exchange(word, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Why a key that is not stored has left, if it is known.
    pub(crate) fn find(&self, store: u32, hash: u64) -> Gone {
        let Some(places) = self.places.get() else { return Gone::Unknown };
        let hash = mix(store, hash);
        let word = places[self.place(hash)].load(Ordering::Relaxed);
        match (word & !(u64::MAX << HASH)) >> KIND {
            _ if word & (u64::MAX << HASH) != fingerprint(hash) => Gone::Unknown,
            1 => Gone::Expired,
            2 => Gone::Evicted,
            3 => Gone::Invalidated(word & ((1 << KIND) - 1)),
            _ => Gone::Unknown,
        }
    }

    fn place(&self, hash: u64) -> usize {
        // The number of places is a power of two below 2^17.
        (hash & 0xffff_ffff) as usize & (self.len - 1)
    }
}

/// Two queries may have keys of one hash.
fn mix(store: u32, hash: u64) -> u64 {
    hash ^ u64::from(store).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn fingerprint(hash: u64) -> u64 {
    hash & (u64::MAX << HASH)
}

/// As many as 38 bits show: there were not so many invalidations between a departure and a look-up.
pub(crate) fn as_shown(version: Version) -> Version {
    version & ((1 << KIND) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_left_is_known_until_another_takes_its_place() {
        let departed = Departed::new(100);
        assert_eq!(departed.find(1, 5), Gone::Unknown);
        departed.record(1, 5, Gone::Invalidated(77));
        assert_eq!(departed.find(1, 5), Gone::Invalidated(77));
        assert_eq!((departed.find(2, 5), departed.find(1, 6)), (Gone::Unknown, Gone::Unknown));
        departed.record(1, 5 | 1 << 50, Gone::Evicted);
        assert_eq!((departed.find(1, 5 | 1 << 50), departed.find(1, 5)), (Gone::Evicted, Gone::Unknown));
        departed.record(1, 5, Gone::Expired);
        assert_eq!(departed.find(1, 5), Gone::Expired);
        departed.record(1, 5 | 1 << 50, Gone::Unknown);
        assert_eq!(departed.find(1, 5), Gone::Expired, "the place is not that key's");
        departed.record(1, 5, Gone::Unknown);
        assert_eq!(departed.find(1, 5), Gone::Unknown);
    }

    #[test]
    fn a_load_that_stores_nothing_makes_older_words_obsolete() {
        let departed = Departed::new(100);
        departed.record_unstored(1, 5, 0, None);
        assert!(departed.places.get().is_none(), "there is nothing to clear");
        let after = |gone, birth, invalidated_at| {
            departed.record(1, 5, gone);
            departed.record_unstored(1, 5, birth, invalidated_at);
            departed.find(1, 5)
        };
        assert_eq!([Gone::Expired, Gone::Evicted].map(|gone| after(gone, 7, None)), [Gone::Unknown; 2]);
        assert_eq!(after(Gone::Invalidated(7), 7, None), Gone::Unknown, "the load began after that");
        assert_eq!(after(Gone::Invalidated(8), 7, None), Gone::Invalidated(8));
        assert_eq!(after(Gone::Invalidated(7), 7, Some(9)), Gone::Invalidated(9));
        assert_eq!(after(Gone::Invalidated(8), 7, Some(9)), Gone::Invalidated(8), "the first counts");
    }

    #[test]
    fn a_version_that_needs_more_bits_is_known_by_the_others() {
        let departed = Departed::new(100);
        let version = u64::MAX << KIND | 7;
        departed.record(1, 5, Gone::Invalidated(version));
        assert_eq!((departed.find(1, 5), as_shown(version)), (Gone::Invalidated(7), 7));
    }

    #[test]
    fn p9_the_table_has_a_bound() {
        for (capacity, places) in [(0, 64), (10_000, 8_192), (1 << 28, 1 << 16)] {
            let departed = Departed::new(capacity);
            assert!(departed.places.get().is_none(), "it is made when it is needed");
            departed.record(1, 1, Gone::Expired);
            assert_eq!(departed.places.get().map(|places| places.len()), Some(places));
        }
    }
}
