//! What is stored.

use std::time::Duration;

use cache_core::{PutOutcome, SharedTier, StoredValue};
use cache_redis::RedisTier;
use redis::cmd;
use redis_tests::Server;

use crate::recorder::{Process, redis, wait};

const LONG: Duration = Duration::from_hours(1);

fn get(tier: &RedisTier, key: &[u8]) -> Option<StoredValue> {
    wait(tier.get(key)).unwrap()
}

fn put(tier: &RedisTier, key: &[u8], value: &[u8], expires_in: Duration) -> PutOutcome {
    wait(tier.put(key, value.to_vec(), expires_in)).unwrap()
}

#[test]
fn a_value_is_read_by_another_process_until_it_is_removed() {
    let server = Server::start();
    let (a, b) = (Process::start(&server).tier, Process::start(&server).tier);
    let key = b"\x00\xffkey {}\r\n";
    assert_eq!(get(&b, key), None);
    let value: Vec<u8> = (0..=255).collect();
    assert_eq!(put(&a, key, &value, LONG), PutOutcome::Stored);
    let stored = get(&b, key).unwrap();
    assert_eq!(stored.value, value);
    // Never more than was left, and not much less: both bounds of the server's clock are close.
    assert!(stored.expires_in <= LONG && stored.expires_in > Duration::from_mins(59), "{stored:?}");
    put(&b, key, b"", LONG);
    assert_eq!(get(&a, key).unwrap().value, b"");
    wait(a.remove(key)).unwrap();
    assert_eq!(get(&b, key), None);
}

#[test]
fn the_server_forgets_a_value_when_it_expires() {
    let server = Server::start();
    let tier = Process::start(&server).tier;
    put(&tier, b"key", b"value", Duration::from_secs(1000));
    let left: u64 = cmd("PTTL").arg("cache:0:key").query(&mut redis(&server)).unwrap();
    assert!((900_000..=1_000_000).contains(&left), "{left}");
    // Expired when it is put: nothing is stored.
    put(&tier, b"key", b"value", Duration::ZERO);
    assert_eq!(get(&tier, b"key"), None);
    put(&tier, b"other", b"value", Duration::MAX);
    assert!(get(&tier, b"other").is_some());
}

#[test]
fn a_value_that_has_expired_is_none_also_if_the_server_has_kept_it() {
    let server = Server::start();
    let tier = Process::start(&server).tier;
    put(&tier, b"key", b"value", LONG);
    let mut redis = redis(&server);
    let mut bytes: Vec<u8> = cmd("GET").arg("cache:0:key").query(&mut redis).unwrap();
    bytes[1..9].copy_from_slice(&1u64.to_le_bytes());
    cmd("SET").arg("cache:0:key").arg(bytes).exec(&mut redis).unwrap();
    assert_eq!(get(&tier, b"key"), None);
}

#[test]
fn bytes_in_another_format_are_removed() {
    let server = Server::start();
    let tier = Process::start(&server).tier;
    let mut redis = redis(&server);
    for foreign in ["", "x", "a text of somebody else"] {
        cmd("SET").arg(&["cache:0:key", foreign]).exec(&mut redis).unwrap();
        assert_eq!(get(&tier, b"key"), None);
        assert!(!cmd("EXISTS").arg("cache:0:key").query::<bool>(&mut redis).unwrap());
    }
}

#[test]
fn a_key_of_another_type_is_an_error() {
    let server = Server::start();
    let tier = Process::start(&server).tier;
    cmd("LPUSH").arg(&["cache:0:key", "x"]).exec(&mut redis(&server)).unwrap();
    let error = wait(tier.get(b"key")).unwrap_err().to_string();
    assert!(error.contains("WRONGTYPE"), "{error}");
    // And nothing else suffers from it.
    assert_eq!(get(&tier, b"other"), None);
}

#[test]
fn a_value_has_a_maximal_size() {
    let server = Server::start();
    let tier = Process::start_with(&server.url(), |builder| builder.max_value_bytes(10)).tier;
    assert_eq!(put(&tier, b"key", &[1; 10], LONG), PutOutcome::Stored);
    assert_eq!(put(&tier, b"key", &[2; 11], LONG), PutOutcome::TooLarge);
    assert_eq!(get(&tier, b"key").unwrap().value, [1; 10]);
}

#[test]
fn namespaces_and_schemas_have_values_of_their_own() {
    let server = Server::start();
    let names = [("a", "1"), ("a", "2"), ("b", "1")];
    let tiers = names.map(|(namespace, schema)| {
        Process::start_with(&server.url(), |builder| builder.namespace(namespace).schema(schema)).tier
    });
    for (tier, (namespace, schema)) in tiers.iter().zip(names) {
        put(tier, b"key", [namespace, schema].concat().as_bytes(), LONG);
    }
    for (tier, (namespace, schema)) in tiers.iter().zip(names) {
        assert_eq!(get(tier, b"key").unwrap().value, [namespace, schema].concat().as_bytes());
    }
}

#[test]
fn without_a_server_nothing_is_stored_or_read() {
    let mut server = Server::start();
    let tier = Process::start(&server).tier;
    put(&tier, b"key", b"value", LONG);
    server.kill();
    assert!(wait(tier.get(b"key")).is_err());
    assert!(wait(tier.put(b"key", b"value".to_vec(), LONG)).is_err());
    assert!(wait(tier.remove(b"key")).is_err());
}
