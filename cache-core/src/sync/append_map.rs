//! An append-only map that is read without a lock.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;

use crate::sync::OnceLock;

/// The first two items are inline and found by comparison: most maps have no more. The others are in a hash trie, with
/// an item at each node and 16 branches for the next 4 bits of the hash.
pub(crate) struct AppendMap<K, V> {
    near: [OnceLock<Item<K, V>>; 2],
    far: Branches<K, V>,
}

struct Item<K, V> {
    key: K,
    value: V,
}

type Link<K, V> = OnceLock<Box<Node<K, V>>>;

/// Allocated with the first item below the node.
type Branches<K, V> = OnceLock<Box<[Link<K, V>; 16]>>;

struct Node<K, V> {
    item: Item<K, V>,
    below: Branches<K, V>,
}

impl<K, V> Default for AppendMap<K, V> {
    fn default() -> Self {
        Self { near: std::array::from_fn(|_| OnceLock::new()), far: OnceLock::new() }
    }
}

impl<K: Copy + Hash + Eq, V> AppendMap<K, V> {
    #[inline]
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let first = self.near[0].get()?;
        if first.key == *key { Some(&first.value) } else { self.get_further(key) }
    }

    #[cold]
    #[inline(never)]
    fn get_further(&self, key: &K) -> Option<&V> {
        let second = self.near[1].get()?;
        if second.key == *key {
            return Some(&second.value);
        }
        let (mut branches, mut hash) = (&self.far, hash(key));
        loop {
            let node = branches.get()?[branch(hash)].get()?;
            if node.item.key == *key {
                return Some(&node.item.value);
            }
            (branches, hash) = (&node.below, hash >> 4);
        }
    }

    /// Threads that append at one node wait for each other, then see each other's item.
    #[inline]
    pub(crate) fn get_or_insert_with(&self, key: K, make: impl FnOnce() -> V) -> &V {
        self.get(&key).unwrap_or_else(|| self.append(key, make))
    }

    #[cold]
    fn append(&self, key: K, make: impl FnOnce() -> V) -> &V {
        let mut make = Some(make);
        let mut append = || {
            let make = make.take().expect("the search ends at the item that it makes");
            Item { key, value: make() }
        };
        for near in &self.near {
            let item = near.get_or_init(&mut append);
            if item.key == key {
                return &item.value;
            }
        }
        let (mut branches, mut hash) = (&self.far, hash(&key));
        loop {
            let links = branches.get_or_init(|| Box::new(std::array::from_fn(|_| OnceLock::new())));
            let node = links[branch(hash)].get_or_init(|| Box::new(Node { item: append(), below: OnceLock::new() }));
            if node.item.key == key {
                return &node.item.value;
            }
            (branches, hash) = (&node.below, hash >> 4);
        }
    }
}

fn hash(key: &impl Hash) -> u64 {
    FixedState::default().hash_one(key)
}

/// After the last bits of a hash come zeros: keys with the same hash form a list.
fn branch(hash: u64) -> usize {
    (hash & 15) as usize
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::hash::Hasher;

    use super::*;

    /// Counts its comparisons, one per visited node.
    #[derive(Clone, Copy)]
    struct Key<'a> {
        number: u32,
        hash: u32,
        compared: &'a Cell<u32>,
    }

    impl PartialEq for Key<'_> {
        fn eq(&self, other: &Self) -> bool {
            self.compared.set(self.compared.get() + 1);
            self.number == other.number
        }
    }

    impl Eq for Key<'_> {}

    impl Hash for Key<'_> {
        fn hash<H: Hasher>(&self, state: &mut H) {
            state.write_u32(self.hash);
        }
    }

    /// How many nodes are visited to find each key.
    fn visits(number: u32, hash: fn(u32) -> u32) -> Vec<u32> {
        let (map, compared) = (AppendMap::default(), Cell::new(0));
        let key = |number| Key { number, hash: hash(number), compared: &compared };
        for number in 0..number {
            assert!(map.get(&key(number)).is_none());
            assert_eq!(*map.get_or_insert_with(key(number), || number), number);
        }
        let visits = |number| {
            compared.set(0);
            assert_eq!(map.get(&key(number)), Some(&number));
            let visits = compared.get();
            assert_eq!(*map.get_or_insert_with(key(number), || unreachable!("it is there")), number);
            visits
        };
        (0..number).map(visits).collect()
    }

    #[test]
    fn a_thousand_items_are_found_in_few_steps() {
        let visits = visits(1_000, |number| number);
        assert_eq!(visits[..3], [1, 2, 3]);
        assert!(visits[..10].iter().all(|&visits| visits <= 5), "{visits:?}");
        assert!(visits.iter().all(|&visits| visits <= 8), "{visits:?}");
        assert!(visits.iter().sum::<u32>() < 6 * 1_000, "{visits:?}");
    }

    #[test]
    fn keys_with_the_same_hash_are_distinct() {
        let visits = visits(100, |_| 7);
        assert!(visits.iter().copied().eq(1..=100), "{visits:?}");
    }

    #[test]
    fn after_a_panic_in_make_the_next_call_makes_the_value() {
        let map = AppendMap::default();
        for key in 0..5 {
            let fail = || map.get_or_insert_with(key, || panic!("not now"));
            assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(fail)).is_err());
            assert_eq!((map.get(&key), *map.get_or_insert_with(key, || key + 1)), (None, key + 1));
        }
    }

    #[cfg(not(shuttle))]
    #[test]
    fn concurrent_threads_see_each_others_items() {
        use std::sync::Barrier;
        use std::sync::atomic::{AtomicU32, Ordering};

        const THREADS: u32 = 4;
        const KEYS: u32 = 500;
        let (map, made) = (AppendMap::default(), AtomicU32::new(0));
        let start = Barrier::new(THREADS as usize);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (map, made, start) = (&map, &made, &start);
                scope.spawn(move || {
                    start.wait();
                    for key in 0..KEYS {
                        let key = (key + thread) % KEYS;
                        let value = map.get_or_insert_with(key, || {
                            made.fetch_add(1, Ordering::Relaxed);
                            Box::new(key)
                        });
                        assert!(**value == key && std::ptr::eq(map.get(&key).expect("it is there"), value));
                    }
                });
            }
        });
        assert_eq!(made.into_inner(), KEYS);
    }
}
