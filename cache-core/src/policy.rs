//! Which entry goes when the cache is full: S3-FIFO, over the entries of all stores of a cache.
//!
//! S3-FIFO is by Yang, Zhang, Qiu, Yue and Vigfusson, "FIFO queues are all you need for cache eviction",
//! SOSP 2023. New entries wait in a *small* queue, a tenth of the room. Those that were used there move on
//! to the *main* queue; the others go, and leave their hash in a queue of *ghosts*: if their key comes
//! back soon, it goes straight to main. In main an entry that was used since it was last looked at goes
//! round once more. A scan therefore passes through the small queue and leaves main as it was. Hits write
//! nothing here: the stores count them with the entries.
//!
//! Ours differs in one thing. An entry may be dead (expired or invalidated) and not know it yet. Before a
//! live entry is evicted, a hand that goes round all of them looks at the next few for a dead one, if there can
//! be any: see [`crate::sweep`].

use std::collections::VecDeque;

use hashbrown::HashTable;

use crate::capacity::Quota;
use crate::clock::Nanos;
use crate::sweep::{Moment, Round};

/// Where an entry is: the number of its shard, counted through all stores, and its slot there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address {
    pub(crate) shard: u32,
    pub(crate) index: u32,
}

/// What a store tells of an entry when asked whether it may go.
pub(crate) struct Sight {
    pub(crate) hash: u64,
    pub(crate) state: State,
    pub(crate) expires_at: Nanos,
    /// Its place in the queues of the whole cache.
    pub(crate) node: NodeId,
    pub(crate) quota: Option<Quota>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Expired,
    Invalidated,
    /// Used so often since it was last looked at, at most [`MAX_USES`].
    Live {
        uses: u32,
    },
}

impl State {
    pub(crate) fn is_dead(self) -> bool {
        !matches!(self, Self::Live { .. })
    }
}

/// More uses than these make no difference.
pub(crate) const MAX_USES: u32 = 3;

/// Uses that take an entry from the small queue to main. The paper's: more than one.
const USES_TO_STAY: u32 = 2;

/// How many entries the hand looks at in search of a dead one, for each that has to go.
const SWEEP: usize = 16;

/// How many entries an eviction moves on at the most, so that one insert isn't held up by all that were used.
const MAX_MOVES: u32 = 256;

/// The entries themselves, as the policy sees them.
pub(crate) trait Residents {
    fn moment(&self) -> Moment;
    fn look(&self, at: Address) -> Sight;
    /// Takes note that the entry has been looked at, and has `left` uses to its credit.
    fn spend(&self, at: Address, left: u32);
}

/// An entry's place in the queues.
pub(crate) type NodeId = u32;

const NIL: NodeId = NodeId::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Small,
    Main,
    Vacant,
}

#[derive(Debug)]
struct Node {
    at: Address,
    newer: NodeId,
    /// Of a vacant node: the next vacant one.
    older: NodeId,
    place: Place,
}

#[derive(Debug)]
struct Queue {
    newest: NodeId,
    oldest: NodeId,
    len: usize,
}

#[derive(Debug)]
pub(crate) struct Policy {
    capacity: usize,
    nodes: Vec<Node>,
    vacant: NodeId,
    small: Queue,
    main: Queue,
    ghosts: Ghosts,
    hand: usize,
    round: Round,
}

impl Policy {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            nodes: Vec::new(),
            vacant: NIL,
            small: Queue::new(),
            main: Queue::new(),
            ghosts: Ghosts::new(capacity - capacity / 10),
            hand: 0,
            round: Round::new(),
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.capacity
    }

    pub(crate) fn len(&self) -> usize {
        self.small.len + self.main.len
    }

    /// Takes in a new entry, for which there must be room.
    pub(crate) fn admit(&mut self, hash: u64, at: Address, expires_at: Nanos) -> NodeId {
        debug_assert!(!self.is_full());
        self.replaced(expires_at);
        let place = if self.ghosts.take(hash) { Place::Main } else { Place::Small };
        let node = self.allocate(at);
        self.link(node, place);
        node
    }

    /// Takes note that another entry is where one was, and when it expires.
    pub(crate) fn replaced(&mut self, expires_at: Nanos) {
        self.round.note(expires_at);
    }

    /// Lets go of an entry that was removed for a reason of its own.
    pub(crate) fn forget(&mut self, node: NodeId) {
        self.unlink(node);
        self.release(node);
    }

    /// Chooses the entry that goes, and lets go of it. `None` if there is none at all.
    pub(crate) fn evict(&mut self, residents: &impl Residents) -> Option<(Address, Sight)> {
        if let Some(dead) = self.sweep(residents) {
            return Some(dead);
        }
        let mut moves_left = MAX_MOVES;
        loop {
            let from_small = self.small.len >= (self.capacity / 10).max(1) || self.main.len == 0;
            let node = if from_small { self.small.oldest } else { self.main.oldest };
            if node == NIL {
                return None;
            }
            let at = self.nodes[node as usize].at;
            let sight = residents.look(at);
            let left = match sight.state {
                State::Live { .. } if moves_left == 0 => None,
                State::Live { uses } if from_small => (uses >= USES_TO_STAY).then_some(0),
                State::Live { uses } => uses.checked_sub(1),
                State::Expired | State::Invalidated => None,
            };
            if let Some(left) = left {
                residents.spend(at, left);
                self.unlink(node);
                self.link(node, Place::Main);
                moves_left -= 1;
                continue;
            }
            if from_small && !sight.state.is_dead() {
                self.ghosts.push(sight.hash);
            }
            self.forget(node);
            return Some((at, sight));
        }
    }

    /// Moves the hand on, until it finds a dead entry or has looked at enough of them.
    fn sweep(&mut self, residents: &impl Residents) -> Option<(Address, Sight)> {
        // Before any entry is asked.
        let moment = residents.moment();
        for _ in 0..SWEEP.min(self.nodes.len()) {
            if !self.round.step(moment, self.nodes.len()) {
                return None;
            }
            self.hand = if self.hand + 1 < self.nodes.len() { self.hand + 1 } else { 0 };
            let Node { at, place, .. } = self.nodes[self.hand];
            if place == Place::Vacant {
                continue;
            }
            let sight = residents.look(at);
            if sight.state.is_dead() {
                let node = NodeId::try_from(self.hand).expect("nodes are numbered by `NodeId`");
                self.forget(node);
                return Some((at, sight));
            }
            self.round.note(sight.expires_at);
        }
        None
    }

    fn allocate(&mut self, at: Address) -> NodeId {
        let free = Node { at, newer: NIL, older: NIL, place: Place::Vacant };
        if self.vacant == NIL {
            let node = NodeId::try_from(self.nodes.len()).expect("a cache's capacity is below `NodeId::MAX`");
            self.nodes.push(free);
            node
        } else {
            let node = self.vacant;
            self.vacant = self.nodes[node as usize].older;
            self.nodes[node as usize] = free;
            node
        }
    }

    fn release(&mut self, node: NodeId) {
        self.nodes[node as usize].older = self.vacant;
        self.vacant = node;
    }

    fn queue(&mut self, place: Place) -> &mut Queue {
        match place {
            Place::Small => &mut self.small,
            Place::Main => &mut self.main,
            Place::Vacant => unreachable!("a vacant node is in no queue"),
        }
    }

    /// Puts a node in front of all others in a queue.
    fn link(&mut self, node: NodeId, place: Place) {
        let queue = self.queue(place);
        let second = std::mem::replace(&mut queue.newest, node);
        if second == NIL {
            queue.oldest = node;
        }
        queue.len += 1;
        if second != NIL {
            self.nodes[second as usize].newer = node;
        }
        let node = &mut self.nodes[node as usize];
        (node.newer, node.older, node.place) = (NIL, second, place);
    }

    fn unlink(&mut self, node: NodeId) {
        let node = &mut self.nodes[node as usize];
        let (newer, older) = (node.newer, node.older);
        let place = std::mem::replace(&mut node.place, Place::Vacant);
        if newer != NIL {
            self.nodes[newer as usize].older = older;
        }
        if older != NIL {
            self.nodes[older as usize].newer = newer;
        }
        let queue = self.queue(place);
        if newer == NIL {
            queue.newest = older;
        }
        if older == NIL {
            queue.oldest = newer;
        }
        queue.len -= 1;
    }

    /// Frees what memory it can.
    pub(crate) fn shrink(&mut self) {
        if self.len() == 0 {
            (self.nodes, self.vacant, self.hand) = (Vec::new(), NIL, 0);
        }
    }

    /// Takes note that an entry has moved.
    pub(crate) fn relocate(&mut self, node: NodeId, to: Address) {
        self.nodes[node as usize].at = to;
    }

    /// What a node stands for.
    pub(crate) fn address(&self, node: NodeId) -> Address {
        self.nodes[node as usize].at
    }

    /// Panics if the queues are broken. Returns the addresses that are in them.
    pub(crate) fn check_invariants(&self) -> Vec<Address> {
        let mut addresses = Vec::with_capacity(self.len());
        for (queue, place) in [(&self.small, Place::Small), (&self.main, Place::Main)] {
            let (mut node, mut newer, mut len) = (queue.newest, NIL, 0);
            while node != NIL {
                let here = &self.nodes[node as usize];
                assert_eq!((here.place, here.newer), (place, newer), "node {node} is linked wrongly");
                addresses.push(here.at);
                len += 1;
                (newer, node) = (node, here.older);
            }
            assert_eq!((queue.oldest, queue.len), (newer, len), "the {place:?} queue ends wrongly");
        }
        let mut vacant = 0;
        let mut node = self.vacant;
        while node != NIL {
            assert_eq!(self.nodes[node as usize].place, Place::Vacant);
            vacant += 1;
            node = self.nodes[node as usize].older;
        }
        assert_eq!(addresses.len() + vacant, self.nodes.len(), "a node is neither queued nor vacant");
        assert!(self.len() <= self.capacity, "{} entries in room for {}", self.len(), self.capacity);
        self.ghosts.check_invariants();
        addresses
    }
}

impl Queue {
    fn new() -> Self {
        Self { newest: NIL, oldest: NIL, len: 0 }
    }
}

/// Remembers the hashes of what was evicted last.
#[derive(Debug)]
struct Ghosts {
    capacity: usize,
    hashes: VecDeque<u64>,
    /// How many hashes have ever been dropped from the front of `hashes`.
    dropped: u64,
    /// For each hash that is remembered, when it was pushed: a position counted from the first ever.
    pushed: HashTable<(u64, u64)>,
}

impl Ghosts {
    fn new(capacity: usize) -> Self {
        Self { capacity, hashes: VecDeque::new(), dropped: 0, pushed: HashTable::new() }
    }

    fn push(&mut self, hash: u64) {
        if self.capacity == 0 {
            return;
        }
        if self.hashes.len() == self.capacity {
            let oldest = self.hashes.pop_front().expect("it is full");
            let position = self.dropped;
            self.dropped += 1;
            // Not if it was taken out since, or pushed once more.
            if let Ok(found) = self.pushed.find_entry(oldest, |&known| known == (oldest, position)) {
                found.remove();
            }
        }
        self.take(hash);
        let position = self.dropped + self.hashes.len() as u64;
        self.hashes.push_back(hash);
        self.pushed.insert_unique(hash, (hash, position), |&(hash, _)| hash);
    }

    /// Whether the hash is remembered; it is no longer then.
    fn take(&mut self, hash: u64) -> bool {
        match self.pushed.find_entry(hash, |&(known, _)| known == hash) {
            Ok(found) => {
                found.remove();
                true
            }
            Err(_) => false,
        }
    }

    fn check_invariants(&self) {
        assert!(self.hashes.len() <= self.capacity);
        for &(hash, position) in &self.pushed {
            let index = usize::try_from(position - self.dropped).expect("it is in the queue");
            assert_eq!(self.hashes[index], hash, "a ghost is remembered that is not in the queue");
        }
    }
}
