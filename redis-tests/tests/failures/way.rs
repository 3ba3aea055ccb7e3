//! The way to the server fails.

use redis_tests::{Direction, Server, until};

use crate::process::{Database, MAX_LAG, Process, ROWS, all_is_well};

fn two(server: &Server) -> [Process; 2] {
    let database = Database::new();
    [Process::start(server, &database), Process::start(server, &database)]
}

/// One process loses the server. The other one writes meanwhile.
fn one_of_two(fail: impl Fn(&Process)) {
    let server = Server::start();
    let [writer, lonely] = two(&server);
    lonely.warm_up();
    fail(&lonely);
    let written = writer.write_and_publish(3);
    lonely.sees_in_time(3, written);
    assert!(until(|| !lonely.stats().is_live));
    assert!((0..ROWS).all(|id| !lonely.is_cached(id)), "memory answers nothing");
    lonely.goes_on();
    assert!(lonely.stats().unpublished > 0);
    let written = lonely.row(3);
    lonely.proxy.restore();
    all_is_well(&[&writer, &lonely]);
    assert_eq!(writer.row(3), written, "what was queued is heard");
}

#[test]
fn p20_p22_connections_are_cut() {
    one_of_two(|process| process.proxy.cut());
}

#[test]
fn p20_p22_nothing_comes_back() {
    one_of_two(|process| process.proxy.hold(Direction::ToClient));
}

#[test]
fn p20_p22_nothing_goes_out() {
    one_of_two(|process| process.proxy.hold(Direction::ToServer));
}

#[test]
fn p20_p22_half_open_both_ways() {
    one_of_two(|process| process.proxy.half_open());
}

#[test]
fn p20_p22_bytes_are_lost() {
    for direction in Direction::BOTH {
        one_of_two(|process| process.proxy.drop_bytes(direction));
    }
}

#[test]
fn p20_p22_answers_come_later_than_they_are_worth() {
    for direction in Direction::BOTH {
        one_of_two(|process| process.proxy.delay(direction, 2 * MAX_LAG));
    }
}

#[test]
fn p20_a_reset_loses_nothing() {
    let server = Server::start();
    let [writer, reader] = two(&server);
    for _ in 0..10 {
        reader.proxy.reset();
        writer.proxy.reset();
        let written = writer.write_and_publish(2);
        reader.sees_in_time(2, written);
    }
    all_is_well(&[&writer, &reader]);
    assert_eq!((reader.stats().gaps, reader.stats().epochs), (0, 0));
}

/// What is sent before a fault may be done after it.
#[test]
fn p21_what_arrives_late_is_not_taken_for_new() {
    let server = Server::start();
    let [late, other] = two(&server);
    late.proxy.hold(Direction::ToServer);
    // It wants to store this.
    late.row(5);
    let written = other.write_and_publish(5);
    late.proxy.restore();
    recover_and_see(&late, written);
    recover_and_see(&other, written);
    let fresh = Process::start(&server, late.database());
    assert_eq!(fresh.row(5), written);
}

fn recover_and_see(process: &Process, written: u64) {
    redis_tests::recover(&process.cache);
    process.sees_in_time(5, written);
}

#[test]
fn p22_an_announced_write_that_nobody_hears_of_does_not_happen() {
    let server = Server::start();
    let [writer, reader] = two(&server);
    let written = writer.write_or_fail(1).unwrap();
    reader.sees_in_time(1, written);
    writer.proxy.cut();
    assert!(until(|| writer.write_or_fail(1).is_err()));
    let refused = writer.stats().refused_mutations;
    let stays = writer.row(1);
    writer.write_or_fail(1).unwrap_err();
    assert_eq!((writer.row(1), writer.stats().refused_mutations), (stays, refused + 1));
    writer.proxy.restore();
    all_is_well(&[&writer, &reader]);
    let written = writer.write_or_fail(1).unwrap();
    reader.sees_in_time(1, written);
}
