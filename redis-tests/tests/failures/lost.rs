//! The server loses what it had.

use redis_tests::{Direction, Proxy, Server, until};

use crate::process::{Database, Process, all_is_well};

const LOG: &str = "{cache}:log";
const PERSISTENT: [&str; 6] = ["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"];

/// Two processes, with all in memory and in the second level.
fn two(server: &Server) -> [Process; 2] {
    let database = Database::new();
    let processes = [Process::start(server, &database), Process::start(server, &database)];
    processes[0].write_and_publish(0);
    processes.iter().for_each(Process::warm_up);
    processes
}

fn write_five(writer: &Process) -> u64 {
    let mut last = 0;
    for _ in 0..5 {
        last = writer.write_and_publish(4);
    }
    last
}

fn losses(process: &Process) -> u64 {
    process.stats().gaps + process.stats().epochs
}

/// Both find out that something is lost, and all is well again.
fn both_lose(server: &mut Server, lose: impl FnOnce(&mut Server)) {
    let processes = two(server);
    let before = processes.each_ref().map(losses);
    lose(server);
    // A log that is gone is missed by who goes on writing it.
    processes[1].write(1);
    for (process, before) in processes.iter().zip(before) {
        assert!(until(|| losses(process) > before));
    }
    all_is_well(&processes.each_ref());
}

#[test]
fn p20_a_flush_is_counted_and_everything_is_forgotten() {
    both_lose(&mut Server::start(), |server| server.command(&["FLUSHALL"]));
}

#[test]
fn p20_a_deleted_log_is_counted() {
    both_lose(&mut Server::start(), |server| server.command(&["DEL", LOG]));
}

#[test]
fn p20_a_deleted_head_is_counted() {
    both_lose(&mut Server::start(), |server| server.command(&["DEL", "{cache}:head"]));
}

#[test]
fn p20_a_restart_with_all_data_is_counted() {
    both_lose(&mut Server::start_with(&PERSISTENT), Server::restart);
}

#[test]
fn p20_a_restart_without_data_is_counted() {
    both_lose(&mut Server::start_with(&PERSISTENT), Server::restart_empty);
}

/// One process hears nothing while another one writes, and what it wrote is removed from the log.
#[test]
fn p20_records_that_were_trimmed_before_they_were_heard_are_missed() {
    let server = Server::start();
    let [writer, deaf] = two(&server);
    let before = (deaf.stats().gaps, losses(&writer));
    deaf.proxy.half_open();
    let written = write_five(&writer);
    server.command::<()>(&["XTRIM", LOG, "MAXLEN", "1"]);
    deaf.proxy.restore();
    assert!(until(|| deaf.stats().gaps > before.0));
    assert_eq!(losses(&writer), before.1, "a process that has heard them has lost nothing");
    deaf.sees_in_time(4, written);
    all_is_well(&[&writer, &deaf]);
}

#[test]
fn p20_records_that_were_trimmed_after_they_were_heard_are_not_missed() {
    let server = Server::start();
    let [writer, reader] = two(&server);
    let written = write_five(&writer);
    reader.sees_in_time(4, written);
    let heard = || [&writer, &reader].map(|process| process.stats().heard);
    assert!(until(|| heard()[0] == heard()[1]));
    server.command::<()>(&["XTRIM", LOG, "MAXLEN", "1"]);
    all_is_well(&[&writer, &reader]);
    assert_eq!((losses(&writer), losses(&reader)), (0, 0));
}

/// While a process hears nothing, the log is lost, and as many records as before are written: by their numbers alone, none
/// is missing.
#[test]
fn p20_a_paused_process_finds_out_that_the_log_is_another() {
    let server = Server::start();
    let [writer, paused] = two(&server);
    let before = losses(&paused);
    let length: u64 = server.command(&["XLEN", LOG]);
    paused.proxy.half_open();
    server.command::<()>(&["FLUSHALL"]);
    let mut written = writer.write_and_publish(6);
    while server.command::<u64>(&["XLEN", LOG]) < length {
        written = writer.write_and_publish(6);
    }
    paused.sees_in_time(6, written);
    paused.proxy.restore();
    assert!(until(|| losses(&paused) > before));
    all_is_well(&[&writer, &paused]);
}

/// The new master lacks the last writes, and has values from before them.
#[test]
fn p20_p21_a_failover_to_a_replica_that_lacks_the_tail() {
    let mut master = Server::start();
    let replication = Proxy::to(master.port());
    let mut replica = Server::replica_of(replication.port());
    let [writer, reader] = two(&master);
    let offset = |server: &Server| server.command::<u64>(&["XLEN", LOG]);
    assert!(until(|| offset(&replica) == offset(&master)));
    replication.hold(Direction::ToClient);
    let written = writer.write_and_publish(7);
    assert!(offset(&replica) < offset(&master), "the replica lacks the write");
    let before = [&writer, &reader].map(losses);
    for process in [&writer, &reader] {
        process.proxy.target(replica.port());
        process.proxy.reset();
    }
    master.kill();
    replica.promote();
    reader.sees_in_time(7, written);
    for (process, before) in [&writer, &reader].into_iter().zip(before) {
        assert!(until(|| losses(process) > before));
    }
    all_is_well(&[&writer, &reader]);
    let fresh = Process::start(&replica, reader.database());
    fresh.sees_in_time(7, written);
}

/// A server that may forget what it likes, the log as well as values.
#[test]
fn p22_a_server_that_evicts_what_it_likes() {
    let memory = ["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-random", "--save", ""];
    let server = Server::start_with(&memory);
    let [writer, reader] = two(&server);
    let evicted = || -> u64 {
        let info: String = server.command(&["INFO", "stats"]);
        let line = info.lines().find_map(|line| line.strip_prefix("evicted_keys:"));
        line.and_then(|number| number.parse().ok()).expect("it counts what it evicts")
    };
    let filler = "x".repeat(20_000);
    let mut number = 0;
    assert!(until(|| {
        for _ in 0..50 {
            number += 1;
            server.command::<()>(&["SET", &format!("filler:{number}"), &filler]);
        }
        writer.goes_on();
        let written = writer.write_and_publish(1);
        reader.sees_in_time(1, written);
        evicted() > 500
    }));
    all_is_well(&[&writer, &reader]);
}
