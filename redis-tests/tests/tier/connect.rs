//! How a tier is made.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::Duration;

use cache_core::SharedTier;
use cache_redis::RedisTier;
use redis::cmd;
use redis_tests::Server;

use crate::recorder::{Process, redis, wait};

fn error(url: &str) -> String {
    RedisTier::builder(url).connect_blocking().unwrap_err().to_string()
}

#[test]
fn a_server_that_is_down_may_come_later() {
    let mut server = Server::start();
    server.kill();
    let process = Process::start(&server);
    let error = wait(process.tier.get(b"key")).unwrap_err().to_string();
    assert!(error.contains("not connected"), "{error}");
    server.restart();
    process.recorder.wait_for_proof();
    process.publish("x").unwrap();
    process.recorder.wait_for_record("x");
}

#[test]
fn a_tier_is_made_on_any_executor() {
    let server = Server::start();
    let tier = wait(RedisTier::builder(server.url()).connect()).unwrap();
    drop(wait(tier.get(b"key")));
    // Also a blocking one inside a runtime, whose only thread it blocks.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let tier = RedisTier::builder(server.url()).connect_blocking().unwrap();
        assert!(format!("{tier:?}").contains("cache"));
    });
}

#[test]
fn what_is_no_redis_is_an_error() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            // Without having read, it would be reset.
            assert_ne!(connection.read(&mut [0; 4096]).unwrap(), 0);
            connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        }
    });
    let error = error(&format!("redis://127.0.0.1:{port}"));
    assert!(error.contains("no Redis"), "{error}");
}

#[test]
fn an_old_server_is_an_error() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for connection in listener.incoming() {
            thread::spawn(move || answer_as_an_old_server(connection.unwrap()));
        }
    });
    let error = error(&format!("redis://127.0.0.1:{port}"));
    assert!(error.contains("6.2.7") && error.contains("7.0"), "{error}");
}

/// Answers each command, which begins with a `*`.
fn answer_as_an_old_server(mut connection: impl Read + Write) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = connection.read(&mut buffer) {
        let question = String::from_utf8_lossy(&buffer[..length]).into_owned();
        for command in question.split('*').skip(1) {
            let info = "redis_version:6.2.7\r\nrun_id:cafe\r\n";
            let answer = if command.contains("HELLO") {
                "%1\r\n$5\r\nproto\r\n:3\r\n".to_owned()
            } else if command.contains("INFO\r\n") && command.contains("server") {
                format!("${}\r\n{info}\r\n", info.len())
            } else if command.contains("TIME") {
                "*2\r\n$1\r\n1\r\n$1\r\n1\r\n".to_owned()
            } else {
                "+OK\r\n".to_owned()
            };
            if connection.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// What the documentation of `cache-redis` says that a user needs.
const RULES: [&str; 8] = [
    "resetkeys",
    "~shop:*",
    "~{shop}:*",
    "-@all",
    "+ping +info +time",
    "+eval +evalsha",
    "+hget +hmget +hset +del +xadd +xrange +xread +xtrim",
    "+get +set",
];

#[test]
fn a_user_who_may_do_what_is_documented_is_enough() {
    let server = Server::start();
    let rules: Vec<_> = RULES.iter().flat_map(|rule| rule.split(' ')).collect();
    let mut redis = redis(&server);
    cmd("ACL").arg(&["SETUSER", "app", "on", ">secret"]).arg(rules).exec(&mut redis).unwrap();
    let url = server.url().replace("redis://", "redis://app:secret@");
    let process = Process::start_with(&url, |builder| builder.namespace("shop"));
    process.publish("x").unwrap();
    process.recorder.wait_for_record("x");
    wait(process.tier.put(b"key", b"value".to_vec(), Duration::from_mins(1))).unwrap();
    assert_eq!(wait(process.tier.get(b"key")).unwrap().unwrap().value, b"value");
    wait(process.tier.remove(b"key")).unwrap();
    // Nothing was tried that was refused.
    let refused: Vec<redis::Value> = cmd("ACL").arg("LOG").query(&mut redis).unwrap();
    assert_eq!(refused, []);
}

#[test]
fn a_login_that_is_refused_is_an_error() {
    let server = Server::start();
    let mut redis = redis(&server);
    cmd("ACL").arg(&["SETUSER", "app", "on", ">secret"]).exec(&mut redis).unwrap();
    let wrong = error(&server.url().replace("redis://", "redis://app:wrong@"));
    assert!(wrong.contains("refuses the login"), "{wrong}");
    let forbidden = error(&server.url().replace("redis://", "redis://app:secret@"));
    assert!(forbidden.contains("may not do"), "{forbidden}");
    cmd("CONFIG").arg(&["SET", "requirepass", "other"]).exec(&mut redis).unwrap();
    let missing = error(&server.url());
    assert!(missing.contains("refuses the login"), "{missing}");
}
