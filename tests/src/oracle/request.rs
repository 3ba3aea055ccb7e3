//! A thread of a run, and how it asks.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

use cache_core::{Cache, EntryOptions, HasCache, cached_query, invalidates};

use super::Budget;
use super::load::{Failed, PlannedPanic};
use super::report::Tally;
use super::room::TICK;
use super::slot::{Answer, Kind, SlotId};
use super::stumble::{stumble, stumble_once_in};
use super::world::{Doing, World};

pub(super) struct Worker<'a> {
    pub(super) world: &'a World,
    number: usize,
    /// How many bodies this thread is in.
    pub(super) depth: Cell<u32>,
    pub(super) tally: Tally,
}

/// One thread's access to the annotated queries of one place.
pub(super) struct Request<'a> {
    worker: &'a Worker<'a>,
    place: usize,
    cache: Cache,
}

impl HasCache for Request<'_> {
    fn cache(&self) -> &Cache {
        &self.cache
    }
}

impl Request<'_> {
    #[cached_query]
    fn query(&self, key: usize) -> Answer {
        self.worker.load(SlotId { place: self.place, key })
    }

    #[cached_query(name = "fallible")]
    fn fallible_query(&self, key: usize) -> Result<Answer, Failed> {
        self.worker.try_load(SlotId { place: self.place, key })
    }

    #[invalidates("query", "fallible_query")]
    pub(super) fn write_queries<R>(&self, write: impl FnOnce() -> R) -> R {
        write()
    }

    #[invalidates(all)]
    pub(super) fn write_all<R>(&self, write: impl FnOnce() -> R) -> R {
        write()
    }
}

impl<'a> Worker<'a> {
    pub(super) fn new(world: &'a World, number: usize) -> Self {
        stumble_once_in(world.room.stumble);
        Self { world, number, depth: Cell::new(0), tally: Tally::default() }
    }

    pub(super) fn into_tally(self) -> Tally {
        self.tally
    }

    pub(super) fn request(&self, place: usize) -> Request<'_> {
        Request { worker: self, place, cache: self.world.cache(place) }
    }

    pub(super) fn run(&self, budget: Budget, start: Instant) {
        /// The time is read once in so many operations.
        const AT_ONCE: u64 = 64;
        let mut operations = 0;
        loop {
            let is_over = match budget {
                Budget::Operations(most) => operations >= most,
                Budget::Time(time) => start.elapsed() >= time,
            };
            if is_over {
                break;
            }
            for _ in 0..AT_ONCE {
                self.operate();
            }
            operations += AT_ONCE;
        }
        self.world.show(self.number, Doing::Nothing, SlotId { place: 0, key: 0 });
        self.tally.operations.add(operations);
    }

    fn operate(&self) {
        let room = self.world.room;
        let of = self.world.pick();
        let dice = fastrand::u32(..256);
        // Loads do more than what is asked for: what is shown is what this thread is in, at the outermost.
        let show = |doing| self.world.show(self.number, doing, of);
        if dice < room.writes {
            show(Doing::Writing);
            self.write(of);
        } else if dice < room.writes + 32 {
            show(Doing::Getting);
            self.get(of);
        } else if dice < room.writes + 36 {
            show(Doing::Upkeep);
            match &self.world.clock {
                Some(clock) if dice % 2 == 0 => clock.advance(TICK),
                _ => self.upkeep(),
            }
        } else {
            show(Doing::Asking);
            self.ask_and_survive(of);
        }
    }

    /// Asks for a value that may be in the cache.
    fn get(&self, of: SlotId) {
        let SlotId { place, key } = of;
        if of.kind().is_query() {
            return self.ask_and_survive(of);
        }
        self.tally.hand_calls.add(1);
        let hand = self.world.hand(place);
        let asked = self.world.asks(of);
        match hand.get(&key) {
            Some(answer) => self.world.judge(asked, &answer),
            None => self.tally.get_misses.add(1),
        }
    }

    fn ask_and_survive(&self, of: SlotId) {
        // A load that fails is no violation, and neither is one that panics as it was meant to.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.ask(of)))
            && !panic.is::<PlannedPanic>()
        {
            resume_unwind(panic);
        }
    }

    /// Asks for a value, which is loaded if it is not in the cache.
    pub(super) fn ask(&self, of: SlotId) -> Result<(), Failed> {
        let SlotId { place, key } = of;
        let (world, kind) = (self.world, of.kind());
        if kind.is_query() {
            self.tally.query_calls.add(1);
            let request = self.request(place);
            stumble();
            let asked = world.asks(of);
            let answer = if kind == Kind::Query { request.query(key) } else { request.fallible_query(key)? };
            world.judge(asked, &answer);
            return Ok(());
        }
        self.tally.hand_calls.add(1);
        let hand = world.hand(place);
        // The handle may be older than what was invalidated through another.
        stumble();
        let asked = world.asks(of);
        let answer = match kind {
            Kind::Tagged => {
                let options = || EntryOptions::new().ttl(world.ttl_of(kind)).tags(["of no interest".into(), of.tag()]);
                hand.get_or_load_with(&key, options, || self.load(of))
            }
            Kind::Late => {
                let tags = |answer: &Answer| [of.late_tag(answer.number)];
                hand.try_get_or_load_tagged(&key, EntryOptions::new, || self.try_load(of), tags)?
            }
            Kind::Inserted => hand.try_get_or_load(&key, || self.try_load(of))?,
            Kind::Plain | Kind::Query | Kind::FallibleQuery => hand.get_or_load(&key, || self.load(of)),
        };
        world.judge(asked, &answer);
        Ok(())
    }
}
