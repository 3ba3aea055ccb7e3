//! A process of the soak: it reads and writes, and tells its parent by lines what it has seen.
//!
//! | line | means |
//! |---|---|
//! | `r row counter start query` | an answer showed this counter; no later call showed one as low |
//! | `w row counter time` | a write was acknowledged, at the latest then |
//! | `s name=number ..` | figures, as totals |
//! | `x words` | what may not be |
//! | `drained`, `read` | the command has been done |

use std::{
    collections::HashMap,
    fmt::Write as _,
    io::{self, Write as _},
    mem, panic, process,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use cache_core::Cache;
use cache_redis::RedisTier;
use redis_tests::shared_stats;
use tokio::runtime::{Builder, Runtime};

use crate::{
    database::Database,
    library::{Row, Rows, group_of, random, seed_thread, tenant_of},
    world::{MAX_LAG, NAMESPACE, ROWS, ROWS_OF_TENANT, SCHEMA, TENANTS, now},
};

const READERS: u64 = 3;
const WRITERS: u64 = 2;

/// Fewer than there are keys: what is evicted from memory comes from the second level.
const CAPACITY: usize = 60;

/// Most calls are about these.
const HOT: [u16; 4] = [0, 7, 14, 21];

const REPORT: Duration = Duration::from_millis(100);

pub(crate) struct ChildOptions {
    /// Of Redis.
    pub(crate) url: String,
    pub(crate) database: u16,
    pub(crate) number: u64,
    pub(crate) seed: u64,
}

#[derive(Clone, Copy, Debug)]
enum Query {
    Row,
    RowInMemory,
    RowAsync,
    Nested,
    NestedInMemory,
    Tagged,
    Tenant,
}

impl Query {
    const ALL: [Self; 7] =
        [Self::Row, Self::RowInMemory, Self::RowAsync, Self::Nested, Self::NestedInMemory, Self::Tagged, Self::Tenant];
}

struct Child {
    tenants: Vec<Rows>,
    /// Through it mutations reach all scopes.
    all: Rows,
    /// What own writes have made of each row: no later call may show less, published or not.
    floors: Vec<AtomicU64>,
    is_draining: AtomicBool,
    /// Written, and not known to be acknowledged.
    unpublished: Mutex<Vec<Row>>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    calls: AtomicU64,
    writes: AtomicU64,
    /// Writes that returned before they were acknowledged.
    queued: AtomicU64,
    acknowledged: AtomicU64,
}

pub(crate) fn run(options: &ChildOptions) {
    panic::set_hook(Box::new(|info| {
        say(&format!("x panic: {}", info.to_string().replace('\n', " ")));
        process::exit(1);
    }));
    let builder = RedisTier::builder(&options.url).namespace(NAMESPACE).schema(SCHEMA).max_lag(MAX_LAG);
    let tier = builder.connect_blocking().expect("the URL is right, and no server refuses it");
    let cache = Cache::builder().capacity(CAPACITY).shared(tier).build();
    let database = Arc::new(Database::at(options.database));
    let tenant = |number| Rows { database: Arc::clone(&database), cache: cache.scope(&format!("tenant:{number}")) };
    let child = Arc::new(Child {
        tenants: (0..TENANTS).map(tenant).collect(),
        all: Rows { database: Arc::clone(&database), cache: cache.clone() },
        floors: (0..ROWS).map(|_| AtomicU64::new(0)).collect(),
        is_draining: AtomicBool::new(false),
        unpublished: Mutex::default(),
        counts: Counts::default(),
    });
    let spawn = |number: u64, work: fn(&Child)| {
        let (child, seed) = (Arc::clone(&child), options.seed ^ (options.number << 32) ^ number);
        thread::spawn(move || {
            seed_thread(seed);
            work(&child);
        })
    };
    (0..READERS).for_each(|number| drop(spawn(number, Child::read_for_ever)));
    let writers: Vec<_> = (0..WRITERS).map(|number| spawn(READERS + number, Child::write_until_drained)).collect();
    drop(spawn(READERS + WRITERS, Child::report_for_ever));
    let mut commands = io::stdin().lines().map_while(Result::ok);
    // It ends with its parent.
    for command in commands.by_ref() {
        match &*command {
            "drain" => {
                child.is_draining.store(true, Ordering::SeqCst);
                while !writers.iter().all(thread::JoinHandle::is_finished) {
                    thread::sleep(Duration::from_millis(1));
                }
                child.drain();
                say("drained");
            }
            "read" => {
                child.read_everything();
                say("read");
            }
            other => panic!("the parent says {other:?}"),
        }
    }
}

fn say(line: &str) {
    let mut stdout = io::stdout().lock();
    // Without a parent there is nobody to tell.
    if writeln!(stdout, "{line}").and_then(|()| stdout.flush()).is_err() {
        process::exit(1);
    }
}

impl Child {
    fn cache(&self) -> &Cache {
        &self.all.cache
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Row>> {
        self.unpublished.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_for_ever(&self) {
        let runtime = runtime();
        let (mut seen, mut flushed) = (Seen::default(), now());
        loop {
            let id = random_row();
            self.read(&runtime, Query::ALL[usize::try_from(random(7)).unwrap_or(0)], id, &mut seen);
            if now() - flushed > 100_000_000 {
                seen.flush();
                flushed = now();
            }
            thread::sleep(Duration::from_micros(random(1500)));
        }
    }

    fn read(&self, runtime: &Runtime, query: Query, id: u16, seen: &mut Seen) {
        let floors: Vec<u64> = self.floors.iter().map(|floor| floor.load(Ordering::SeqCst)).collect();
        let (rows, group) = (&self.tenants[usize::from(tenant_of(id))], group_of(id));
        let start = now();
        let answer = match query {
            Query::Row => vec![rows.row(group, id)],
            Query::RowInMemory => vec![rows.row_in_memory(group, id)],
            Query::RowAsync => vec![runtime.block_on(rows.row_async(group, id))],
            Query::Nested => rows.nested(group),
            Query::NestedInMemory => rows.nested_in_memory(group),
            Query::Tagged => rows.tagged(group),
            Query::Tenant => rows.tenant(tenant_of(id)),
        };
        self.counts.calls.fetch_add(1, Ordering::Relaxed);
        for row in answer {
            let floor = floors[usize::from(row.id)];
            if row.counter < floor {
                say(&format!("x {query:?} shows {} of row {} after an own write of {floor}", row.counter, row.id));
            }
            seen.add(row, start, query);
        }
    }

    /// Each row by each query, with an empty or a full cache.
    fn read_everything(&self) {
        let (runtime, mut seen) = (runtime(), Seen::default());
        for id in 0..ROWS {
            for query in Query::ALL {
                self.read(&runtime, query, id, &mut seen);
            }
        }
        seen.flush();
        self.report();
    }

    fn write_until_drained(&self) {
        let runtime = runtime();
        while !self.is_draining.load(Ordering::SeqCst) {
            let written = self.write(&runtime);
            self.counts.writes.fetch_add(written.len() as u64, Ordering::Relaxed);
            for row in &written {
                self.floors[usize::from(row.id)].fetch_max(row.counter, Ordering::SeqCst);
            }
            let count = written.len() as u64;
            self.lock().extend(written);
            if !self.acknowledge() {
                self.counts.queued.fetch_add(count, Ordering::Relaxed);
            }
            thread::sleep(Duration::from_millis(random(250)));
        }
    }

    fn write(&self, runtime: &Runtime) -> Vec<Row> {
        let id = random_row();
        let (rows, group) = (&self.tenants[usize::from(tenant_of(id))], group_of(id));
        match random(64) {
            0 => rows.write_and_forget_all(id),
            1 => self.all.write_and_forget_all(id),
            2 => rows.write_by_name(id),
            3 => self.all.write_by_name(id),
            4 => rows.write_then_name(id),
            5..10 => rows.write_by_tag(group, &[id]),
            10..15 => self.all.write_by_tag(group, &[id]),
            15..25 => {
                let first = tenant_of(id) * ROWS_OF_TENANT;
                rows.write_two([id, first + (id - first + 1) % ROWS_OF_TENANT])
            }
            25..35 => rows.write_announced(group, id).unwrap_or_default(),
            35..45 => runtime.block_on(rows.write_async(group, id)),
            _ => rows.write_by_key(group, id),
        }
    }

    /// If nothing is unpublished, all has been acknowledged that was written before that was asked.
    fn acknowledge(&self) -> bool {
        let written = mem::take(&mut *self.lock());
        if shared_stats(self.cache()).unpublished > 0 {
            self.lock().extend(written);
            return false;
        }
        let acknowledged = now();
        self.counts.acknowledged.fetch_add(written.len() as u64, Ordering::Relaxed);
        for Row { id, counter } in written {
            say(&format!("w {id} {counter} {acknowledged}"));
        }
        true
    }

    fn drain(&self) {
        while !self.acknowledge() || !shared_stats(self.cache()).is_live {
            thread::sleep(Duration::from_millis(1));
        }
        self.report();
    }

    fn report_for_ever(&self) {
        loop {
            self.acknowledge();
            self.report();
            thread::sleep(REPORT);
        }
    }

    fn report(&self) {
        let (stats, shared) = (self.cache().stats(), shared_stats(self.cache()));
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let figures = [
            ("calls", count(&self.counts.calls)),
            ("hits", stats.hits),
            ("loads", stats.loads),
            ("discarded_loads", stats.discarded_loads),
            ("evictions", stats.evictions),
            ("writes", count(&self.counts.writes)),
            ("queued", count(&self.counts.queued)),
            ("acknowledged", count(&self.counts.acknowledged)),
            ("shared_hits", shared.hits),
            ("shared_misses", shared.misses),
            ("shared_refused", shared.refused),
            ("undecodable", shared.undecodable),
            ("failed_gets", shared.failed_gets),
            ("puts", shared.puts),
            ("failed_puts", shared.failed_puts),
            ("published", shared.published),
            ("refused_mutations", shared.refused_mutations),
            ("heard", shared.heard),
            ("gaps", shared.gaps),
            ("epochs", shared.epochs),
            ("live", u64::from(shared.is_live)),
            ("unpublished", shared.unpublished as u64),
        ];
        let mut line = "s".to_owned();
        for (name, number) in figures {
            write!(line, " {name}={number}").expect("a string takes it");
        }
        say(&line);
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime without drivers can be built")
}

fn random_row() -> u16 {
    let below = if random(3) == 0 { u64::from(ROWS) } else { HOT.len() as u64 };
    let at = u16::try_from(random(below)).expect("there are few rows");
    if below == u64::from(ROWS) { at } else { HOT[usize::from(at)] }
}

/// The last call that showed a counter: if any was wrong, that one is.
#[derive(Default)]
struct Seen(HashMap<(u16, u64), (u64, Query)>);

impl Seen {
    fn add(&mut self, Row { id, counter }: Row, start: u64, query: Query) {
        let last = self.0.entry((id, counter)).or_insert((start, query));
        if last.0 < start {
            *last = (start, query);
        }
    }

    fn flush(&mut self) {
        for ((id, counter), (start, query)) in self.0.drain() {
            say(&format!("r {id} {counter} {start} {query:?}"));
        }
    }
}
