//! Two releases at once, and bytes that nobody has written.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use cache_core::{Cache, HasCache, cached_query, invalidates};
use cache_redis::RedisTier;
use redis_tests::{Server, recover, shared_stats, until};
use serde::{Deserialize, Serialize};

use crate::process::{Database, Process, all_is_well};

fn cache(server: &Server, schema: &str) -> Cache {
    let tier = RedisTier::builder(&server.url()).schema(schema).connect_blocking().expect("the URL is right");
    let cache = Cache::builder().shared(tier).build();
    recover(&cache);
    cache
}

/// A type of one name whose name a release spells differently.
macro_rules! release {
    ($of:ty) => {{
        #[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
        struct Track {
            name: $of,
        }

        #[derive(HasCache)]
        struct Library {
            loads: Arc<AtomicU64>,
            cache: Cache,
        }

        impl Library {
            #[cached_query(ttl = "1h", shared)]
            fn track(&self, id: u32) -> Track {
                self.loads.fetch_add(1, Ordering::SeqCst);
                Track { name: <$of>::from(u8::try_from(id).expect("it is small")) }
            }

            #[invalidates(track(id))]
            fn rename(&self, id: u32) {
                let _ = id;
            }

            fn is_cached(&self, id: u32) -> bool {
                cache_core::entry!(self.track(id)).is_cached()
            }

            fn read(&self, id: u32) {
                assert_eq!(self.track(id).name, <$of>::from(u8::try_from(id).expect("it is small")));
            }
        }

        |cache: Cache, loads: &Arc<AtomicU64>| Library { loads: Arc::clone(loads), cache }
    }};
}

/// Two types whose names are the same: the compiler names them alike.
#[test]
fn p22_values_of_another_type_are_misses_that_are_counted_and_removed() {
    let server = Server::start();
    let loads = Arc::default();
    let old = release!(u64)(cache(&server, "1"), &loads);
    let new = release!(char)(cache(&server, "1"), &loads);
    old.read(1);
    new.read(1);
    assert_eq!((shared_stats(&new.cache).undecodable, shared_stats(&new.cache).hits), (1, 0));
    assert_eq!(loads.load(Ordering::SeqCst), 2);
    // The new one has replaced it. The old one finds that, as memory has nothing any more.
    old.rename(1);
    assert!(until(|| !new.is_cached(1)));
    new.read(1);
    old.read(1);
    assert_eq!((shared_stats(&old.cache).undecodable, shared_stats(&old.cache).hits), (1, 0));
}

#[test]
fn p22_another_schema_reads_nothing_of_this_one_and_hears_all() {
    let server = Server::start();
    let loads = Arc::default();
    let library = release!(u64);
    let [first, same, other] = ["1", "1", "2"].map(|schema| library(cache(&server, schema), &loads));
    first.read(1);
    other.read(1);
    assert_eq!(loads.load(Ordering::SeqCst), 2);
    same.read(1);
    assert_eq!(loads.load(Ordering::SeqCst), 2, "its own schema has it");
    let stats = shared_stats(&other.cache);
    assert_eq!((stats.hits, stats.undecodable, stats.misses), (0, 0, 1));
    first.rename(1);
    assert!(until(|| !other.is_cached(1) && !same.is_cached(1)));
}

/// Changes each value by hand, and reads it by another process.
fn spoiled(spoil: impl Fn(&[u8]) -> Vec<u8>, is_known_to_the_core: bool) {
    let server = Server::start();
    let database = Database::new();
    let [first, second] = [Process::start(&server, &database), Process::start(&server, &database)];
    let written = first.write_and_publish(2);
    second.sees_in_time(2, written);
    let value = || -> Option<(Vec<u8>, Vec<u8>)> {
        let keys: Vec<Vec<u8>> = server.command(&["KEYS", "cache:0:row:*"]);
        let key = keys.into_iter().next()?;
        let bytes: Option<Vec<u8>> = server.command(&[b"GET".as_slice(), &key]);
        bytes.map(|bytes| (key, bytes))
    };
    let third = Process::start(&server, &database);
    // As all of them forget.
    server.command::<()>(&["FLUSHDB"]);
    all_is_well(&[&first, &second, &third]);
    let written = first.write_and_publish(2);
    server.command::<i64>(&["EVAL", "for _, k in ipairs(redis.call('KEYS', 'cache:0:*')) do redis.call('DEL', k) end return 1", "0"]);
    assert_eq!(first.row(2), written);
    assert!(until(|| value().is_some()));
    let (key, bytes) = value().expect("it was there");
    server.command::<()>(&[b"SET".as_slice(), &key, &spoil(&bytes)]);
    third.sees_in_time(2, written);
    assert_eq!(third.stats().undecodable > 0, is_known_to_the_core);
    // It has put its own value there.
    assert_ne!(value().map(|(_, bytes)| bytes), Some(spoil(&bytes)));
    all_is_well(&[&first, &second, &third]);
}

#[test]
fn p22_bytes_of_no_value_are_a_miss_and_removed() {
    spoiled(|_| b"none of ours".to_vec(), false);
    spoiled(|_| Vec::new(), false);
}

#[test]
fn p22_a_value_that_is_cut_off_is_a_miss_that_is_counted_and_removed() {
    spoiled(|bytes| bytes[..bytes.len() - 1].to_vec(), true);
}
