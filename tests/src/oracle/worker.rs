//! A thread or a task of a run. What it does is the same for both: they differ only in how they wait.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use futures_lite::{FutureExt, future};

use super::Budget;
use super::dice::Dice;
use super::report::Tally;
use super::room::TICK;
use super::slot::SlotId;
use super::world::{Doing, World};

/// What a worker asks and writes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    /// Functions that block. Nothing that a worker awaits then is ever pending.
    Blocking,
    /// Now the one and now the other, as a thread may.
    Either,
    /// Futures, as a task must: others need the thread that it is on.
    Async,
}

/// Where in its work a worker is.
#[derive(Clone, Copy)]
pub(super) struct Within {
    /// How many bodies are around.
    pub(super) depth: u32,
    pub(super) api: Api,
}

impl Within {
    /// In the body of a load.
    pub(super) fn body(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }

    /// In one of several futures that go on by turns. It must not block, for one of the others may have begun a load.
    pub(super) fn branch(self) -> Self {
        Self { api: Api::Async, ..self }
    }
}

pub(super) struct Worker {
    pub(super) world: Arc<World>,
    number: usize,
    pub(super) api: Api,
    pub(super) dice: Dice,
    pub(super) tally: Tally,
}

impl Worker {
    pub(super) fn new(world: &Arc<World>, number: usize, api: Api, seed: u64) -> Self {
        Self { world: world.clone(), number, api, dice: Dice::new(seed), tally: Tally::default() }
    }

    pub(super) fn into_tally(self) -> Tally {
        self.tally
    }

    /// One that does something in the name of this one.
    pub(super) fn deputy(&self) -> Self {
        Self::new(&self.world, self.number, self.api, self.dice.seed())
    }

    pub(super) async fn run(&self, budget: Budget, start: Instant) {
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
                self.operate().await;
            }
            operations += AT_ONCE;
        }
        self.world.show(self.number, Doing::Nothing, SlotId { place: 0, key: 0 });
        self.tally.operations.add(operations);
    }

    async fn operate(&self) {
        match self.dice.below(32) {
            _ if self.api == Api::Blocking => self.act_and_survive().await,
            0..4 => {
                self.survive(self.doom(self.act())).await;
            }
            4..6 if self.api == Api::Async => self.abort_deputy().await,
            // Else one that only hits would have the thread to itself.
            6..10 => {
                self.act_and_survive().await;
                self.give_way(self.outside()).await;
            }
            _ => self.act_and_survive().await,
        }
    }

    /// Not in any body.
    fn outside(&self) -> Within {
        Within { depth: 0, api: self.api }
    }

    pub(super) async fn act_and_survive(&self) {
        self.survive(self.act()).await;
    }

    async fn survive(&self, work: impl Future + Send) {
        // A load that fails is no violation, and neither is a body that panics as it was meant to.
        if let Err(panic) = AssertUnwindSafe(work).catch_unwind().await {
            self.world.judge_panic(panic);
        }
    }

    async fn act(&self) {
        let (room, within) = (self.world.room, self.outside());
        let of = self.world.pick(&self.dice);
        let dice = self.dice.below(256);
        // Loads do more than what is asked for: what is shown is what this worker is in, at the outermost.
        let show = |doing| self.world.show(self.number, doing, of);
        if dice < room.writes {
            show(Doing::Writing);
            self.write(of, within).await;
        } else if dice < room.writes + 32 {
            show(Doing::Getting);
            self.get(of, within).await;
        } else if dice < room.writes + 36 {
            show(Doing::Upkeep);
            match &self.world.clock {
                Some(clock) if dice.is_multiple_of(2) => clock.advance(TICK),
                _ => self.upkeep(),
            }
        } else if dice < room.writes + 100 {
            show(Doing::Viewing);
            let _ = self.ask_view(self.pick_view(), within).await;
        } else {
            show(Doing::Asking);
            let _ = if dice.is_multiple_of(8) {
                self.ask_two(of, within).await
            } else {
                self.ask(of, within).await.map(drop)
            };
        }
    }

    /// Asks for a value that may be in the cache.
    async fn get(&self, of: SlotId, within: Within) {
        let SlotId { place, key } = of;
        if of.kind().is_query() {
            let _ = self.ask(of, within).await;
            return;
        }
        self.tally.hand_calls.add(1);
        let hand = self.world.hand(place);
        let asked = self.world.asks(of);
        match hand.get(&key) {
            Some(mut answer) => {
                answer.received();
                self.world.judge(asked, &answer);
            }
            None => self.tally.get_misses.add(1),
        }
    }

    /// Whether to use a function that blocks.
    pub(super) fn is_to_block(&self, within: Within) -> bool {
        match within.api {
            Api::Blocking => true,
            Api::Either => self.dice.one_in(2),
            Api::Async => false,
        }
    }

    /// Lets others go on.
    pub(super) async fn give_way(&self, within: Within) {
        if self.is_to_block(within) { thread::yield_now() } else { future::yield_now().await }
    }

    pub(super) fn enter_body(&self) {
        self.world.show_bodies(self.number, |bodies| bodies + 1);
    }

    pub(super) fn leave_body(&self) {
        self.world.show_bodies(self.number, |bodies| bodies - 1);
    }
}
