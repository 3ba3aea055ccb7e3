//! With sqlx: a repository is made of a connection, be it that of a transaction, which its calls take in turns.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use cache_core::{Cache, CacheTransaction, HasCache, cached_query, invalidates};
use fastrand::Rng;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow, SqliteSynchronous};
use sqlx::{Connection, Result, Row, Sqlite, SqliteConnection, Transaction};
use tokio::runtime::Builder;
use tokio::sync::{Mutex, mpsc};
use tokio::task::{JoinSet, yield_now};

use super::{End, Plan, Question, Track, World, shelf_tag};
use super::{FINISH, GET, GET_ALL, GET_SHELF, Mode, PLAY, Report, TRACKS, WORKERS};

/// How long to wait for a transaction that rolls back.
const BUSY: Duration = Duration::from_secs(30);

async fn connect(world: &World) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(world.file()).busy_timeout(BUSY);
    // Nobody needs the file after a power cut.
    SqliteConnection::connect_with(&options.synchronous(SqliteSynchronous::Off)).await
}

#[derive(HasCache)]
struct Shop<'c> {
    connection: Mutex<&'c mut SqliteConnection>,
    cache: Cache,
}

impl<'c> Shop<'c> {
    fn new(connection: &'c mut SqliteConnection, cache: Cache) -> Self {
        Self { connection: Mutex::new(connection), cache }
    }

    async fn row(&self, sql: &'static str, id: u32) -> Result<Track> {
        let mut connection = self.connection.lock().await;
        track(&sqlx::query(sql).bind(id).fetch_one(&mut **connection).await?)
    }

    async fn rows(&self, sql: &'static str, of: u32) -> Result<Vec<Track>> {
        let mut connection = self.connection.lock().await;
        sqlx::query(sql).bind(of).fetch_all(&mut **connection).await?.iter().map(track).collect()
    }

    #[cached_query(ttl = "1h")]
    async fn track(&self, id: u32) -> Result<Track> {
        self.row(GET, id).await
    }

    #[cached_query(ttl = "1h", tags("shelf:{number}"))]
    async fn shelf(&self, number: u32) -> Result<Vec<Track>> {
        self.rows(GET_SHELF, number).await
    }

    #[cached_query(ttl = "1h")]
    async fn all(&self) -> Result<Vec<Track>> {
        self.rows(GET_ALL, TRACKS).await
    }

    #[cached_query(ttl = "1h")]
    async fn pair(&self, first: u32, second: u32) -> Result<Vec<Track>> {
        Ok(vec![self.track(first).await?, self.track(second).await?])
    }

    #[invalidates(track(id), "all", tags(shelf_tag(id)))]
    async fn play(&self, id: u32) -> Result<Track> {
        self.row(PLAY, id).await
    }

    async fn finish(&self, written: &[Track]) -> Result<()> {
        for track in written {
            sqlx::query(FINISH).bind(track.id).execute(&mut **self.connection.lock().await).await?;
        }
        Ok(())
    }

    async fn answer(&self, question: Question) -> Result<Vec<Track>> {
        match question {
            Question::Track(id) => self.track(id).await.map(|track| vec![track]),
            Question::Shelf(number) => self.shelf(number).await,
            Question::All => self.all().await,
            Question::Pair(first, second) => self.pair(first, second).await,
        }
    }
}

fn track(row: &SqliteRow) -> Result<Track> {
    Ok(Track { id: row.try_get(0)?, plays: row.try_get(1)?, is_draft: row.try_get(2)? })
}

pub(super) fn run(world: &Arc<World>) -> Report {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime can be built");
    let report = runtime.block_on(async {
        let writing = Arc::new(Mutex::new(()));
        let mut seeds = Rng::with_seed(world.load.seed);
        windows(world, &writing).await?;
        let mut tasks = JoinSet::new();
        for _ in 0..WORKERS {
            tasks.spawn(write(world.clone(), writing.clone(), seeds.fork()));
            tasks.spawn(read(world.clone(), seeds.fork()));
        }
        while let Some(ended) = tasks.join_next().await {
            ended.expect("no task panics")?;
        }
        Ok::<_, sqlx::Error>(world.report())
    });
    report.expect("the database works")
}

/// A reader on another connection reads what a transaction has written before it ends, and after.
async fn windows(world: &Arc<World>, writing: &Mutex<()>) -> Result<()> {
    let (ask, mut asked) = mpsc::channel(1);
    let (answer, mut answered) = mpsc::channel(1);
    let reader = tokio::spawn({
        let world = world.clone();
        async move {
            let mut connection = connect(&world).await?;
            let shop = Shop::new(&mut connection, world.cache.clone());
            while let Some(track) = asked.recv().await {
                check(&world, &shop, Question::Track(track)).await?;
                answer.send(()).await.expect("the writer waits");
            }
            Ok(())
        }
    });
    let mut connection = connect(world).await?;
    let mut read = async |track| {
        ask.send(track).await.expect("the reader waits");
        answered.recv().await.expect("the reader answers");
    };
    for track in 0..world.load.windows {
        world.progress.inc(1);
        // So that there is something stale. Uncommitted rows are cached only where nothing is.
        if world.load.mode != Mode::ReadsOutside {
            read(track).await;
        }
        transact(world, &mut connection, writing, &Plan::of_window(track), read(track)).await?;
        read(track).await;
    }
    drop(ask);
    reader.await.expect("the reader does not panic")
}

async fn write(world: Arc<World>, writing: Arc<Mutex<()>>, mut rng: Rng) -> Result<()> {
    let mut connection = connect(&world).await?;
    while let Some(plan) = world.next(&mut rng) {
        transact(&world, &mut connection, &writing, &plan, yield_now()).await?;
    }
    Ok(())
}

/// A unit of work. `before_end` runs before it ends.
async fn transact(
    world: &World,
    connection: &mut SqliteConnection,
    writing: &Mutex<()>,
    plan: &Plan,
    before_end: impl Future<Output = ()>,
) -> Result<()> {
    // Before its turn to write: several are begun at once.
    let transaction = world.cache.transaction();
    let turn = writing.lock().await;
    let mut begun = connection.begin_with("BEGIN IMMEDIATE").await?;
    let work = work(world, &mut begun, &transaction, plan);
    world.count(plan.end, plan.in_savepoint.is_some());
    let written = match plan.end {
        End::DropWork(polls) => match poll_times(polls, work).await {
            Some(written) => written?,
            None => Vec::new(),
        },
        _ => work.await?,
    };
    before_end.await;
    match plan.end {
        End::Commit | End::DropCommit => {
            let [write, _] = world.handles(&transaction);
            Shop::new(&mut begun, write).finish(&written).await?;
            world.oracle.committing(&written);
            let commit = transaction.commit_after_async(begun.commit());
            if plan.end == End::DropCommit {
                // Nobody learns whether it has happened, or it happens after this.
                drop(poll_times(1, commit).await);
            } else {
                commit.await?;
                world.oracle.committed(&written);
            }
        }
        End::RollBack => {
            begun.rollback().await?;
            transaction.rollback();
        }
        End::Drop | End::DropWork(_) => drop((begun, transaction)),
    }
    drop(turn);
    Ok(())
}

/// Plays the tracks, and reads them back.
async fn work(
    world: &World,
    begun: &mut Transaction<'_, Sqlite>,
    transaction: &CacheTransaction,
    plan: &Plan,
) -> Result<Vec<Track>> {
    let [write, read] = world.handles(transaction);
    let inside = Shop::new(begun, write);
    let mut written = Vec::new();
    for id in &plan.tracks {
        let track = inside.play(*id).await?;
        // All of them are finished: a track may be in the list twice.
        written.retain(|earlier: &Track| earlier.id != *id);
        written.push(track);
    }
    drop(inside);
    if let Some(id) = plan.in_savepoint {
        let mut part = begun.begin().await?;
        let savepoint = transaction.savepoint();
        Shop::new(&mut part, savepoint.cache()).play(id).await?;
        part.rollback().await?;
        savepoint.rollback();
    }
    let inside = Shop::new(begun, read);
    for track in &written {
        world.oracle.check_inside(*track, inside.track(track.id).await?);
    }
    drop(inside);
    Ok(written)
}

/// Drops a future that is not ready after so many polls.
async fn poll_times<T>(mut polls: u32, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        polls -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if polls == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

async fn read(world: Arc<World>, mut rng: Rng) -> Result<()> {
    let mut connection = connect(&world).await?;
    while !world.are_writers_done() {
        if rng.u32(..32) == 0 {
            read_snapshot(&world, &mut connection, &mut rng).await?;
        } else {
            let shop = Shop::new(&mut connection, world.cache.clone());
            check(&world, &shop, Question::random(&mut rng)).await?;
            // A hit does not wait, and a task is to leave its thread to others.
            yield_now().await;
        }
    }
    Ok(())
}

async fn check(world: &World, shop: &Shop<'_>, question: Question) -> Result<()> {
    let asked = world.oracle.ask();
    world.oracle.check(&asked, &shop.answer(question).await?);
    Ok(())
}

/// Reads in a transaction, of the state when that has begun, while others write.
async fn read_snapshot(world: &World, connection: &mut SqliteConnection, rng: &mut Rng) -> Result<()> {
    let mut begun = connection.begin().await?;
    let asked = world.oracle.ask();
    let transaction = world.cache.transaction();
    let inside = Shop::new(&mut begun, transaction.cache());
    let transactions = world.begun.load(Ordering::Relaxed);
    for _ in 0..4 {
        world.oracle.check(&asked, &inside.answer(Question::random(rng)).await?);
        // Until another transaction has been begun, and this one is of an older state.
        while world.begun.load(Ordering::Relaxed) == transactions && !world.are_writers_done() {
            yield_now().await;
        }
    }
    drop(inside);
    begun.commit().await?;
    transaction.rollback(); // It has written nothing.
    Ok(())
}
