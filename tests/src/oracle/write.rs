//! Writes to the database, and all the ways to make them known.

use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use cache_core::{Cache, HasCache, invalidates};
use futures_lite::future::block_on;

use super::dice::Dice;
use super::load::PlannedPanic;
use super::request::{QUERIES, Request};
use super::slot::{Answer, Kind, SlotId, Trap};
use super::stumble::{Slow, stumble};
use super::worker::{Api, Within, Worker};
use super::world::Floor;

/// A way to make a write known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Key,
    Insert,
    Tag,
    LateTags,
    Attribute,
    /// By an attribute that names keys.
    KeyedAttribute,
    /// By one that names tags.
    TaggedAttribute,
    /// By one that names keys of what is returned, if it is an `Ok`.
    ResultAttribute,
    /// By one that names a key, a query and a tag.
    MixedAttribute,
    Name,
    All,
}

const WAYS: [Way; 11] = [
    Way::Key,
    Way::Insert,
    Way::Tag,
    Way::LateTags,
    Way::Attribute,
    Way::KeyedAttribute,
    Way::TaggedAttribute,
    Way::ResultAttribute,
    Way::MixedAttribute,
    Way::Name,
    Way::All,
];

/// What names the queries of slots in an attribute.
const BY_ATTRIBUTE: [Way; 5] =
    [Way::Attribute, Way::KeyedAttribute, Way::TaggedAttribute, Way::ResultAttribute, Way::MixedAttribute];

impl Way {
    /// Whether it reaches only the key of the write.
    fn is_of_one_key(self) -> bool {
        matches!(
            self,
            Self::Key | Self::KeyedAttribute | Self::TaggedAttribute | Self::ResultAttribute | Self::MixedAttribute
        )
    }
}

/// How a write is made known, and how far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Notice {
    way: Way,
    /// In all places, through a handle of the root. Otherwise it is through a handle of the place.
    everywhere: bool,
}

impl Notice {
    /// One that reaches the keys of a kind.
    fn pick(kind: Kind, sweep: u32, dice: &Dice) -> Self {
        let ways: &[Way] = match kind {
            _ if dice.one_in(sweep) => &[Way::All],
            Kind::Plain => &[Way::Key],
            Kind::Tagged => &[Way::Tag, Way::Tag, Way::Key],
            Kind::Late => &[Way::LateTags, Way::LateTags, Way::Key],
            Kind::Inserted => &[Way::Insert, Way::Key],
            Kind::Query | Kind::FallibleQuery => &[
                Way::Attribute,
                Way::KeyedAttribute,
                Way::TaggedAttribute,
                Way::ResultAttribute,
                Way::MixedAttribute,
                Way::Name,
            ],
        };
        let way = ways[dice.index(ways.len())];
        // A key of a `TaggedCache` is one of its place, also through the root; one that an attribute names is not.
        Self { way, everywhere: !matches!(way, Way::Key | Way::Insert) && dice.one_in(2) }
    }

    /// Less than 256.
    pub(super) fn code(self) -> u64 {
        self.way as u64 * 2 + u64::from(self.everywhere)
    }

    pub(super) fn from_code(code: u64) -> Self {
        Self { way: usize::try_from(code / 2).map_or(Way::Key, |way| WAYS[way]), everywhere: code % 2 == 1 }
    }
}

/// The annotated mutations of one place.
pub(super) struct Mutations {
    pub(super) cache: Cache,
}

impl HasCache for Mutations {
    fn cache(&self) -> &Cache {
        &self.cache
    }
}

impl Mutations {
    /// From then on the queries are known by their names.
    #[invalidates(Request::query, Request::fallible_query, Request::async_query, Request::fallible_async_query)]
    pub(super) fn introduce_queries(&self) {}

    #[invalidates(Request::query, Request::fallible_query, Request::async_query, Request::fallible_async_query)]
    fn write_queries(&self, write: &Write<'_>) {
        block_on(write.run(QUERIES.len()));
    }

    #[invalidates(
        Request::query(key),
        Request::fallible_query(key),
        Request::async_query(key),
        Request::fallible_async_query(key)
    )]
    fn write_keys(&self, key: usize, write: &Write<'_>) {
        block_on(write.run(QUERIES.len()));
    }

    #[invalidates(
        Request::query(key),
        Request::fallible_query(key),
        Request::async_query(key),
        Request::fallible_async_query(key)
    )]
    async fn write_keys_async(&self, key: usize, write: &Write<'_>) {
        write.run(QUERIES.len()).await;
    }

    #[invalidates(tags("key:{key}", format!("of no interest:{key}")))]
    fn write_tags(&self, key: usize, write: &Write<'_>) {
        block_on(write.run(2));
    }

    #[invalidates(tags("key:{key}", format!("of no interest:{key}")))]
    async fn write_tags_async(&self, key: usize, write: &Write<'_>) {
        write.run(2).await;
    }

    #[invalidates(
        |key| Request::query(*key),
        |key| Request::fallible_query(*key),
        |key| Request::async_query(*key),
        |key| Request::fallible_async_query(*key),
        on = "ok"
    )]
    fn write_result(&self, write: &Write<'_>) -> Result<usize, Unwritten> {
        block_on(write.run_whole())
    }

    // Without a result it names the queries.
    #[invalidates(
        |key| Request::query(*key),
        |key| Request::fallible_query(*key),
        |key| Request::async_query(*key),
        |key| Request::fallible_async_query(*key)
    )]
    async fn write_result_async(&self, write: &Write<'_>) -> Result<usize, Unwritten> {
        write.run(QUERIES.len()).await;
        if write.worker.dice.one_in(4) { Err(Unwritten) } else { Ok(write.of.key) }
    }

    #[invalidates(
        Request::query(key),
        "Request::async_query",
        |key| Request::fallible_query(*key),
        tags("key:{key}")
    )]
    fn write_mixed(&self, key: usize, write: &Write<'_>) -> Result<usize, Unwritten> {
        block_on(write.run(4));
        if write.worker.dice.one_in(4) { Err(Unwritten) } else { Ok(key) }
    }

    #[invalidates(
        Request::query(key),
        "Request::async_query",
        |key| Request::fallible_query(*key),
        tags("key:{key}")
    )]
    async fn write_mixed_async(&self, key: usize, write: &Write<'_>) -> Result<usize, Unwritten> {
        write.run(4).await;
        if write.worker.dice.one_in(4) { Err(Unwritten) } else { Ok(key) }
    }

    #[invalidates(all)]
    fn write_all(&self, write: &Write<'_>) {
        block_on(write.run(1));
    }

    #[invalidates(Request::query, Request::fallible_query, Request::async_query, Request::fallible_async_query)]
    async fn write_queries_async(&self, write: &Write<'_>) {
        write.run(QUERIES.len()).await;
    }

    #[invalidates(all)]
    async fn write_all_async(&self, write: &Write<'_>) {
        write.run(1).await;
    }
}

/// The error of a mutation.
#[derive(Debug)]
struct Unwritten;

/// A write that is under way. When it is dropped, what it wrote is known if it should be by then.
struct Write<'a> {
    worker: &'a Worker,
    within: Within,
    of: SlotId,
    notice: Notice,
    bumped: Mutex<Vec<(SlotId, u64)>>,
    is_known: AtomicBool,
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        if !self.is_known.load(Ordering::Relaxed) {
            return;
        }
        let bumped = self.bumped.get_mut().unwrap();
        if !bumped.is_empty() {
            self.worker.tally.writes.add(1);
        }
        for &mut (id, number) in bumped {
            self.worker.world.settle(id, Floor::new(number, self.notice));
        }
    }
}

/// Writes once more when it is dropped, as one who closes what was open.
struct LastWord<'a>(&'a Write<'a>);

impl Drop for LastWord<'_> {
    fn drop(&mut self) {
        // It takes long enough for others to ask meanwhile.
        (0..3).for_each(|_| thread::yield_now());
        self.0.bump(self.0.of);
    }
}

impl Write<'_> {
    /// The body of a mutation of the queries, whose attribute names so many targets. However it ends, and even if it is
    /// dropped in the middle, they are invalidated then; if it never begins, nothing is.
    async fn run(&self, targets: usize) {
        self.is_known.store(true, Ordering::Relaxed);
        self.worker.tally.query_targets.add(targets as u64);
        self.bump_all().await;
        if self.worker.dice.one_in(64) {
            resume_unwind(Box::new(PlannedPanic));
        }
    }

    /// The body of a mutation that invalidates only on `Ok`: it writes if it returns one, and then all.
    async fn run_whole(&self) -> Result<usize, Unwritten> {
        match self.worker.dice.below(16) {
            0 => resume_unwind(Box::new(PlannedPanic)),
            1 | 2 => return Err(Unwritten),
            _ => {}
        }
        self.is_known.store(true, Ordering::Relaxed);
        self.worker.tally.query_targets.add(QUERIES.len() as u64);
        self.bump_all().await;
        Ok(self.of.key)
    }

    async fn bump_all(&self) {
        let Notice { way, everywhere } = self.notice;
        let neighbour = self.of.neighbour(self.worker.world.room.keys).filter(|_| !way.is_of_one_key());
        let mut slots = vec![self.of];
        slots.extend(neighbour);
        if everywhere {
            slots = slots.into_iter().flat_map(SlotId::everywhere).collect();
        }
        let _last_word = self.worker.dice.one_in(4).then(|| LastWord(self));
        for id in slots {
            // A write takes its time, in which others read what was there before.
            stumble();
            if self.within.api != Api::Blocking && self.worker.dice.one_in(4) {
                self.worker.give_way(self.within).await;
            }
            self.bump(id);
        }
    }

    fn bump(&self, id: SlotId) {
        self.wrote(id, self.worker.world.bump(id));
    }

    fn wrote(&self, id: SlotId, number: u64) {
        self.bumped.lock().unwrap().push((id, number));
    }

    /// Nobody else may write between the two: what is inserted must be the latest.
    fn insert(&self) {
        let (of, world) = (self.of, &self.worker.world);
        let hand = world.hand(of.place);
        let number = world.bump_and(of, |number| {
            hand.insert(of.key, Answer { of, number, made_at: Duration::MAX, trap: Trap::armed() });
        });
        self.wrote(of, number);
    }
}

impl Worker {
    /// Raises the number of a slot, and of others that the same invalidation reaches, and makes that known.
    pub(super) async fn write(&self, of: SlotId, within: Within) {
        let notice = Notice::pick(of.kind(), self.world.room.sweep, &self.dice);
        let Notice { way, everywhere } = notice;
        let place = if everywhere { 0 } else { of.place };
        let write =
            Write { worker: self, within, of, notice, bumped: Mutex::default(), is_known: AtomicBool::new(false) };
        let mutations = || Mutations { cache: self.world.cache(place) };
        let is_by_attribute = way == Way::Attribute || way == Way::All && of.kind().is_query() && self.dice.one_in(2);
        match (way, self.is_to_block(within)) {
            (Way::Attribute, true) => mutations().write_queries(&write),
            (Way::Attribute, false) => {
                if self.dice.one_in(16) {
                    // Never polled, it writes nothing, and forgets nothing either.
                    drop(mutations().write_queries_async(&write));
                }
                mutations().write_queries_async(&write).await;
            }
            (way, is_to_block) if BY_ATTRIBUTE.contains(&way) => {
                self.write_by_attribute(&mutations(), &write, is_to_block).await;
            }
            (Way::All, true) if is_by_attribute => mutations().write_all(&write),
            (Way::All, false) if is_by_attribute => mutations().write_all_async(&write).await,
            _ => {
                if way == Way::Insert {
                    write.insert();
                } else {
                    write.bump_all().await;
                    self.invalidate(of, way, place);
                }
                write.is_known.store(true, Ordering::Relaxed);
            }
        }
    }

    /// By one that names what it reaches more narrowly than by queries.
    async fn write_by_attribute(&self, mutations: &Mutations, write: &Write<'_>, is_to_block: bool) {
        let key = write.of.key;
        let _ = match (write.notice.way, is_to_block) {
            (Way::KeyedAttribute, true) => {
                mutations.write_keys(key, write);
                Ok(key)
            }
            (Way::KeyedAttribute, false) => {
                mutations.write_keys_async(key, write).await;
                Ok(key)
            }
            (Way::TaggedAttribute, true) => {
                mutations.write_tags(key, write);
                Ok(key)
            }
            (Way::TaggedAttribute, false) => {
                mutations.write_tags_async(key, write).await;
                Ok(key)
            }
            // A future may be dropped when half is written.
            (Way::ResultAttribute, true) => mutations.write_result(write),
            (Way::ResultAttribute, false) => mutations.write_result_async(write).await,
            (_, true) => mutations.write_mixed(key, write),
            (_, false) => mutations.write_mixed_async(key, write).await,
        };
    }

    /// Through a handle of the place.
    fn invalidate(&self, of: SlotId, way: Way, place: usize) {
        if of.kind().is_query() {
            let cache = self.world.cache(place);
            let targets = if way == Way::All {
                cache.invalidate_all();
                1
            } else {
                cache.invalidate(QUERIES.map(Slow));
                QUERIES.len() as u64
            };
            self.tally.query_targets.add(targets);
            return;
        }
        let hand = self.world.hand(place);
        let targets = match way {
            Way::Key => {
                hand.invalidate_key(&of.key);
                1
            }
            Way::All => {
                hand.invalidate_all();
                1
            }
            Way::LateTags => {
                // A value of any number may be cached, and under either tag.
                hand.invalidate_tags([0, 1].map(|number| Slow(of.late_tag(number))));
                2
            }
            _ => {
                hand.invalidate_tags([Slow(of.tag())]);
                1
            }
        };
        self.tally.hand_targets.add(targets);
    }
}
