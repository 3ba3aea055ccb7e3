//! The operations on a cache of lists, and how they are generated.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::model::{Place, Target};

pub(super) const IDS: u8 = 4;

#[derive(Clone, Debug)]
pub(super) enum Op {
    Each(Plan),
    Get(Place),
    Insert(Place, bool),
    InvalidateKey(Place),
    Invalidate(Option<u8>, Target),
    Purge,
    Advance(Duration),
    SetDown(bool),
    /// Whether the source knows an id.
    SetKnown(u8, bool),
}

/// A call for a list.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) scope: Option<u8>,
    pub(super) ids: Vec<u8>,
    /// In the body.
    pub(super) inside: Vec<Op>,
    pub(super) panics: bool,
    /// Whether the fallible function is called, which fails while the source does.
    pub(super) fallible: bool,
    /// Whether a list of one id is called for as a key.
    pub(super) is_key: bool,
}

fn scope() -> impl Strategy<Value = Option<u8>> {
    select([None, None, None, Some(0)].as_slice())
}

fn place() -> impl Strategy<Value = Place> {
    (scope(), 0..IDS)
}

/// `is_direct`: not annotated, with operations on keys.
pub(super) fn op(is_direct: bool, depth: u32) -> BoxedStrategy<Op> {
    let inside = match depth.checked_sub(1) {
        None => Just(Vec::new()).boxed(),
        Some(depth) => prop_oneof![2 => Just(Vec::new()), 1 => vec(op(is_direct, depth), 1..4)].boxed(),
    };
    let each = (scope(), vec(0..IDS, 0..5), inside, prop::bool::weighted(0.06), any::<bool>(), any::<bool>());
    let each = each.prop_map(move |(scope, ids, inside, panics, fallible, is_key)| {
        let (fallible, is_key) = (fallible || !is_direct, is_key && is_direct && ids.len() == 1);
        Op::Each(Plan { scope, ids, inside, panics, fallible, is_key })
    });
    let target = prop_oneof![3 => (0..IDS).prop_map(Target::Id), 1 => Just(Target::All)];
    let target = if is_direct { Just(Target::All).boxed() } else { target.boxed() };
    let keys = u32::from(is_direct);
    prop_oneof![
        10 => each,
        5 => (1..=3_u64).prop_map(|seconds| Op::Advance(Duration::from_secs(seconds))),
        2 => any::<bool>().prop_map(Op::SetDown),
        1 => (0..IDS, any::<bool>()).prop_map(|(id, is_known)| Op::SetKnown(id, is_known)),
        2 => (scope(), target).prop_map(|(scope, target)| Op::Invalidate(scope, target)),
        1 => Just(Op::Purge),
        keys => place().prop_map(Op::Get),
        keys => (place(), any::<bool>()).prop_map(|(place, is_known)| Op::Insert(place, is_known)),
        keys => place().prop_map(Op::InvalidateKey),
    ]
    .boxed()
}
