//! What several processes cost, beside the bare commands of the same client: a table for each question.
//!
//! ```text
//! cargo run --release -p redis-tests --bin redis-costs
//! ```
//!
//! The figures of one run are in `COSTS.md`. Each ratio is of medians of interleaved rounds.

mod bare;
mod encodings;
mod heard;
mod library;
mod rounds;

use std::{error::Error, fmt::Write as _, time::Duration};

use cache_core::{Cache, CacheBuilder};
use cache_redis::RedisTier;
use redis_tests::Server;

use crate::{
    bare::Bare,
    library::Library,
    rounds::{compare, nanos},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut report = String::from("# What several processes cost\n\n");
    for section in [hits().await?, second_level().await?, invalidations().await?, heard().await?, encodings()?] {
        println!("{section}");
        report.push_str(&section);
    }
    if std::env::args().any(|argument| argument == "--write") {
        report.push_str(include_str!("on_paper.md"));
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/COSTS.md"), report)?;
    }
    Ok(())
}

/// A cache on a server, with a lease.
async fn process(server: &Server, namespace: &str, builder: CacheBuilder) -> Outcome<Cache> {
    let tier = RedisTier::builder(server.url()).namespace(namespace).timeout(Duration::from_secs(5)).connect().await?;
    let cache = builder.shared(tier).build();
    while !cache.shared_stats().is_some_and(|stats| stats.is_live) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(cache)
}

fn row(table: &mut String, name: &str, (subject, base): (u64, u64), goal: f64) {
    #[expect(clippy::cast_precision_loss, reason = "it is a time")]
    let ratio = subject as f64 / base as f64;
    let verdict = if ratio <= goal { "met" } else { "missed" };
    let (subject, base) = (nanos(subject), nanos(base));
    let _ = writeln!(table, "| {name} | {subject} | {base} | {ratio:.2} | at most {goal}: {verdict} |");
}

async fn hits() -> Outcome<String> {
    let server = Server::start();
    let alone = Library::new(Cache::new());
    let shared = Library::new(process(&server, "hits", Cache::builder()).await?);
    let calls = 200_000;
    let run = |library: &Library| {
        let library = library.clone();
        async move { (0..calls).map(|call| library.number(call % 64)).fold(0, u64::wrapping_add) }
    };
    run(&alone).await;
    run(&shared).await;
    let medians = compare(31, calls, async || _ = run(&shared).await, async || _ = run(&alone).await).await;
    let mut table =
        "## Hits\n\n| | with a live lease | without a tier | ratio | goal |\n|---|---:|---:|---:|---|\n".to_owned();
    row(&mut table, "hit, one thread, `u64` to `u64`", medians, 1.05);
    Ok(table + "\n")
}

async fn second_level() -> Outcome<String> {
    let server = Server::start();
    let (writer, bare) =
        (Library::new(process(&server, "level", Cache::builder()).await?), Bare::connect(&server).await?);
    let mut table = "## The second level\n\nOne call at a time, of a task, on the loopback address.\n\n\
                     | | cache | bare `GET` | ratio | goal |\n|---|---:|---:|---:|---|\n"
        .to_owned();
    for (name, bytes) in [("hit of the second level, 100 bytes", 100), ("the same, 10 kB", 10_000)] {
        let (calls, rounds) = (200, 21);
        for key in 0..calls {
            writer.text(key, bytes).await;
        }
        bare.set_all(calls, bytes).await?;
        // Memory has room for one entry: each call asks the second level.
        let reader = Library::new(process(&server, "level", Cache::builder().capacity(1)).await?);
        let medians = compare(
            rounds,
            calls,
            async || {
                for key in 0..calls {
                    reader.text(key, bytes).await;
                }
            },
            async || bare.get_all(calls).await,
        )
        .await;
        let stats = reader.cache.shared_stats().ok_or("it has a tier")?;
        if stats.hits < calls * rounds {
            return Err(format!("not all were taken from the second level:\n{stats}").into());
        }
        row(&mut table, name, medians, 1.3);
    }
    Ok(table + "\n")
}

async fn invalidations() -> Outcome<String> {
    let server = Server::start();
    let (library, bare) =
        (Library::new(process(&server, "writes", Cache::builder()).await?), Bare::connect(&server).await?);
    let calls = 200;
    let measure = async || {
        let write_all = async || {
            for key in 0..calls {
                library.write(key).await;
            }
        };
        compare(21, calls, write_all, async || bare.append_all(calls).await).await
    };
    let mut table =
        "## Invalidations\n\n| | cache | bare `XADD` | ratio | goal |\n|---|---:|---:|---:|---|\n".to_owned();
    row(&mut table, "an invalidation, acknowledged, one at a time", measure().await, 1.2);
    let reader = bare.read_all();
    row(&mut table, "the same, beside an `XADD` that one process reads, too", measure().await, 1.2);
    reader.abort();
    let per_second = heard::throughput(&server).await?;
    let _ = writeln!(
        table,
        "\n64 tasks of one process at once, heard by another one: {per_second:.0} invalidations a second. Each \
         process hears also what it has written itself: a bare `XADD` wakes nobody.\n"
    );
    Ok(table)
}

async fn heard() -> Outcome<String> {
    let mut table = "## When invalidations are heard\n\nFrom the return of the write until the last process has \
                     forgotten. All processes share this machine.\n\n| processes | median | p99 |\n|---:|---:|---:|\n"
        .to_owned();
    for processes in [2, 8] {
        let (median, p99) = heard::lag(processes).await?;
        let _ = writeln!(table, "| {processes} | {} | {} |", nanos(median), nanos(p99));
    }
    Ok(table + "\n")
}

fn encodings() -> Outcome<String> {
    let mut table = "## Encodings\n\nA track of the demo, written and read.\n\n\
                     | encoding | bytes | write | read | fields may be added |\n|---|---:|---:|---:|---|\n"
        .to_owned();
    for (name, bytes, write, read, is_open) in encodings::measure()? {
        let _ = writeln!(table, "| {name} | {bytes} | {} | {} | {is_open} |", nanos(write), nanos(read));
    }
    Ok(table
        + "\nMessagePack with names is used: two releases of a program read each other's values, and what serde can skip, \
           flatten or leave untagged is read back, which postcard cannot. Its bytes are fewer than those of JSON.\n\n")
}
