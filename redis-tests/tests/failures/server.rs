//! The server does not answer.

use std::net::{Ipv4Addr, TcpListener};

use redis_tests::{Server, until};

use crate::process::{Database, Process, all_is_well};

#[test]
fn p22_a_server_that_is_paused() {
    let server = Server::start();
    let database = Database::new();
    let [first, second] = [Process::start(&server, &database), Process::start(&server, &database)];
    first.warm_up();
    server.pause();
    first.goes_on();
    assert!(until(|| !first.stats().is_live));
    first.goes_on();
    assert!((0..8).all(|id| !first.is_cached(id)), "memory answers nothing");
    let queued = first.stats().unpublished;
    assert!(queued > 0);
    server.resume();
    all_is_well(&[&first, &second]);
}

#[test]
fn p22_a_server_that_is_gone_and_comes_back() {
    let mut server = Server::start();
    let database = Database::new();
    let [first, second] = [Process::start(&server, &database), Process::start(&server, &database)];
    first.warm_up();
    server.kill();
    first.goes_on();
    let loads = database.loads();
    assert!(until(|| !second.stats().is_live));
    assert_eq!(second.row(0), first.row(0));
    assert!(database.loads() > loads);
    server.restart();
    all_is_well(&[&first, &second]);
}

#[test]
fn p22_a_server_that_is_not_there_yet() {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let process = Process::start_without_waiting(port, &Database::new());
    process.goes_on();
    assert_eq!(process.stats().lag, None);
    let server = Server::start();
    process.proxy.target(server.port());
    all_is_well(&[&process]);
    assert_eq!(process.stats().epochs, 0, "nothing is lost that was never there");
}

/// A tier that is dropped while nothing answers does not wait for it.
#[test]
fn p22_a_cache_can_be_dropped_while_the_server_is_paused() {
    let server = Server::start();
    let process = Process::start(&server, &Database::new());
    server.pause();
    process.goes_on();
    drop(process);
    server.resume();
}
