//! Which load waits for which. A body must not wait for a load that waits, directly or through others, for that body:
//! none of them would ever continue.
//!
//! A wait that would close a cycle does not begin. The nodes are loads, not threads. So one graph covers all caches,
//! and a future that moves between threads is treated like a function.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex as StdMutex;
use std::sync::PoisonError;

use foldhash::fast::RandomState;

use crate::flight::context::with_running;
use crate::flight::id::LoadId;

/// The waits of this process that begin in a body.
///
/// No user code and no blocking call runs under its lock: models need no switch here.
static WAITS: StdMutex<Option<WaitGraph>> = StdMutex::new(None);

fn with_graph<R>(with: impl FnOnce(&mut WaitGraph) -> R) -> R {
    with(WAITS.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

/// `None` if that is unknown.
fn running() -> Option<Vec<LoadId>> {
    with_running(|running| running.iter().map(|context| context.id).collect())
}

/// While it lives, this thread's bodies wait for a load.
pub(crate) struct Wait {
    waiters: Vec<LoadId>,
    load: LoadId,
}

impl Wait {
    /// Records that this thread is about to wait. `None` if the wait would never end, or the bodies that this thread
    /// runs are unknown.
    pub(crate) fn begin(load: LoadId) -> Option<Self> {
        let waiters = running()?;
        // One lock for search and insertion: of two waits that close a cycle, the second sees the first.
        if !waiters.is_empty() && !with_graph(|graph| graph.add(&waiters, load)) {
            return None;
        }
        Some(Self { waiters, load })
    }

    /// Whether this thread runs the bodies in which the wait began. A waiting future may have changed bodies.
    pub(crate) fn is_of_this_thread(&self) -> bool {
        with_running(|running| running.iter().map(|context| context.id).eq(self.waiters.iter().copied()))
            .unwrap_or_default()
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if !self.waiters.is_empty() {
            with_graph(|graph| graph.remove(&self.waiters, self.load));
        }
    }
}

/// An acyclic graph of loads. An edge leads from a load whose body waits to the load that it waits for.
///
/// A new edge closes a cycle if a path leads from its head to its tail. Two searches take turns: forwards from the head
/// and backwards from the tail. The first that runs out of edges ends both, so a wait costs at most twice the edges of
/// the smaller side. That side has none if a chain grows at either end, or if many wait for one load. Compare the
/// bidirectional search of Bender, Fineman, Gilbert and Tarjan, "A New Approach to Incremental Cycle Detection and
/// Related Problems" (2016).
#[derive(Default)]
struct WaitGraph {
    nodes: HashMap<LoadId, Node, RandomState>,
    /// By tail and head.
    edges: HashMap<(LoadId, LoadId), Edge, RandomState>,
}

/// Neighbours are in lists: a search visits present edges only.
#[derive(Default)]
struct Node {
    waits_for: Vec<LoadId>,
    waiters: Vec<LoadId>,
}

impl Node {
    fn waits_for(&self) -> &[LoadId] {
        &self.waits_for
    }

    fn waiters(&self) -> &[LoadId] {
        &self.waiters
    }
}

struct Edge {
    /// The number of its waits: one body may wait for a load in several places at once.
    waits: usize,
    /// The index of its head in the list of the tail.
    at_tail: usize,
    /// The index of its tail in the list of the head.
    at_head: usize,
}

impl WaitGraph {
    /// If a wait would close a cycle, adds none and returns false.
    fn add(&mut self, waiters: &[LoadId], load: LoadId) -> bool {
        let (would_close, _) = self.leads_to_any(load, waiters);
        if !would_close {
            for &waiter in waiters {
                self.add_wait(waiter, load);
            }
        }
        !would_close
    }

    fn add_wait(&mut self, tail: LoadId, head: LoadId) {
        let nodes = &mut self.nodes;
        let add_edge = || {
            let push = |list: &mut Vec<LoadId>, load| {
                list.push(load);
                list.len() - 1
            };
            let at_tail = push(&mut nodes.entry(tail).or_default().waits_for, head);
            let at_head = push(&mut nodes.entry(head).or_default().waiters, tail);
            Edge { waits: 0, at_tail, at_head }
        };
        self.edges.entry((tail, head)).or_insert_with(add_edge).waits += 1;
    }

    fn remove(&mut self, waiters: &[LoadId], load: LoadId) {
        for &waiter in waiters {
            self.remove_wait(waiter, load);
        }
        if self.edges.is_empty() {
            // Thousands of waits at once leave no memory behind.
            const KEPT: usize = 64;
            self.nodes.shrink_to(KEPT);
            self.edges.shrink_to(KEPT);
        }
    }

    fn remove_wait(&mut self, tail: LoadId, head: LoadId) {
        let edge = self.edges.get_mut(&(tail, head)).expect("a wait that ends has begun");
        edge.waits -= 1;
        if edge.waits > 0 {
            return;
        }
        let Edge { at_tail, at_head, .. } = *edge;
        self.edges.remove(&(tail, head));
        // The last element of each list takes the vacant place.
        let waits_for = &mut self.node(tail).waits_for;
        waits_for.swap_remove(at_tail);
        if let Some(&moved) = waits_for.get(at_tail) {
            self.edge(tail, moved).at_tail = at_tail;
        }
        let waiters = &mut self.node(head).waiters;
        waiters.swap_remove(at_head);
        if let Some(&moved) = waiters.get(at_head) {
            self.edge(moved, head).at_head = at_head;
        }
        for load in [tail, head] {
            let node = self.node(load);
            if node.waits_for.is_empty() && node.waiters.is_empty() {
                self.nodes.remove(&load);
            }
        }
    }

    fn node(&mut self, load: LoadId) -> &mut Node {
        self.nodes.get_mut(&load).expect("an edge has two nodes")
    }

    fn edge(&mut self, tail: LoadId, head: LoadId) -> &mut Edge {
        self.edges.get_mut(&(tail, head)).expect("neighbours have an edge")
    }

    /// Whether a load is one of these, or waits for one directly or through others. Also returns the number of edges
    /// visited.
    fn leads_to_any(&self, load: LoadId, targets: &[LoadId]) -> (bool, usize) {
        if targets.contains(&load) {
            return (true, 0);
        }
        let mut forwards = Search::new(&self.nodes, Node::waits_for, &[load]);
        let mut backwards = Search::new(&self.nodes, Node::waiters, targets);
        loop {
            let steps = forwards.steps + backwards.steps;
            let (next, other) = if forwards.steps <= backwards.steps {
                (&mut forwards, &backwards)
            } else {
                (&mut backwards, &forwards)
            };
            match next.step() {
                None => return (false, steps),
                Some(reached) if other.reached.contains(&reached) => return (true, steps + 1),
                Some(_) => {}
            }
        }
    }

    #[cfg(test)]
    fn check_invariants(&self) {
        for (&(tail, head), edge) in &self.edges {
            assert!(edge.waits > 0, "an edge of {tail} and {head} stands for no wait");
            assert_eq!(self.nodes[&tail].waits_for[edge.at_tail], head, "the edge is not where its tail has it");
            assert_eq!(self.nodes[&head].waiters[edge.at_head], tail, "the edge is not where its head has it");
        }
        let count = |list: fn(&Node) -> &[LoadId]| self.nodes.values().map(|node| list(node).len()).sum::<usize>();
        assert_eq!([count(Node::waits_for), count(Node::waiters)], [self.edges.len(); 2], "a neighbour has no edge");
        let is_unused = |node: &Node| node.waits_for.is_empty() && node.waiters.is_empty();
        assert!(!self.nodes.values().any(is_unused), "a node without an edge was kept");
    }
}

struct Search<'g> {
    nodes: &'g HashMap<LoadId, Node, RandomState>,
    neighbours: fn(&Node) -> &[LoadId],
    reached: HashSet<LoadId, RandomState>,
    /// Their edges are not followed yet.
    queue: Vec<LoadId>,
    /// Ends of edges of one node, not followed yet.
    ends: &'g [LoadId],
    steps: usize,
}

impl<'g> Search<'g> {
    fn new(
        nodes: &'g HashMap<LoadId, Node, RandomState>,
        neighbours: fn(&Node) -> &[LoadId],
        starts: &[LoadId],
    ) -> Self {
        let (queue, reached) = (starts.to_vec(), starts.iter().copied().collect());
        Self { nodes, neighbours, reached, queue, ends: &[], steps: 0 }
    }

    fn step(&mut self) -> Option<LoadId> {
        loop {
            if let Some((&end, rest)) = self.ends.split_first() {
                self.ends = rest;
                self.steps += 1;
                if self.reached.insert(end) {
                    self.queue.push(end);
                }
                return Some(end);
            }
            let next = self.queue.pop()?;
            self.ends = self.nodes.get(&next).map_or(&[], self.neighbours);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::TimeSource;
    use crate::flight::context::{Context, LoadStart, Running};
    use crate::flight::id::next_load;
    use crate::query::state::QueryState;
    use crate::sync::Arc;
    use crate::version::tag_set::TagSet;
    use crate::version::timeline::Timeline;

    fn within<R>(bodies: &[LoadId], run: impl FnOnce() -> R) -> R {
        let timeline = Arc::new(Timeline::new(TimeSource::System, None));
        let query = Arc::new(QueryState::anonymous());
        let start = || LoadStart { tags: TagSet::default(), own_ttl: false, began: 0, expires_at: 1, is_audit: false };
        let context = |&body| Context::new(body, timeline.clone(), query.clone(), start());
        let _running: Vec<_> = bodies.iter().map(|body| Running::enter(&context(body))).collect();
        run()
    }

    fn waits_for(load: LoadId) -> bool {
        with_graph(|graph| graph.nodes.get(&load).is_some_and(|node| !node.waits_for.is_empty()))
    }

    #[test]
    fn p6_a_body_does_not_wait_for_itself_or_for_what_it_is_part_of() {
        let [outer, inner, other] = std::array::from_fn(|_| next_load());
        within(&[outer, inner], || {
            assert!(Wait::begin(inner).is_none() && Wait::begin(outer).is_none());
            assert!(Wait::begin(other).is_some());
        });
        assert!(Wait::begin(inner).is_some(), "the bodies have ended");
    }

    #[test]
    fn p6_a_circle_is_closed_by_nobody() {
        let [a, in_a, b, c] = std::array::from_fn(|_| next_load());
        let a_waits = within(&[a, in_a], || Wait::begin(b)).expect("nobody waits yet");
        let b_waits = within(&[b], || Wait::begin(c)).expect("`c` waits for nobody");
        within(&[c], || {
            assert!(Wait::begin(a).is_none(), "`a` waits for `b`, and `b` for `c`");
            assert!(Wait::begin(in_a).is_none() && Wait::begin(b).is_none());
        });
        drop(b_waits);
        assert!(within(&[c], || Wait::begin(a)).is_some(), "`b` goes on");
        drop(a_waits);
        assert!(![a, in_a, b, c].into_iter().any(waits_for), "what no longer waits is forgotten");
    }

    #[test]
    fn p6_a_body_may_wait_for_several_loads_and_twice_for_one() {
        let [a, b, c] = std::array::from_fn(|_| next_load());
        let [first, again, other] = within(&[a], || [b, b, c].map(|load| Wait::begin(load).expect("no circle")));
        drop(first);
        assert!(within(&[b], || Wait::begin(a)).is_none(), "it still waits for `b`");
        drop(again);
        assert!(within(&[b], || Wait::begin(a)).is_some());
        assert!(within(&[c], || Wait::begin(a)).is_none());
        drop(other);
        assert!(!waits_for(a));
    }

    #[test]
    fn p6_a_wait_is_that_of_the_bodies_in_which_it_began() {
        let [a, b, load] = std::array::from_fn(|_| next_load());
        let wait = within(&[a, b], || Wait::begin(load)).expect("nobody waits yet");
        assert!(within(&[a, b], || wait.is_of_this_thread()));
        assert!(![&[a][..], &[a, b, load], &[]].into_iter().any(|bodies| within(bodies, || wait.is_of_this_thread())));
        let outside = Wait::begin(load).expect("there is no circle without a body");
        assert!(outside.is_of_this_thread() && !within(&[a], || outside.is_of_this_thread()));
    }

    #[test]
    fn who_is_in_no_body_waits_without_a_trace() {
        let load = next_load();
        let wait = Wait::begin(load).expect("there is no circle without a body");
        assert!(wait.waiters.is_empty());
        assert!(within(&[load], || Wait::begin(next_load())).is_some());
    }

    /// Also returns the number of edges visited.
    fn add(graph: &mut WaitGraph, tail: LoadId, head: LoadId) -> (bool, usize) {
        let (_, steps) = graph.leads_to_any(head, &[tail]);
        (graph.add(&[tail], head), steps)
    }

    /// Returns the number of edges visited.
    fn add_all(graph: &mut WaitGraph, waits: impl IntoIterator<Item = (LoadId, LoadId)>) -> usize {
        let add = |(tail, head)| {
            let (was_added, steps) = add(graph, tail, head);
            assert!(was_added, "no cycle");
            steps
        };
        waits.into_iter().map(add).sum()
    }

    /// Pseudo-random numbers below `limit`, the same in each run.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, limit: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % limit
        }

        fn shuffle<T>(&mut self, items: &mut [T]) {
            for last in (1..items.len()).rev() {
                let other = usize::try_from(self.below(last as u64 + 1)).expect("an index");
                items.swap(last, other);
            }
        }
    }

    const MANY: u64 = 100_000;

    fn chain(order: impl IntoIterator<Item = LoadId>) -> usize {
        let mut graph = WaitGraph::default();
        let steps = add_all(&mut graph, order.into_iter().map(|load| (load, load + 1)));
        graph.check_invariants();
        assert_eq!(graph.edges.len() as u64, MANY);
        assert!(!add(&mut graph, MANY, 0).0 && !add(&mut graph, MANY / 2, MANY / 4).0, "it would be a circle");
        let mut order: Vec<_> = (0..MANY).collect();
        Numbers(1).shuffle(&mut order);
        for (removed, load) in order.into_iter().enumerate() {
            graph.remove(&[load], load + 1);
            if removed % 40_000 == 0 {
                graph.check_invariants();
            }
        }
        assert!(graph.nodes.is_empty() && graph.edges.is_empty());
        steps
    }

    #[test]
    fn p6_a_chain_that_grows_at_its_ends_is_not_searched() {
        let half = MANY / 2;
        let from_the_middle = (0..half).flat_map(|far| [half + far, half - 1 - far]);
        for steps in [chain(0..MANY), chain((0..MANY).rev()), chain(from_the_middle)] {
            assert!(steps as u64 <= MANY, "{steps} edges were looked at");
        }
    }

    #[test]
    fn p6_chains_that_are_joined_cost_what_the_shorter_one_has() {
        let mut order: Vec<_> = (0..MANY).collect();
        Numbers(1).shuffle(&mut order);
        let steps = chain(order) as u64;
        // Each visit of an edge at least doubles the chain that the edge is in.
        assert!(steps <= 2 * MANY * u64::from(MANY.ilog2()), "{steps} edges were looked at");
    }

    #[test]
    fn p6_a_load_that_many_wait_for_costs_each_of_them_the_same() {
        let mut graph = WaitGraph::default();
        let (load, next, last) = (MANY, MANY + 1, MANY + 2);
        assert_eq!(add_all(&mut graph, [(load, next)]), 0);
        let steps = add_all(&mut graph, (0..MANY).map(|waiter| (waiter, load))) as u64;
        assert!(steps <= MANY, "{steps} edges were looked at");
        // The searches from the other side end as early.
        assert!(add_all(&mut graph, [(next, last)]) <= 1);
        assert!(!add(&mut graph, last, 0).0 && !add(&mut graph, load, MANY / 2).0);
        graph.check_invariants();
        (0..MANY).for_each(|waiter| graph.remove(&[waiter], load));
        graph.check_invariants();
        assert_eq!(graph.edges.len(), 2);
        assert!(graph.nodes[&load].waiters.is_empty());
    }

    #[test]
    fn p6_paths_that_meet_again_are_followed_once() {
        let mut graph = WaitGraph::default();
        // Two ladders: each of the two loads of a rung waits for both loads of the next. There are 2^16 paths.
        let rungs = (0..32).step_by(2).chain((40..72).step_by(2));
        let edges = rungs.flat_map(|rung| [(rung, 2), (rung, 3), (rung + 1, 2), (rung + 1, 3)]);
        add_all(&mut graph, edges.map(|(tail, further)| (tail, tail / 2 * 2 + further)));
        let (was_added, steps) = add(&mut graph, 32, 40);
        assert!(was_added && steps <= graph.edges.len(), "{steps} of {} edges", graph.edges.len());
        graph.check_invariants();
    }

    fn leads_to(waits: &[(LoadId, LoadId)], load: LoadId, targets: &[LoadId]) -> bool {
        let mut reached = vec![load];
        let mut next = 0;
        while let Some(&load) = reached.get(next) {
            let heads = waits.iter().filter(|(tail, _)| *tail == load).map(|(_, head)| *head);
            let new: Vec<_> = heads.filter(|head| !reached.contains(head)).collect();
            reached.extend(new);
            next += 1;
        }
        targets.iter().any(|target| reached.contains(target))
    }

    #[test]
    fn p6_random_waits_are_refused_exactly_if_they_close_a_cycle() {
        let mut refused = 0;
        for seed in 0..200 {
            let mut numbers = Numbers(seed);
            let loads = 2 + numbers.below(20);
            let mut graph = WaitGraph::default();
            // The waits that have begun. Some are the same edge.
            let (mut begun, mut waits) = (Vec::new(), Vec::new());
            for _ in 0..200 {
                if numbers.below(3) == 0 && !begun.is_empty() {
                    let ended = usize::try_from(numbers.below(begun.len() as u64)).expect("an index");
                    let (waiters, load): (Vec<LoadId>, LoadId) = begun.swap_remove(ended);
                    graph.remove(&waiters, load);
                    for waiter in waiters {
                        let ended = waits.iter().position(|wait| *wait == (waiter, load)).expect("it has begun");
                        waits.swap_remove(ended);
                    }
                } else {
                    let waiters: Vec<_> = (0..=numbers.below(3)).map(|_| numbers.below(loads)).collect();
                    let load = numbers.below(loads);
                    let would_close = leads_to(&waits, load, &waiters);
                    assert_eq!(graph.add(&waiters, load), !would_close, "{waiters:?} for {load}: {waits:?}");
                    refused += usize::from(would_close);
                    if !would_close {
                        waits.extend(waiters.iter().map(|&waiter| (waiter, load)));
                        begun.push((waiters, load));
                    }
                }
                graph.check_invariants();
            }
            for (waiters, load) in begun {
                graph.remove(&waiters, load);
            }
            assert!(graph.nodes.is_empty() && graph.edges.is_empty(), "what no longer waits is forgotten");
        }
        assert!(refused > 1_000, "{refused} waits were refused");
    }
}
