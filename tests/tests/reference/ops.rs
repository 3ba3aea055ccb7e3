//! The operations on a cache, and how they are generated.

use std::any::type_name;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::annotated::{self, First, Repo, Second};
use crate::windows::Windows;

pub(crate) type TagName = &'static str;

/// The number of a scope, or the root.
pub(crate) type Scope = Option<u8>;

pub(crate) fn scope_name(scope: u8) -> &'static str {
    ["tenant:0", "tenant:1"][usize::from(scope)]
}

const TAGS: [TagName; 3] = ["red", "green", "blue"];

/// The tag of a key, where a query has one.
pub(crate) fn key_tag(key: u8) -> TagName {
    ["key:0", "key:1", "key:2", "key:3"][usize::from(key)]
}

/// Of a value, from 0 to 5.
pub(crate) fn weight(value: u64) -> usize {
    [2, 1, 4, 0, 3, 1, 5][usize::from(value.to_le_bytes()[0] % 7)]
}

/// A cached function with its generic arguments, or the `TaggedCache`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Query {
    Direct,
    FirstPlain,
    SecondPlain,
    FirstFallible,
    SecondFallible,
    /// With a tag of the key, and late tags.
    Tagged,
    /// Two instantiations of one query.
    GenericU8,
    GenericU16,
    /// A function that may fail, whose expired values are served then.
    Kept,
    /// One that cannot fail, whose values are loaded anew before and after their expiry.
    Refreshed,
    /// Both, with a tag of the key.
    KeptAndRefreshed,
}

/// The identity of a query, for statistics and invalidations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct QueryId {
    pub(crate) name: &'static str,
    pub(crate) module: &'static str,
    pub(crate) owner: &'static str,
}

impl Query {
    pub(crate) fn id(self) -> QueryId {
        let (first, second) = (type_name::<Repo<'_, First>>(), type_name::<Repo<'_, Second>>());
        let (name, owner) = match self {
            Self::Direct => return QueryId { name: "", module: "", owner: "" },
            Self::FirstPlain => ("plain", first),
            Self::SecondPlain => ("plain", second),
            Self::FirstFallible => ("fallible", first),
            Self::SecondFallible => ("fallible", second),
            Self::Tagged => ("tagged", first),
            Self::GenericU8 | Self::GenericU16 => ("generic", first),
            Self::Kept => ("kept", first),
            Self::Refreshed => ("refreshed", first),
            Self::KeptAndRefreshed => ("kept_and_refreshed", first),
        };
        QueryId { name, module: annotated::MODULE, owner }
    }

    /// `None` where the call decides.
    fn is_fallible(self) -> Option<bool> {
        let is_fallible =
            matches!(self, Self::FirstFallible | Self::SecondFallible | Self::Kept | Self::KeptAndRefreshed);
        (self != Self::Direct).then_some(is_fallible)
    }

    /// As its attribute says; `None` where the cache decides.
    pub(crate) fn windows(self) -> Option<Windows> {
        match self {
            Self::Direct => None,
            Self::Kept => Some(Windows::of_seconds(0, 0, 4, 2)),
            Self::Refreshed => Some(Windows::of_seconds(1, 2, 0, 1)),
            Self::KeptAndRefreshed => Some(Windows::of_seconds(1, 1, 3, 1)),
            _ => Some(Windows::NONE),
        }
    }

    /// Of a value, if the cache weighs them.
    pub(crate) fn weight(self, value: u64) -> u64 {
        let is_weighed = matches!(self, Self::Direct | Self::FirstFallible | Self::SecondFallible);
        if is_weighed { weight(value) as u64 } else { 1 }
    }

    /// The arguments of a key, as a listing shows them.
    pub(crate) fn arguments(self, key: u8) -> String {
        match self {
            Self::Direct => format!("{key}"),
            Self::FirstFallible | Self::SecondFallible => {
                let (id, name) = annotated::two_arguments(key);
                format!("id = {id}, name = {name:?}")
            }
            _ => format!("key = {key}"),
        }
    }
}

/// What is looked up: it has at most one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) query: Query,
    pub(crate) scope: Scope,
    pub(crate) key: u8,
}

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Load(LoadPlan),
    Get(Place),
    Insert {
        place: Place,
        ttl: Option<Duration>,
        tags: Vec<TagName>,
    },
    InvalidateKey(Place),
    InvalidateTags(Scope, Vec<TagName>),
    InvalidateNames(Scope, Vec<&'static str>),
    InvalidateAll(Scope),
    Write {
        scope: Scope,
        writer: Writer,
        inside: Vec<Op>,
        end: End,
    },
    Purge,
    Advance(Duration),
    /// From now on, every body that can fail does, or none that is not meant to.
    SetDown(bool),
}

/// A call that loads on a miss, and what happens meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct LoadPlan {
    pub(crate) place: Place,
    pub(crate) ttl: Option<Duration>,
    pub(crate) tags: Vec<TagName>,
    /// Tags from the value.
    pub(crate) late: Vec<TagName>,
    /// After the miss, before the body.
    pub(crate) before: Vec<Op>,
    /// In the body.
    pub(crate) inside: Vec<Op>,
    /// In the closure of the late tags.
    pub(crate) after: Vec<Op>,
    pub(crate) end: End,
    /// Whether the fallible function is called.
    pub(crate) fallible: bool,
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Value,
    Err,
    Panic,
    /// Before the body.
    PanicBefore,
    /// After the body.
    PanicAfter,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Writer {
    /// `plain`, of the first type.
    FirstPlain,
    SecondPlain,
    /// `plain` and `fallible`, on success.
    SecondOnOk,
    Generic,
    All,
    /// One key of `plain`.
    PlainKey(u8),
    /// A key of `fallible`, all of `generic`, and a tag.
    Mixed(u8),
    /// The key of `tagged` that it returns; on failure, all of `tagged`.
    TaggedResult(u8),
    /// The keys of `plain` and `fallible` from the returned value, on success.
    ResultOnOk(u8),
    /// `kept` and `refreshed`.
    Aged,
    /// A key of `kept`, of `refreshed` and of `kept_and_refreshed`.
    AgedKey(u8),
}

type WriterOfKey = fn(u8) -> Writer;

/// A target of a writer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    All,
    Query(Query),
    Key(Query, u8),
    Tag(TagName),
}

/// The ranges of the generated operations.
#[derive(Clone, Debug)]
pub(crate) struct Domain {
    pub(crate) queries: &'static [Query],
    pub(crate) keys: u8,
    pub(crate) scopes: u8,
    /// Whether values are ever served past their expiry.
    pub(crate) has_windows: bool,
    /// Whether times to live are short enough for entries to expire. If not, only a time to live of zero expires.
    pub(crate) expires: bool,
}

impl Domain {
    fn is_direct(&self) -> bool {
        self.queries == [Query::Direct]
    }

    pub(crate) fn scopes(&self) -> Vec<Scope> {
        [None].into_iter().chain((0..self.scopes).map(Some)).collect()
    }

    fn scope(&self) -> impl Strategy<Value = Scope> + use<> {
        select(self.scopes())
    }

    /// One place half of the time: operations on different places do not affect each other.
    fn place(&self) -> impl Strategy<Value = Place> + use<> {
        let anywhere = (select(self.queries), self.scope(), 0..self.keys);
        let common = Just((self.queries[0], None, 0));
        prop_oneof![common, anywhere].prop_map(|(query, scope, key)| Place { query, scope, key })
    }

    fn ttl(&self) -> impl Strategy<Value = Option<Duration>> + use<> {
        let seconds = if self.expires { 0..=4_u64 } else { 500..=504 };
        option::weighted(0.4, prop_oneof![9 => seconds, 1 => Just(0)].prop_map(Duration::from_secs))
    }

    /// Operations; loads contain others up to a depth.
    pub(crate) fn op(&self, depth: u32) -> BoxedStrategy<Op> {
        let place = || self.place();
        let scope = || self.scope();
        let advance = (1..=3_u64).prop_map(|seconds| Op::Advance(Duration::from_secs(seconds)));
        // Few annotated methods have tags.
        let invalidations = if self.is_direct() { 4 } else { 1 };
        // Without windows, a source that fails is no different from a body that does.
        let outages = u32::from(self.has_windows);
        let common = prop_oneof![
            12 => self.load(depth).prop_map(Op::Load),
            invalidations => (scope(), tags()).prop_map(|(scope, tags)| Op::InvalidateTags(scope, tags)),
            1 => scope().prop_map(Op::InvalidateAll),
            1 => Just(Op::Purge),
            3 + 2 * outages => advance,
            outages => any::<bool>().prop_map(Op::SetDown),
        ];
        if self.is_direct() {
            let insert = (place(), self.ttl(), tags()).prop_map(|(place, ttl, tags)| Op::Insert { place, ttl, tags });
            prop_oneof![
                6 => common,
                2 => place().prop_map(Op::Get),
                2 => insert,
                1 => place().prop_map(Op::InvalidateKey),
            ]
            .boxed()
        } else {
            let names = ["plain", "fallible", "tagged", "generic", "kept", "refreshed", "plai", ""];
            let names = vec(select(names.to_vec()), 0..3);
            prop_oneof![
                12 => common,
                1 => (scope(), names).prop_map(|(scope, names)| Op::InvalidateNames(scope, names)),
                2 => self.write(depth),
            ]
            .boxed()
        }
    }

    fn load(&self, depth: u32) -> impl Strategy<Value = LoadPlan> + use<> {
        let meanwhile = [self.meanwhile(depth, 1), self.meanwhile(depth, 4), self.meanwhile(depth, 2)];
        let of_entry = (self.place(), self.ttl(), tags(), tags());
        (of_entry, meanwhile, end(), any::<bool>()).prop_map(|(of_entry, meanwhile, end, fallible)| {
            let (place, ttl, tags, late) = of_entry;
            let fallible = place.query.is_fallible().unwrap_or(fallible);
            let [before, inside, after] = meanwhile.map(|ops| ops.into_iter().map(|op| op.resolve(place)).collect());
            LoadPlan { place, ttl, tags, late, before, inside, after, end, fallible }
        })
    }

    fn write(&self, depth: u32) -> impl Strategy<Value = Op> + use<> {
        let (writers, by_key): (&[Writer], &[WriterOfKey]) = if self.has_windows {
            (&[Writer::Aged, Writer::All, Writer::FirstPlain], &[Writer::AgedKey])
        } else {
            (
                &[Writer::FirstPlain, Writer::SecondPlain, Writer::SecondOnOk, Writer::Generic, Writer::All],
                &[Writer::PlainKey, Writer::Mixed, Writer::TaggedResult, Writer::ResultOnOk],
            )
        };
        let by_key = (select(by_key), 0..self.keys).prop_map(|(writer, key)| writer(key));
        (self.scope(), prop_oneof![select(writers), by_key], self.meanwhile(depth, 3), end()).prop_map(
            |(scope, writer, inside, end)| {
                let inside = inside.into_iter().map(|Nested { op, .. }| op).collect();
                Op::Write { scope, writer, inside, end }
            },
        )
    }

    /// Operations in one part of a load: mostly none.
    fn meanwhile(&self, depth: u32, weight: u32) -> BoxedStrategy<Vec<Nested>> {
        match depth.checked_sub(1) {
            None => Just(Vec::new()).boxed(),
            Some(depth) => prop_oneof![
                10 - weight => Just(Vec::new()),
                weight => vec((any::<bool>(), self.op(depth)).prop_map(|(is_here, op)| Nested { is_here, op }), 1..4),
            ]
            .boxed(),
        }
    }
}

/// An operation in a body.
#[derive(Clone, Debug)]
struct Nested {
    /// Whether it is on the place that is being loaded.
    is_here: bool,
    op: Op,
}

impl Nested {
    fn resolve(mut self, here: Place) -> Op {
        if self.is_here {
            match &mut self.op {
                Op::Load(plan) => {
                    plan.place = here;
                    plan.fallible = here.query.is_fallible().unwrap_or(plan.fallible);
                }
                Op::Get(place) | Op::InvalidateKey(place) | Op::Insert { place, .. } => *place = here,
                _ => {}
            }
        }
        self.op
    }
}

/// Few, and sometimes one of them twice.
fn tags() -> impl Strategy<Value = Vec<TagName>> {
    prop_oneof![3 => vec(select(&TAGS[..]), 0..2), 1 => vec(select(&TAGS[..]), 0..4)]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        12 => Just(End::Value),
        2 => Just(End::Err),
        1 => Just(End::Panic),
        1 => select(&[End::PanicBefore, End::PanicAfter][..]),
    ]
}
