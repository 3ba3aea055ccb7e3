//! What is told of the log.

use std::time::Duration;

use cache_core::{LeaseTime, LogPosition, Restart, SharedTier};
use cache_redis::{Listener, RedisTier, RedisTierBuilder};
use redis::{Connection, cmd};
use redis_tests::Server;

use crate::proxy::Proxy;
use crate::recorder::{Event, Process, Recorder, TOKEN, heard, redis, wait};

/// A server whose memory survives a restart up to the last command.
const DURABLE: [&str; 6] = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"];

fn number(redis: &mut Connection, field: &str) -> u64 {
    cmd("HGET").arg("{cache}:head").arg(field).query(redis).unwrap()
}

/// What was heard, without restarts.
fn records(process: &Process) -> Vec<Event> {
    process.recorder.events().into_iter().filter(|event| matches!(event, Event::Heard(_))).collect()
}

fn restarts(process: &Process) -> Vec<Restart> {
    let of = |event| if let Event::Restart(why) = event { Some(why) } else { None };
    process.recorder.events().into_iter().filter_map(of).collect()
}

#[test]
fn all_hear_all_in_one_order() {
    let server = Server::start();
    let (a, b) = (Process::start(&server), Process::start(&server));
    for number in 0..20 {
        let writer = if number % 3 == 0 { &a } else { &b };
        let position = writer.publish(&number.to_string()).unwrap();
        assert_eq!(position.id, number + 1);
    }
    let expected: Vec<_> = (0..20).map(|number| Event::Heard(number.to_string())).collect();
    for process in [&a, &b] {
        process.recorder.wait_for_record("19");
        assert_eq!(records(process), expected);
        assert_eq!(restarts(process), [Restart::First]);
    }
}

#[test]
fn it_is_acknowledged_before_the_future_ends() {
    let server = Server::start();
    let a = Process::start(&server);
    let position = a.publish("x").unwrap();
    let events = a.recorder.told();
    assert!(events.contains(&(Event::Acknowledged(TOKEN), position)), "{events:?}");
}

#[test]
fn many_publish_at_once() {
    let server = Server::start();
    let (a, b) = (Process::start(&server), Process::start(&server));
    let publications: Vec<_> =
        (0..1000).map(|number| a.tier.publish_record(number, number.to_string().into_bytes(), false)).collect();
    // Those that are dropped are published as well.
    for publication in publications.into_iter().take(500) {
        wait(publication).unwrap();
    }
    b.recorder.wait_for_record("999");
    assert_eq!(records(&b), (0..1000).map(|number| Event::Heard(number.to_string())).collect::<Vec<_>>());
}

#[test]
fn a_new_process_reads_what_is_left_of_the_log() {
    let server = Server::start();
    let a = Process::start(&server);
    for number in 0..2500 {
        // Not waited for each: the thread of the tier groups them.
        drop(a.tier.publish_record(number, number.to_string().into_bytes(), false));
    }
    a.recorder.wait_for_record("2499");
    let trimmed: u64 = cmd("XTRIM").arg(&["{cache}:log", "MINID", "11"]).query(&mut redis(&server)).unwrap();
    assert_eq!(trimmed, 10);
    let b = Process::start(&server);
    b.recorder.wait_for_record("2499");
    assert_eq!(restarts(&b), [Restart::First]);
    assert_eq!(records(&b).len(), 2490);
    assert_eq!(b.recorder.told()[0].1.id, 10);
    b.recorder.wait_for_proof();
}

#[test]
fn a_flush_begins_an_epoch_and_what_was_published_is_published_again() {
    let server = Server::start();
    let (a, b) = (Process::start(&server), Process::start(&server));
    let before = a.publish("before").unwrap();
    b.recorder.wait_for_record("before");
    cmd("FLUSHALL").exec(&mut redis(&server)).unwrap();
    for process in [&a, &b] {
        process.recorder.wait_for(&Event::Restart(Restart::NewEpoch));
    }
    let after = a.publish("after").unwrap();
    assert_ne!(after.epoch, before.epoch);
    for process in [&a, &b] {
        process.recorder.wait_for_record("after");
        process.recorder.wait_for_proof();
        assert_eq!(records(process), heard(&["before", "before", "after"]));
        assert_eq!(restarts(process), [Restart::First, Restart::NewEpoch]);
    }
}

#[test]
fn a_flush_and_as_many_records_of_another_epoch_are_not_the_same() {
    let server = Server::start();
    let a = Process::start(&server);
    a.publish("1").unwrap();
    a.recorder.wait_for_record("1");
    // Another process is faster than the next poll.
    let mut redis = redis(&server);
    let run: String = cmd("HGET").arg(&["{cache}:head", "run"]).query(&mut redis).unwrap();
    redis::pipe()
        .atomic()
        .cmd("FLUSHALL")
        .cmd("HSET")
        .arg(&["{cache}:head", "epoch", "7", "id", "1", "nonce", "5", "run"])
        .arg(run)
        .cmd("XADD")
        .arg(&["{cache}:log", "1-0", "n", "5", "p", "4", "r", "other"])
        .exec(&mut redis)
        .unwrap();
    // It is not acknowledged in an epoch that is over.
    assert_eq!(a.publish("x").unwrap().epoch, 7);
    a.recorder.wait_for_record("x");
    assert_eq!(restarts(&a), [Restart::First, Restart::NewEpoch]);
    // What was published is so again: before, if the poll was faster than the publication.
    assert_eq!(records(&a)[..2], heard(&["1", "other"]));
}

#[test]
fn a_record_with_another_predecessor_is_found() {
    let server = Server::start();
    let a = Process::start(&server);
    a.publish("1").unwrap();
    a.recorder.wait_for_record("1");
    let mut redis = redis(&server);
    let epoch = number(&mut redis, "epoch");
    redis::pipe()
        .atomic()
        .cmd("XADD")
        .arg(&["{cache}:log", "2-0", "n", "5", "p", "4", "r", "other"])
        .cmd("HSET")
        .arg(&["{cache}:head", "id", "2", "nonce", "5"])
        .exec(&mut redis)
        .unwrap();
    a.recorder.wait_for(&Event::Restart(Restart::NewEpoch));
    assert!(!records(&a).contains(&Event::Heard("other".to_owned())));
    assert_ne!(number(&mut redis, "epoch"), epoch);
}

#[test]
fn a_log_that_was_deleted_is_not_made_again_in_the_same_epoch() {
    let server = Server::start();
    let (a, b) = (Process::start(&server), Process::start(&server));
    let before = a.publish("before").unwrap();
    b.recorder.wait_for_record("before");
    cmd("DEL").arg("{cache}:log").exec(&mut redis(&server)).unwrap();
    let after = a.publish("after").unwrap();
    assert_ne!(after.epoch, before.epoch);
    for process in [&a, &b] {
        process.recorder.wait_for_record("after");
        assert_eq!(restarts(process).len(), 2);
    }
    assert_eq!(records(&b), heard(&["before", "before", "after"]));
}

#[test]
fn a_head_or_a_log_of_another_type_is_replaced() {
    let server = Server::start();
    let a = Process::start(&server);
    a.publish("1").unwrap();
    let mut redis = redis(&server);
    for key in ["{cache}:log", "{cache}:head"] {
        cmd("SET").arg(&[key, "x"]).exec(&mut redis).unwrap();
        let position = loop {
            // Until the change was found, it is refused.
            if let Ok(position) = a.publish(key) {
                break position;
            }
        };
        a.recorder.wait_for_record(key);
        assert_eq!(number(&mut redis, "epoch"), position.epoch);
    }
}

#[test]
fn a_trimmed_log_is_a_loss_for_whoever_has_not_heard_it() {
    let server = Server::start();
    let a = Process::start(&server);
    a.publish("0").unwrap();
    a.recorder.wait_for_record("0");
    let mut redis = redis(&server);
    // Four records of which only the last two are left, at once.
    let epoch = number(&mut redis, "epoch");
    redis::pipe()
        .atomic()
        .cmd("XADD")
        .arg(&["{cache}:log", "4-0", "n", "4", "p", "3", "r", "4"])
        .cmd("XADD")
        .arg(&["{cache}:log", "5-0", "n", "5", "p", "4", "r", "5"])
        .cmd("HSET")
        .arg(&["{cache}:head", "id", "5", "nonce", "5"])
        .exec(&mut redis)
        .unwrap();
    a.recorder.wait_for_record("5");
    let mut expected = vec![Event::Restart(Restart::First)];
    expected.extend(heard(&["0"]));
    expected.push(Event::Restart(Restart::Lost));
    expected.extend(heard(&["4", "5"]));
    assert_eq!(a.recorder.events(), expected);
    // The epoch goes on.
    assert_eq!(a.publish("6").unwrap().epoch, epoch);
    a.recorder.wait_for_record("6");
    assert_eq!(restarts(&a).len(), 2);
}

#[test]
fn a_restart_of_the_server_with_its_data_begins_an_epoch() {
    let mut server = Server::start_with(&DURABLE);
    let (a, b) = (Process::start(&server), Process::start(&server));
    let before = a.publish("before").unwrap();
    b.recorder.wait_for_record("before");
    server.restart();
    for process in [&a, &b] {
        process.recorder.wait_for(&Event::Restart(Restart::NewEpoch));
        process.recorder.wait_for_proof();
    }
    let after = b.publish("after").unwrap();
    assert_ne!(after.epoch, before.epoch);
    for process in [&a, &b] {
        process.recorder.wait_for_record("after");
        assert_eq!(records(process), heard(&["before", "before", "after"]));
    }
}

#[test]
fn a_restart_of_the_server_without_data_begins_an_epoch() {
    let mut server = Server::start();
    let (a, b) = (Process::start(&server), Process::start(&server));
    a.publish("before").unwrap();
    b.recorder.wait_for_record("before");
    server.restart();
    for process in [&a, &b] {
        process.recorder.wait_for(&Event::Restart(Restart::NewEpoch));
        process.recorder.wait_for_proof();
        assert_eq!(records(process), heard(&["before", "before"]));
    }
}

#[test]
fn what_is_published_while_the_server_is_down_is_published_when_it_is_back() {
    let mut server = Server::start();
    let (a, b) = (Process::start(&server), Process::start(&server));
    a.recorder.wait_for_proof();
    server.kill();
    let error = a.publish("meanwhile").unwrap_err();
    assert!(error.to_string().contains("could not be published"), "{error}");
    assert!(wait(a.tier.publish_record(1, b"intent".to_vec(), true)).is_err());
    server.restart();
    b.recorder.wait_for_record("meanwhile");
    a.recorder.wait_for(&Event::Acknowledged(TOKEN));
    a.publish("after").unwrap();
    b.recorder.wait_for_record("after");
    assert_eq!(records(&b), heard(&["meanwhile", "after"]));
}

#[test]
fn a_server_that_does_not_answer_proves_nothing_and_keeps_nobody() {
    let server = Server::start();
    let short = |builder: RedisTierBuilder| builder.timeout(Duration::from_millis(50));
    let (a, b) = (Process::start_with(&server.url(), short), Process::start(&server));
    a.recorder.wait_for_proof();
    server.pause();
    let proven = a.recorder.proven();
    // The future ends although nothing is answered.
    assert!(a.publish("meanwhile").is_err());
    assert!(wait(a.tier.publish_record(1, b"intent".to_vec(), true)).is_err());
    assert!(wait(a.tier.get(b"key")).is_err());
    // At most the poll that was on its way has been answered.
    let later = a.recorder.proven();
    assert!(later.since(proven) <= Duration::from_millis(500), "{:?}", later.since(proven));
    server.resume();
    b.recorder.wait_for_record("meanwhile");
    a.recorder.wait_for(&Event::Acknowledged(TOKEN));
    a.recorder.wait_for_proof();
    assert_eq!(restarts(&a), [Restart::First]);
}

#[test]
fn what_was_sent_to_a_server_that_dies_is_published_again() {
    let mut server = Server::start();
    let short = |builder: RedisTierBuilder| builder.timeout(Duration::from_millis(50));
    let (a, b) = (Process::start_with(&server.url(), short), Process::start(&server));
    a.recorder.wait_for_proof();
    b.recorder.wait_for_proof();
    server.pause();
    assert!(a.publish("meanwhile").is_err());
    server.restart();
    b.recorder.wait_for_record("meanwhile");
}

#[test]
fn connections_that_are_open_but_dead_are_replaced() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let a = Process::start_with(&proxy.url(), |builder| builder);
    let b = Process::start(&server);
    a.recorder.wait_for_proof();
    proxy.lose_what_is_connected();
    b.publish("x").unwrap();
    a.recorder.wait_for_record("x");
    a.recorder.wait_for_proof();
    assert_eq!(restarts(&a), [Restart::First]);
}

#[test]
fn a_server_without_the_replicas_that_it_needs_proves_nothing() {
    let server = Server::start();
    let a = Process::start(&server);
    a.recorder.wait_for_proof();
    let mut redis = redis(&server);
    cmd("CONFIG").arg(&["SET", "min-replicas-to-write", "1"]).exec(&mut redis).unwrap();
    // A poll is refused, so the connection counts as dead.
    wait_until(|| wait(a.tier.get(b"key")).is_err_and(|error| error.to_string().contains("NOREPLICAS")));
    cmd("CONFIG").arg(&["SET", "min-replicas-to-write", "0"]).exec(&mut redis).unwrap();
    a.recorder.wait_for_proof();
    assert_eq!(restarts(&a), [Restart::First]);
}

#[test]
fn a_cut_connection_is_made_again_without_a_restart() {
    let server = Server::start();
    let a = Process::start(&server);
    a.publish("1").unwrap();
    a.recorder.wait_for_record("1");
    let killed: u64 = cmd("CLIENT").arg(&["KILL", "TYPE", "normal"]).query(&mut redis(&server)).unwrap();
    assert_eq!(killed, 2);
    a.recorder.wait_for_proof();
    let b = Process::start(&server);
    b.publish("2").unwrap();
    a.recorder.wait_for_record("2");
    assert_eq!(restarts(&a), [Restart::First]);
    assert_eq!(records(&a), heard(&["1", "2"]));
}

#[test]
fn a_cut_connection_of_the_two_is_found_by_who_needs_it() {
    let server = Server::start();
    let a = Process::start(&server);
    a.recorder.wait_for_proof();
    let mut redis = redis(&server);
    // The other one waits for records.
    wait_until(|| {
        let clients: String = cmd("CLIENT").arg("LIST").query(&mut redis).unwrap();
        let own: u64 = cmd("CLIENT").arg("ID").query(&mut redis).unwrap();
        let mut idle =
            clients.lines().filter(|line| line.contains(" flags=N ") && !line.starts_with(&format!("id={own} ")));
        let (Some(client), None) = (idle.next(), idle.next()) else { return false };
        let id = client.trim_start_matches("id=").split(' ').next().unwrap();
        cmd("CLIENT").arg(&["KILL", "ID", id]).query::<u64>(&mut redis).unwrap() == 1
    });
    wait_until(|| wait(a.tier.get(b"key")).is_ok());
    assert_eq!(restarts(&a), [Restart::First]);
}

#[test]
fn scripts_that_the_server_has_forgotten_are_sent_again() {
    let server = Server::start();
    let a = Process::start(&server);
    a.publish("1").unwrap();
    a.recorder.wait_for_record("1");
    cmd("SCRIPT").arg("FLUSH").exec(&mut redis(&server)).unwrap();
    a.publish("2").unwrap();
    a.recorder.wait_for_record("2");
    a.recorder.wait_for_proof();
}

#[test]
fn a_replica_that_is_made_the_primary_begins_an_epoch() {
    let (primary, replica) = (Server::start(), Server::start());
    let a = Process::start(&primary);
    let before = a.publish("before").unwrap();
    a.recorder.wait_for_record("before");
    let mut redis = redis(&replica);
    cmd("REPLICAOF").arg("127.0.0.1").arg(primary.port()).exec(&mut redis).unwrap();
    wait_until(|| cmd("EXISTS").arg("{cache}:log").query(&mut redis).unwrap());
    // A replica is not followed.
    let b = Process::start(&replica);
    cmd("REPLICAOF").arg(&["NO", "ONE"]).exec(&mut redis).unwrap();
    b.recorder.wait_for_proof();
    let after = b.publish("after").unwrap();
    assert_ne!(after.epoch, before.epoch);
    // What was replicated is of the old epoch.
    assert_eq!(b.recorder.events()[..1], [Event::Restart(Restart::First)]);
    b.recorder.wait_for_record("after");
    assert_eq!(records(&b), heard(&["after"]));
}

#[test]
fn a_replica_is_not_followed() {
    let (primary, replica) = (Server::start(), Server::start());
    let mut redis = redis(&replica);
    cmd("REPLICAOF").arg("127.0.0.1").arg(primary.port()).exec(&mut redis).unwrap();
    let b = Process::start(&replica);
    assert!(wait(b.tier.publish_record(1, b"x".to_vec(), false)).is_err());
    assert_eq!(b.recorder.events(), []);
    assert!(!b.recorder.is_proven());
}

#[test]
fn the_log_keeps_what_is_young_and_no_more_than_a_number() {
    let server = Server::start();
    let a = Process::start_with(&server.url(), |builder| builder.max_records(100));
    for number in 0..2000 {
        drop(a.tier.publish_record(number, b"x".to_vec(), false));
    }
    a.publish("last").unwrap();
    a.recorder.wait_for_record("last");
    let mut redis = redis(&server);
    let length: u64 = cmd("XLEN").arg("{cache}:log").query(&mut redis).unwrap();
    // Redis removes whole nodes.
    assert!((100..=300).contains(&length), "{length}");
    // By age: the follower trims, and what it has heard is not lost to it.
    let b = Process::start_with(&server.url(), |builder| builder.max_entry_age(Duration::from_millis(1)));
    wait_until(|| {
        b.publish("more").unwrap();
        // At least the node of the record that ends the log is left.
        cmd("XLEN").arg("{cache}:log").query::<u64>(&mut redis).unwrap() < 100
    });
    assert_eq!(restarts(&b), [Restart::First]);
}

#[test]
fn two_namespaces_have_two_logs() {
    let server = Server::start();
    let a = Process::start_with(&server.url(), |builder| builder.namespace("a"));
    let b = Process::start_with(&server.url(), |builder| builder.namespace("b"));
    a.publish("of a").unwrap();
    b.publish("of b").unwrap();
    a.recorder.wait_for_record("of a");
    b.recorder.wait_for_record("of b");
    assert_eq!((records(&a), records(&b)), (heard(&["of a"]), heard(&["of b"])));
}

#[test]
fn two_schemas_have_one_log() {
    let server = Server::start();
    let a = Process::start_with(&server.url(), |builder| builder.schema("1"));
    let b = Process::start_with(&server.url(), |builder| builder.schema("2"));
    a.recorder.wait_for_proof();
    b.publish("of b").unwrap();
    a.recorder.wait_for_record("of b");
}

#[test]
fn what_is_queued_is_published_after_the_last_handle_is_gone() {
    let server = Server::start();
    let (a, b) = (Process::start(&server), Process::start(&server));
    for number in 0..20 {
        drop(a.tier.publish_record(number, number.to_string().into_bytes(), false));
    }
    drop(a);
    b.recorder.wait_for_record("19");
}

#[test]
fn a_cache_that_is_gone_ends_its_tier() {
    let server = Server::start();
    let a = Process::start(&server);
    a.recorder.wait_for_proof();
    a.recorder.end();
    let mut redis = redis(&server);
    // Its connections are closed.
    wait_until(|| {
        let clients: String = cmd("CLIENT").arg("LIST").query(&mut redis).unwrap();
        clients.lines().count() == 1
    });
    let error = wait(a.tier.get(b"key")).unwrap_err();
    assert_eq!(error.to_string(), "the cache of this tier is gone");
}

/// Uses the tier, and waits for it, while it is told of a record.
struct Using {
    tier: RedisTier,
    recorder: Recorder,
}

impl Listener for Using {
    fn restart(&self, position: LogPosition, why: Restart) {
        self.recorder.restart(position, why);
    }

    fn hear(&self, position: LogPosition, record: &[u8]) -> bool {
        assert_eq!(wait(self.tier.get(b"key")), Ok(None));
        if record == b"1" {
            wait(self.tier.publish_record(2, b"2".to_vec(), false)).unwrap();
        }
        self.recorder.hear(position, record)
    }

    fn prove(&self, heard_until: LeaseTime) {
        self.recorder.prove(heard_until);
    }

    fn acknowledge(&self, token: u64, position: LogPosition) {
        self.recorder.acknowledge(token, position);
    }

    fn is_over(&self) -> bool {
        self.recorder.is_over()
    }
}

#[test]
fn who_is_told_may_wait_for_the_tier() {
    let server = Server::start();
    let builder = RedisTier::builder(server.url()).timeout(Duration::from_secs(10));
    let tier = builder.connect_blocking().unwrap();
    let recorder = Recorder::default();
    tier.follow_with(Using { tier: tier.clone(), recorder: recorder.clone() });
    recorder.wait_for_proof();
    wait(tier.publish_record(1, b"1".to_vec(), false)).unwrap();
    recorder.wait_for_record("2");
    recorder.end();
}

#[test]
#[should_panic = "a tier follows for one cache: connect another"]
fn a_second_cache_is_refused() {
    let server = Server::start();
    let a = Process::start(&server);
    a.tier.follow_with(a.recorder.clone());
}

/// Asks again until it is so. Each question is one to a server, so it is no busy loop.
fn wait_until(mut is_so: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30), "it does not happen");
    }
}
