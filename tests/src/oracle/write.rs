//! Writes to the database, and the ways to invalidate what they change.

use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use cache_core::{Cache, HasCache, invalidates};
use futures_lite::future::block_on;

use super::background::Background;
use super::faults::{Slow, maybe_yield};
use super::harness::Floor;
use super::load::PlannedPanic;
use super::random::Random;
use super::request::{QUERIES, Request};
use super::slot::{Answer, DropBomb, Kind, SlotId};
use super::worker::{Api, Context, Worker};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Key,
    Insert,
    Tag,
    LateTags,
    Attribute,
    /// An attribute that names keys.
    KeyedAttribute,
    /// An attribute that names tags.
    TaggedAttribute,
    /// An attribute that names keys from the returned `Ok` value.
    ResultAttribute,
    /// An attribute that names a key, a query and a tag.
    MixedAttribute,
    Name,
    All,
}

const METHODS: [Method; 11] = [
    Method::Key,
    Method::Insert,
    Method::Tag,
    Method::LateTags,
    Method::Attribute,
    Method::KeyedAttribute,
    Method::TaggedAttribute,
    Method::ResultAttribute,
    Method::MixedAttribute,
    Method::Name,
    Method::All,
];

/// The attributes that name queries, their keys or their tags.
const ATTRIBUTE_METHODS: [Method; 5] = [
    Method::Attribute,
    Method::KeyedAttribute,
    Method::TaggedAttribute,
    Method::ResultAttribute,
    Method::MixedAttribute,
];

impl Method {
    /// Whether it affects only the key of the write.
    fn is_of_one_key(self) -> bool {
        matches!(
            self,
            Self::Key | Self::KeyedAttribute | Self::TaggedAttribute | Self::ResultAttribute | Self::MixedAttribute
        )
    }
}

/// How a write is invalidated, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Invalidation {
    method: Method,
    /// In all places, through the root handle. Otherwise through a handle of the place.
    everywhere: bool,
}

impl Invalidation {
    /// One that affects keys of this kind.
    fn pick(kind: Kind, invalidate_all: u32, random: &Random) -> Self {
        let methods: &[Method] = match kind {
            _ if random.one_in(invalidate_all) => &[Method::All],
            Kind::Plain => &[Method::Key],
            Kind::Tagged => &[Method::Tag, Method::Tag, Method::Key],
            Kind::Late => &[Method::LateTags, Method::LateTags, Method::Key],
            Kind::Inserted => &[Method::Insert, Method::Key],
            Kind::Query | Kind::FallibleQuery | Kind::Aged => &[
                Method::Attribute,
                Method::KeyedAttribute,
                Method::TaggedAttribute,
                Method::ResultAttribute,
                Method::MixedAttribute,
                Method::Name,
            ],
        };
        let method = methods[random.index(methods.len())];
        // A key of a `TaggedCache` belongs to its place, also through the root handle. A key in an attribute does not.
        Self { method, everywhere: !matches!(method, Method::Key | Method::Insert) && random.one_in(2) }
    }

    /// Less than 256.
    pub(super) fn code(self) -> u64 {
        self.method as u64 * 2 + u64::from(self.everywhere)
    }

    pub(super) fn from_code(code: u64) -> Self {
        Self {
            method: usize::try_from(code / 2).map_or(Method::Key, |method| METHODS[method]),
            everywhere: code % 2 == 1,
        }
    }
}

pub(super) struct Mutations {
    pub(super) cache: Cache,
}

impl HasCache for Mutations {
    fn cache(&self) -> &Cache {
        &self.cache
    }
}

impl Mutations {
    /// Afterwards the queries are known by name.
    #[invalidates(
        Request::query,
        Request::fallible_query,
        Request::async_query,
        Request::fallible_async_query,
        Request::aged,
        Request::async_aged,
        Background::query,
        Request::list,
        Request::async_list
    )]
    pub(super) fn register_queries(&self) {}

    #[invalidates(
        Request::query,
        Request::fallible_query,
        Request::async_query,
        Request::fallible_async_query,
        Request::aged,
        Request::async_aged,
        Background::query,
        Request::list,
        Request::async_list
    )]
    fn write_queries(&self, write: &Write<'_>) {
        block_on(write.run(QUERIES.len()));
    }

    #[invalidates(
        Request::query(key),
        Request::fallible_query(key),
        Request::async_query(key),
        Request::fallible_async_query(key),
        Request::aged(key),
        Request::async_aged(key),
        Background::query(key),
        Request::list(key),
        Request::async_list(key)
    )]
    fn write_keys(&self, key: usize, write: &Write<'_>) {
        block_on(write.run(QUERIES.len()));
    }

    #[invalidates(
        Request::query(key),
        Request::fallible_query(key),
        Request::async_query(key),
        Request::fallible_async_query(key),
        Request::aged(key),
        Request::async_aged(key),
        Background::query(key),
        Request::list(key),
        Request::async_list(key)
    )]
    async fn write_keys_async(&self, key: usize, write: &Write<'_>) {
        write.run(QUERIES.len()).await;
    }

    #[invalidates(tags("key:{key}", format!("unused:{key}")))]
    fn write_tags(&self, key: usize, write: &Write<'_>) {
        block_on(write.run(2));
    }

    #[invalidates(tags("key:{key}", format!("unused:{key}")))]
    async fn write_tags_async(&self, key: usize, write: &Write<'_>) {
        write.run(2).await;
    }

    #[invalidates(
        |key| Request::query(*key),
        |key| Request::fallible_query(*key),
        |key| Request::async_query(*key),
        |key| Request::fallible_async_query(*key),
        |key| Request::aged(*key),
        |key| Request::async_aged(*key),
        |key| Background::query(*key),
        |key| Request::list(*key),
        |key| Request::async_list(*key),
        on = "ok"
    )]
    fn write_result(&self, write: &Write<'_>) -> Result<usize, WriteFailed> {
        block_on(write.run_or_fail())
    }

    // Without a result, the whole queries.
    #[invalidates(
        |key| Request::query(*key),
        |key| Request::fallible_query(*key),
        |key| Request::async_query(*key),
        |key| Request::fallible_async_query(*key),
        |key| Request::aged(*key),
        |key| Request::async_aged(*key),
        |key| Background::query(*key),
        |key| Request::list(*key),
        |key| Request::async_list(*key)
    )]
    async fn write_result_async(&self, write: &Write<'_>) -> Result<usize, WriteFailed> {
        write.run(QUERIES.len()).await;
        if write.worker.random.one_in(4) { Err(WriteFailed) } else { Ok(write.of.key) }
    }

    #[invalidates(
        Request::query(key),
        "Request::async_query",
        |key| Request::fallible_query(*key),
        tags("key:{key}")
    )]
    fn write_mixed(&self, key: usize, write: &Write<'_>) -> Result<usize, WriteFailed> {
        block_on(write.run(4));
        if write.worker.random.one_in(4) { Err(WriteFailed) } else { Ok(key) }
    }

    #[invalidates(
        Request::query(key),
        "Request::async_query",
        |key| Request::fallible_query(*key),
        tags("key:{key}")
    )]
    async fn write_mixed_async(&self, key: usize, write: &Write<'_>) -> Result<usize, WriteFailed> {
        write.run(4).await;
        if write.worker.random.one_in(4) { Err(WriteFailed) } else { Ok(key) }
    }

    #[invalidates(all)]
    fn write_all(&self, write: &Write<'_>) {
        block_on(write.run(1));
    }

    #[invalidates(
        Request::query,
        Request::fallible_query,
        Request::async_query,
        Request::fallible_async_query,
        Request::aged,
        Request::async_aged,
        Background::query,
        Request::list,
        Request::async_list
    )]
    async fn write_queries_async(&self, write: &Write<'_>) {
        write.run(QUERIES.len()).await;
    }

    #[invalidates(all)]
    async fn write_all_async(&self, write: &Write<'_>) {
        write.run(1).await;
    }
}

#[derive(Debug)]
struct WriteFailed;

/// A write in progress. Its drop raises the floors, if the invalidation has happened by then.
struct Write<'a> {
    worker: &'a Worker,
    context: Context,
    of: SlotId,
    invalidation: Invalidation,
    bumped: Mutex<Vec<(SlotId, u64)>>,
    is_invalidated: AtomicBool,
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        if !self.is_invalidated.load(Ordering::Relaxed) {
            return;
        }
        let bumped = self.bumped.get_mut().unwrap();
        if !bumped.is_empty() {
            self.worker.tally.writes.add(1);
        }
        for &mut (id, number) in bumped {
            self.worker.harness.raise_floor(id, Floor::new(number, self.invalidation));
        }
    }
}

/// Writes once more when it is dropped.
struct WriteOnDrop<'a>(&'a Write<'a>);

impl Drop for WriteOnDrop<'_> {
    fn drop(&mut self) {
        // Long enough for calls of other workers in between.
        (0..3).for_each(|_| thread::yield_now());
        self.0.bump(self.0.of);
    }
}

impl Write<'_> {
    /// The body of a mutation whose attribute has this many targets. They are invalidated however it ends, even if it
    /// is dropped after its first poll.
    async fn run(&self, targets: usize) {
        self.is_invalidated.store(true, Ordering::Relaxed);
        self.worker.tally.query_targets.add(targets as u64);
        self.bump_all().await;
        if self.worker.random.one_in(64) {
            resume_unwind(Box::new(PlannedPanic));
        }
    }

    /// The body of a mutation that invalidates only on `Ok`: it writes everything or nothing.
    async fn run_or_fail(&self) -> Result<usize, WriteFailed> {
        match self.worker.random.below(16) {
            0 => resume_unwind(Box::new(PlannedPanic)),
            1 | 2 => return Err(WriteFailed),
            _ => {}
        }
        self.is_invalidated.store(true, Ordering::Relaxed);
        self.worker.tally.query_targets.add(QUERIES.len() as u64);
        self.bump_all().await;
        Ok(self.of.key)
    }

    async fn bump_all(&self) {
        let Invalidation { method, everywhere } = self.invalidation;
        let neighbour = self.of.neighbour(self.worker.harness.scenario.keys).filter(|_| !method.is_of_one_key());
        let mut slots = vec![self.of];
        slots.extend(neighbour);
        if everywhere {
            slots = slots.into_iter().flat_map(SlotId::everywhere).collect();
        }
        let _write_on_drop = self.worker.random.one_in(4).then(|| WriteOnDrop(self));
        for id in slots {
            // Lets others read the former numbers in the middle of the write.
            maybe_yield();
            if self.context.api != Api::Blocking && self.worker.random.one_in(4) {
                self.worker.yield_now(self.context).await;
            }
            self.bump(id);
        }
    }

    fn bump(&self, id: SlotId) {
        self.wrote(id, self.worker.harness.bump(id));
    }

    fn wrote(&self, id: SlotId, number: u64) {
        self.bumped.lock().unwrap().push((id, number));
    }

    /// No other write of the slot may come between the two: the inserted value must be the latest.
    fn insert(&self) {
        let (of, harness) = (self.of, &self.worker.harness);
        let direct = harness.direct(of.place);
        let number = harness.bump_and(of, |number| {
            direct.insert(of.key, Answer { of, number, made_at: Duration::MAX, bomb: DropBomb::armed() });
        });
        self.wrote(of, number);
    }
}

impl Worker {
    /// Raises the number of a slot, and of the others that the same invalidation affects, and invalidates them.
    pub(super) async fn write(&self, of: SlotId, context: Context) {
        let invalidation = Invalidation::pick(of.kind(), self.harness.scenario.invalidate_all, &self.random);
        let Invalidation { method, everywhere } = invalidation;
        let place = if everywhere { 0 } else { of.place };
        let write = Write {
            worker: self,
            context,
            of,
            invalidation,
            bumped: Mutex::default(),
            is_invalidated: AtomicBool::new(false),
        };
        let mutations = || Mutations { cache: self.harness.cache(place) };
        let by_attribute =
            method == Method::Attribute || method == Method::All && of.kind().is_query() && self.random.one_in(2);
        match (method, self.blocks(context)) {
            (Method::Attribute, true) => mutations().write_queries(&write),
            (Method::Attribute, false) => {
                if self.random.one_in(16) {
                    // A future that is never polled writes nothing and invalidates nothing.
                    drop(mutations().write_queries_async(&write));
                }
                mutations().write_queries_async(&write).await;
            }
            (method, blocks) if ATTRIBUTE_METHODS.contains(&method) => {
                self.write_by_attribute(&mutations(), &write, blocks).await;
            }
            (Method::All, true) if by_attribute => mutations().write_all(&write),
            (Method::All, false) if by_attribute => mutations().write_all_async(&write).await,
            _ => {
                if method == Method::Insert {
                    write.insert();
                } else {
                    write.bump_all().await;
                    self.invalidate(of, method, place);
                }
                write.is_invalidated.store(true, Ordering::Relaxed);
            }
        }
    }

    async fn write_by_attribute(&self, mutations: &Mutations, write: &Write<'_>, blocks: bool) {
        let key = write.of.key;
        let _ = match (write.invalidation.method, blocks) {
            (Method::KeyedAttribute, true) => {
                mutations.write_keys(key, write);
                Ok(key)
            }
            (Method::KeyedAttribute, false) => {
                mutations.write_keys_async(key, write).await;
                Ok(key)
            }
            (Method::TaggedAttribute, true) => {
                mutations.write_tags(key, write);
                Ok(key)
            }
            (Method::TaggedAttribute, false) => {
                mutations.write_tags_async(key, write).await;
                Ok(key)
            }
            // A future may be dropped in the middle of the write.
            (Method::ResultAttribute, true) => mutations.write_result(write),
            (Method::ResultAttribute, false) => mutations.write_result_async(write).await,
            (_, true) => mutations.write_mixed(key, write),
            (_, false) => mutations.write_mixed_async(key, write).await,
        };
    }

    fn invalidate(&self, of: SlotId, method: Method, place: usize) {
        if of.kind().is_query() {
            let cache = self.harness.cache(place);
            let targets = if method == Method::All {
                cache.invalidate_all();
                1
            } else {
                cache.invalidate(QUERIES.map(Slow));
                QUERIES.len() as u64
            };
            self.tally.query_targets.add(targets);
            return;
        }
        let direct = self.harness.direct(place);
        let targets = match method {
            Method::Key => {
                direct.invalidate_key(&of.key);
                1
            }
            Method::All => {
                direct.invalidate_all();
                1
            }
            Method::LateTags => {
                // Values with either tag may be cached.
                direct.invalidate_tags([0, 1].map(|number| Slow(of.late_tag(number))));
                2
            }
            _ => {
                direct.invalidate_tags([Slow(of.tag())]);
                1
            }
        };
        self.tally.direct_targets.add(targets);
    }
}
