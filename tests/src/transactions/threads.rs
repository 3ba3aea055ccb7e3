//! With rusqlite: a repository is made of a connection, be it that of a transaction.

use std::iter;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use cache_core::{Cache, HasCache, cached_query, invalidates};
use fastrand::Rng;
use rusqlite::{Connection, Params, Result, Row, Transaction, TransactionBehavior};

use super::{End, Plan, Question, Track, World, shelf_tag};
use super::{FINISH, GET, GET_ALL, GET_SHELF, Mode, PLAY, Report, TRACKS, WORKERS};

/// How long to wait for a transaction that rolls back.
const BUSY: Duration = Duration::from_secs(30);

pub(super) fn connect(world: &World) -> Connection {
    let connection = Connection::open(world.file()).expect("the file can be opened");
    connection.busy_timeout(BUSY).expect("it is a number");
    // Nobody needs the file after a power cut.
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF").expect("the pragmas are valid");
    connection
}

#[derive(HasCache)]
struct Shop<'c> {
    connection: &'c Connection,
    cache: Cache,
}

impl<'c> Shop<'c> {
    fn new(connection: &'c Connection, cache: Cache) -> Self {
        Self { connection, cache }
    }

    fn rows(&self, sql: &str, params: impl Params) -> Result<Vec<Track>> {
        self.connection.prepare_cached(sql)?.query_map(params, track)?.collect()
    }

    #[cached_query(ttl = "1h")]
    fn track(&self, id: u32) -> Result<Track> {
        self.connection.prepare_cached(GET)?.query_one([id], track)
    }

    #[cached_query(ttl = "1h", tags("shelf:{number}"))]
    fn shelf(&self, number: u32) -> Result<Vec<Track>> {
        self.rows(GET_SHELF, [number])
    }

    #[cached_query(ttl = "1h")]
    fn all(&self) -> Result<Vec<Track>> {
        self.rows(GET_ALL, [TRACKS])
    }

    #[cached_query(ttl = "1h")]
    fn pair(&self, first: u32, second: u32) -> Result<Vec<Track>> {
        Ok(vec![self.track(first)?, self.track(second)?])
    }

    #[invalidates(track(id), "all", tags(shelf_tag(id)))]
    fn play(&self, id: u32) -> Result<Track> {
        self.connection.prepare_cached(PLAY)?.query_one([id], track)
    }

    fn finish(&self, written: &[Track]) -> Result<()> {
        let mut finish = self.connection.prepare_cached(FINISH)?;
        written.iter().try_for_each(|track| finish.execute([track.id]).map(drop))
    }

    fn answer(&self, question: Question) -> Result<Vec<Track>> {
        match question {
            Question::Track(id) => self.track(id).map(|track| vec![track]),
            Question::Shelf(number) => self.shelf(number),
            Question::All => self.all(),
            Question::Pair(first, second) => self.pair(first, second),
        }
    }
}

fn track(row: &Row<'_>) -> Result<Track> {
    Ok(Track { id: row.get(0)?, plays: row.get(1)?, is_draft: row.get(2)? })
}

pub(super) fn run(world: &World) -> Report {
    let mut seeds = Rng::with_seed(world.load.seed);
    let writing = &Mutex::new(());
    windows(world, writing).expect("the database works");
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            let (writer, reader) = (seeds.fork(), seeds.fork());
            scope.spawn(move || write(world, writing, writer).expect("the database works"));
            scope.spawn(move || read(world, reader).expect("the database works"));
        }
    });
    world.report()
}

/// A reader on another connection reads what a transaction has written before it ends, and after.
fn windows(world: &World, writing: &Mutex<()>) -> Result<()> {
    let (ask, asked) = mpsc::channel();
    let (answer, answered) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let connection = connect(world);
            let shop = Shop::new(&connection, world.cache.clone());
            for track in asked {
                check(world, &shop, Question::Track(track)).expect("the database works");
                answer.send(()).expect("the writer waits");
            }
        });
        let connection = connect(world);
        let read = |track| {
            ask.send(track).expect("the reader waits");
            answered.recv().expect("the reader answers");
        };
        for track in 0..world.load.windows {
            world.progress.inc(1);
            // So that there is something stale. Uncommitted rows are cached only where nothing is.
            if world.load.mode != Mode::ReadsOutside {
                read(track);
            }
            transact(world, &connection, writing, &Plan::of_window(track), || read(track))?;
            read(track);
        }
        drop(ask);
        Ok(())
    })
}

fn write(world: &World, writing: &Mutex<()>, mut rng: Rng) -> Result<()> {
    let connection = connect(world);
    iter::from_fn(|| world.next(&mut rng))
        .try_for_each(|plan| transact(world, &connection, writing, &plan, thread::yield_now))
}

/// A unit of work. `before_end` is called before it ends.
fn transact(
    world: &World,
    connection: &Connection,
    writing: &Mutex<()>,
    plan: &Plan,
    before_end: impl FnOnce(),
) -> Result<()> {
    // Before its turn to write: several are begun at once.
    let transaction = world.cache.transaction();
    let turn = writing.lock().expect("no writer panics");
    let begun = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let [write, read] = world.handles(&transaction);
    let inside = Shop::new(&begun, write);
    let mut written = Vec::new();
    for id in &plan.tracks {
        let track = inside.play(*id)?;
        // All of them are finished: a track may be in the list twice.
        written.retain(|earlier: &Track| earlier.id != *id);
        written.push(track);
    }
    if let Some(id) = plan.in_savepoint {
        connection.execute_batch("SAVEPOINT part")?;
        let savepoint = transaction.savepoint();
        Shop::new(&begun, savepoint.cache()).play(id)?;
        connection.execute_batch("ROLLBACK TO part; RELEASE part")?;
        savepoint.rollback();
    }
    for track in &written {
        world.oracle.check_inside(*track, Shop::new(&begun, read.clone()).track(track.id)?);
    }
    before_end();
    world.count(plan.end, plan.in_savepoint.is_some());
    match plan.end {
        End::Commit => {
            inside.finish(&written)?;
            world.oracle.committing(&written);
            transaction.commit_after(|| begun.commit())?;
            world.oracle.committed(&written);
        }
        End::RollBack => {
            begun.rollback()?;
            transaction.rollback();
        }
        End::Drop | End::DropCommit | End::DropWork(_) => drop((begun, transaction)),
    }
    drop(turn);
    Ok(())
}

fn read(world: &World, mut rng: Rng) -> Result<()> {
    let connection = connect(world);
    let shop = Shop::new(&connection, world.cache.clone());
    while !world.are_writers_done() {
        if rng.u32(..32) == 0 {
            read_snapshot(world, &connection, &mut rng)?;
        } else {
            check(world, &shop, Question::random(&mut rng))?;
        }
    }
    Ok(())
}

fn check(world: &World, shop: &Shop<'_>, question: Question) -> Result<()> {
    let asked = world.oracle.ask();
    world.oracle.check(&asked, &shop.answer(question)?);
    Ok(())
}

/// Reads in a transaction, of the state when that has begun, while others write.
fn read_snapshot(world: &World, connection: &Connection, rng: &mut Rng) -> Result<()> {
    let begun = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    let asked = world.oracle.ask();
    let transaction = world.cache.transaction();
    let inside = Shop::new(&begun, transaction.cache());
    let transactions = world.begun.load(Ordering::Relaxed);
    for _ in 0..4 {
        world.oracle.check(&asked, &inside.answer(Question::random(rng))?);
        // Until another transaction has been begun, and this one is of an older state.
        while world.begun.load(Ordering::Relaxed) == transactions && !world.are_writers_done() {
            thread::yield_now();
        }
    }
    begun.commit()?;
    transaction.rollback(); // It has written nothing.
    Ok(())
}
