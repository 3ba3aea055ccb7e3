//! Two schemas at once, queries of one name, and bytes that nobody has written.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use cache_core::{Cache, HasCache, cached_query, invalidates};
use cache_redis::RedisTier;
use redis_tests::{Server, recover, shared_stats, until};
use serde::{Deserialize, Serialize};

use crate::process::{Database, Down, PATIENCE, Process};

fn cache(server: &Server, schema: &str) -> Cache {
    let tier = RedisTier::builder(server.url()).schema(schema).max_lag(PATIENCE).timeout(PATIENCE).connect_blocking();
    let cache = Cache::builder().shared(tier.expect("the URL is right")).build();
    recover(&cache);
    cache
}

/// A library whose tracks have names of a type.
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

/// Two types in blocks of one function: the compiler names them, and their queries, alike.
#[test]
fn p10_queries_that_only_their_places_tell_apart_share_no_values_and_hear_all() {
    let server = Server::start();
    let loads = Arc::default();
    let one = release!(u64)(cache(&server, "1"), &loads);
    let other = release!(char)(cache(&server, "1"), &loads);
    one.read(1);
    other.read(1);
    assert_eq!(loads.load(Ordering::SeqCst), 2);
    for stats in [&one.cache, &other.cache].map(shared_stats) {
        assert_eq!((stats.hits, stats.undecodable, stats.puts), (0, 0, 0));
    }
    for rename in [&|| one.rename(1), &|| other.rename(1)] as [&dyn Fn(); 2] {
        rename();
        assert!(until(|| !other.is_cached(1) && !one.is_cached(1)));
        one.read(1);
        other.read(1);
    }
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

/// Changes a stored value before another process reads it.
fn spoiled(spoil: impl Fn(&[u8]) -> Vec<u8>, undecodable: u64) {
    let server = Server::start();
    let database = Database::new();
    let [first, second] = [Process::start_patient(&server, &database), Process::start_patient(&server, &database)];
    let written = first.write_and_publish(2);
    // Until it is heard, a load may be from before it.
    assert!(until(|| first.stats().heard == 1 && second.stats().heard == 1));
    assert_eq!((first.row_if_up(2), first.stats().puts), (Ok(written), 2));
    let keys: Vec<Vec<u8>> = server.command(&["KEYS", "cache:0:row_if_up:*"]);
    let [key] = &keys[..] else { panic!("there is one value") };
    let value = || server.command::<Option<Vec<u8>>>(&[b"GET".as_slice(), key]);
    let spoiled = spoil(&value().expect("it is stored"));
    server.command::<()>(&[b"SET".as_slice(), key, &spoiled]);
    // Nothing takes its place.
    database.set_down(true);
    assert_eq!((second.row_if_up(2), value()), (Err(Down), None));
    assert_eq!((second.stats().hits, second.stats().undecodable), (0, undecodable));
    database.set_down(false);
    assert_eq!(second.row_if_up(2), Ok(written));
    let third = Process::start_patient(&server, &database);
    assert_eq!((third.row_if_up(2), third.stats().hits), (Ok(written), 1));
}

#[test]
fn p22_bytes_of_no_value_are_a_miss_and_removed() {
    spoiled(|_| b"none of ours".to_vec(), 0);
    spoiled(|_| Vec::new(), 0);
}

#[test]
fn p22_a_value_that_is_cut_off_is_a_miss_that_is_counted_and_removed() {
    spoiled(|bytes| bytes[..bytes.len() - 1].to_vec(), 1);
}
