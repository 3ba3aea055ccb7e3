//! The small and the main queue, as doubly linked lists of entry ids: eight bytes an entry.

use hashbrown::HashMap;

use crate::entry::id::{EntryId, NIL};

/// Ids do not use this bit.
const FLAG: u32 = 1 << 31;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueueKind {
    Small,
    Main,
}

/// The neighbours of an entry. Their free bits tell its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// Flagged if the entry is in the main queue.
    newer: u32,
    /// Flagged if the entry is in a queue.
    older: u32,
}

impl Link {
    const VACANT: Self = Self { newer: NIL, older: NIL };

    fn new(kind: QueueKind, newer: EntryId, older: EntryId) -> Self {
        let main = if kind == QueueKind::Main { FLAG } else { 0 };
        Self { newer: newer | main, older: older | FLAG }
    }

    fn newer(self) -> EntryId {
        self.newer & !FLAG
    }

    fn older(self) -> EntryId {
        self.older & !FLAG
    }

    fn kind(self) -> Option<QueueKind> {
        let queued = self.older & FLAG != 0;
        queued.then_some(if self.newer & FLAG == 0 { QueueKind::Small } else { QueueKind::Main })
    }

    fn with_newer(self, newer: EntryId) -> Self {
        Self { newer: newer | self.newer & FLAG, ..self }
    }

    fn with_older(self, older: EntryId) -> Self {
        Self { older: older | self.older & FLAG, ..self }
    }
}

pub(crate) trait Links {
    fn new(capacity: usize) -> Self;
    fn get(&self, id: EntryId) -> Link;
    fn set(&mut self, id: EntryId, link: Link);
    fn shrink(&mut self);
}

/// For queues of most entries of a segment.
#[derive(Debug)]
pub(crate) struct Dense {
    links: Vec<Link>,
    expected: usize,
}

impl Links for Dense {
    fn new(capacity: usize) -> Self {
        Self { links: Vec::new(), expected: capacity }
    }

    fn get(&self, id: EntryId) -> Link {
        self.links.get(id as usize).copied().unwrap_or(Link::VACANT)
    }

    fn set(&mut self, id: EntryId, link: Link) {
        let needed = id as usize + 1;
        if needed > self.links.len() {
            reserve_gently(&mut self.links, needed, self.expected);
            self.links.resize(needed, Link::VACANT);
        }
        self.links[id as usize] = link;
    }

    fn shrink(&mut self) {
        while self.links.pop_if(|link| link.kind().is_none()).is_some() {}
        self.links.shrink_to_fit();
    }
}

/// For queues of few entries of a segment.
#[derive(Debug)]
pub(crate) struct Sparse(HashMap<EntryId, Link, foldhash::fast::RandomState>);

impl Links for Sparse {
    fn new(_: usize) -> Self {
        Self(HashMap::default())
    }

    fn get(&self, id: EntryId) -> Link {
        self.0.get(&id).copied().unwrap_or(Link::VACANT)
    }

    fn set(&mut self, id: EntryId, link: Link) {
        if link == Link::VACANT {
            self.0.remove(&id);
        } else {
            self.0.insert(id, link);
        }
    }

    fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }
}

#[derive(Debug)]
struct Queue {
    newest: EntryId,
    oldest: EntryId,
    len: usize,
}

impl Queue {
    const EMPTY: Self = Self { newest: NIL, oldest: NIL, len: 0 };
}

#[derive(Debug)]
pub(crate) struct Queues<L> {
    links: L,
    small: Queue,
    main: Queue,
}

impl<L: Links> Queues<L> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { links: L::new(capacity), small: Queue::EMPTY, main: Queue::EMPTY }
    }

    fn queue(&self, kind: QueueKind) -> &Queue {
        match kind {
            QueueKind::Small => &self.small,
            QueueKind::Main => &self.main,
        }
    }

    fn queue_mut(&mut self, kind: QueueKind) -> &mut Queue {
        match kind {
            QueueKind::Small => &mut self.small,
            QueueKind::Main => &mut self.main,
        }
    }

    pub(crate) fn len(&self, kind: QueueKind) -> usize {
        self.queue(kind).len
    }

    pub(crate) fn oldest(&self, kind: QueueKind) -> Option<EntryId> {
        let id = self.queue(kind).oldest;
        (id != NIL).then_some(id)
    }

    pub(crate) fn is_queued(&self, id: EntryId) -> bool {
        self.links.get(id).kind().is_some()
    }

    /// The entry is in no queue.
    pub(crate) fn push(&mut self, id: EntryId, kind: QueueKind) {
        debug_assert!(!self.is_queued(id));
        let queue = self.queue_mut(kind);
        let second = std::mem::replace(&mut queue.newest, id);
        queue.len += 1;
        if second == NIL {
            queue.oldest = id;
        } else {
            self.links.set(second, self.links.get(second).with_newer(id));
        }
        self.links.set(id, Link::new(kind, NIL, second));
    }

    pub(crate) fn remove(&mut self, id: EntryId) {
        let kind = self.bypass(id, |link| (link.older(), link.newer()));
        self.links.set(id, Link::VACANT);
        self.queue_mut(kind).len -= 1;
    }

    /// The new entry is in no queue.
    pub(crate) fn replace(&mut self, from: EntryId, to: EntryId) {
        debug_assert!(!self.is_queued(to));
        let link = self.links.get(from);
        self.bypass(from, |_| (to, to));
        self.links.set(from, Link::VACANT);
        self.links.set(to, link);
    }

    /// Relinks the neighbours of an entry, or the ends of its queue. `targets` returns their new targets, the newer
    /// neighbour's first.
    fn bypass(&mut self, id: EntryId, targets: impl FnOnce(Link) -> (EntryId, EntryId)) -> QueueKind {
        let link = self.links.get(id);
        let kind = link.kind().expect("the entry is in a queue");
        let (for_newer, for_older) = targets(link);
        match link.newer() {
            NIL => self.queue_mut(kind).newest = for_newer,
            newer => self.links.set(newer, self.links.get(newer).with_older(for_newer)),
        }
        match link.older() {
            NIL => self.queue_mut(kind).oldest = for_older,
            older => self.links.set(older, self.links.get(older).with_newer(for_older)),
        }
        kind
    }

    pub(crate) fn shrink(&mut self) {
        self.links.shrink();
    }

    pub(crate) fn check_invariants(&self) -> Vec<EntryId> {
        let mut all = Vec::with_capacity(self.small.len + self.main.len);
        for kind in [QueueKind::Small, QueueKind::Main] {
            let queue = self.queue(kind);
            let (mut id, mut newer, mut len) = (queue.newest, NIL, 0);
            while id != NIL {
                let link = self.links.get(id);
                assert_eq!(link, Link::new(kind, newer, link.older()), "entry {id} is linked wrongly");
                all.push(id);
                len += 1;
                assert!(len <= queue.len, "the {kind:?} queue has no end");
                (newer, id) = (id, link.older());
            }
            assert_eq!((queue.oldest, queue.len), (newer, len), "the {kind:?} queue ends wrongly");
        }
        all
    }
}

/// Makes room for a vector to grow to `len`, and later to about `expected`: by a quarter up to that, then by a
/// sixteenth. `Vec` would double it.
pub(crate) fn reserve_gently<T>(vec: &mut Vec<T>, len: usize, expected: usize) {
    const MIN_SPARE: usize = 4;
    if len > vec.capacity() {
        let spare = if len > expected { len / 16 } else { (len / 4).min(expected - len) };
        vec.reserve_exact(len + spare.max(MIN_SPARE) - vec.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(queues: &Queues<Dense>, kind: QueueKind) -> Vec<EntryId> {
        let mut all = queues.check_invariants();
        all.retain(|&id| queues.links.get(id).kind() == Some(kind));
        all
    }

    #[test]
    fn entries_are_pushed_replaced_and_removed_at_any_position() {
        let mut queues = Queues::<Dense>::new(10);
        assert_eq!(queues.oldest(QueueKind::Small), None);
        for id in [5, 0, 9, 7] {
            queues.push(id, QueueKind::Small);
        }
        queues.push(3, QueueKind::Main);
        assert_eq!((ids(&queues, QueueKind::Small), ids(&queues, QueueKind::Main)), (vec![7, 9, 0, 5], vec![3]));
        assert_eq!((queues.oldest(QueueKind::Small), queues.len(QueueKind::Small)), (Some(5), 4));
        queues.remove(9);
        queues.remove(5);
        queues.push(5, QueueKind::Main);
        assert_eq!((ids(&queues, QueueKind::Small), ids(&queues, QueueKind::Main)), (vec![7, 0], vec![5, 3]));
        for (from, to) in [(7, 1), (0, 2), (3, 4), (5, 6)] {
            queues.replace(from, to);
            assert!(queues.is_queued(to) && !queues.is_queued(from));
        }
        assert_eq!((ids(&queues, QueueKind::Small), ids(&queues, QueueKind::Main)), (vec![1, 2], vec![6, 4]));
        for id in [1, 2, 4, 6] {
            queues.remove(id);
        }
        assert_eq!(queues.check_invariants(), []);
        queues.shrink();
        assert_eq!(queues.links.links.capacity(), 0);
    }

    #[test]
    fn a_link_has_eight_bytes() {
        assert_eq!(size_of::<Link>(), 8);
    }

    #[test]
    fn the_check_fails_on_each_inconsistency() {
        let breaks: [fn(&mut Queues<Dense>); 6] = [
            |queues| queues.small.len += 1,
            |queues| queues.main.oldest = NIL,
            |queues| queues.small.newest = 3,
            |queues| queues.links.set(2, Link::VACANT),
            |queues| queues.links.set(2, queues.links.get(2).with_newer(1)),
            |queues| queues.links.set(1, queues.links.get(1).with_older(2)),
        ];
        for (number, break_it) in breaks.into_iter().enumerate() {
            let mut queues = Queues::new(10);
            for (id, kind) in [(1, QueueKind::Small), (2, QueueKind::Small), (3, QueueKind::Main)] {
                queues.push(id, kind);
            }
            queues.check_invariants();
            break_it(&mut queues);
            let check = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| queues.check_invariants()));
            assert!(check.is_err(), "the check passed after break {number}");
        }
    }
}
