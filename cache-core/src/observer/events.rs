//! What an [`Observer`](crate::Observer) is told.

use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::clock::{Nanos, TimeSource};
use crate::entry::discard_value;
use crate::history::info::{MutationInfo, TargetInfo};
use crate::query::state::QueryState;
use crate::sync::Arc;
use crate::version::scope::{Scope, ScopeId, ScopeRef, scope_id};

pub(crate) type DescribeArguments<'a> = &'a dyn Fn(&mut dyn fmt::Write) -> fmt::Result;

/// A call of a query, or the entry of one.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Call<'a> {
    /// The name of the query.
    pub query: &'static str,
    /// The module of the query.
    pub module: &'static str,
    /// The type whose method the query is; empty for a free function.
    pub owner: &'static str,
    /// The scope of the handle, if it has one.
    pub scope: Option<&'a str>,
    describe: DescribeArguments<'a>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(query: &QueryState, scope: ScopeRef<'a>, describe: DescribeArguments<'a>) -> Self {
        let QueryState { name, module, owner, .. } = *query;
        Self { query: name, module, owner, scope: scope.map(|scope| &*scope.name), describe }
    }

    /// The arguments in the key, as [`EntryInfo::arguments`](crate::EntryInfo::arguments) shows them. They are formatted by
    /// this call.
    ///
    /// # Panics
    ///
    /// If the `Debug` of an argument does.
    pub fn arguments(&self) -> String {
        let mut arguments = String::new();
        // Arguments whose `Debug` fails are shown as far as it got.
        let _ = (self.describe)(&mut arguments);
        arguments
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.query, self.arguments())
    }
}

/// A load has ended.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Loaded<'a> {
    /// The call that led it.
    pub call: Call<'a>,
    /// From its start to its end: by a clock of your own, or else by that of the system, whatever the tick of the cache's.
    pub duration: Duration,
    /// How it ended.
    pub outcome: LoadOutcome,
    /// The number of callers that had joined it when it ended.
    pub shared_by: usize,
}

/// How a load has ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum LoadOutcome {
    /// Its value was stored.
    Stored,
    /// Its value was not stored: its query refused it, it was too heavy or had expired, a newer one was there, or its cache
    /// or handle stores nothing.
    Refused,
    /// Its value was not stored: something that it depends on was invalidated meanwhile.
    Discarded,
    /// It was an error.
    Failed,
    /// The body has panicked.
    Panicked,
    /// Its future was dropped.
    Dropped,
    /// Its body did not run: the value is another process's, from the second level.
    Taken,
}

impl LoadOutcome {
    /// As metrics and traces name it: `stored`, `refused`, `discarded`, `failed`, `panicked`, `dropped` or
    /// `taken`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Refused => "refused",
            Self::Discarded => "discarded",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Dropped => "dropped",
            Self::Taken => "taken",
        }
    }
}

/// A call was not answered from the cache.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Missed<'a> {
    /// The call.
    pub call: Call<'a>,
    /// Why there was no entry.
    pub reason: MissReason,
    /// By what its entry was invalidated, as far as [`Cache::mutations`](crate::Cache::mutations) reach.
    pub mutation: Option<&'a MutationInfo>,
    /// The target of that mutation that was about the entry, if it is known.
    pub target: Option<&'a TargetInfo>,
}

/// Why a call was not answered from the cache: why the last entry left that was stored for it, or why the value of a load
/// since then was not stored.
///
/// A load that fails, or whose value is not to be stored (as by `cache_if`), makes the next miss *cold*, whatever had left
/// before. One that panics or is dropped leaves the reason as it was.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum MissReason {
    /// It was never loaded, or so long ago that the cache has forgotten why it is no longer there; or its last load has
    /// failed, or its value was not to be stored.
    Cold,
    /// Its entry has expired, or is about to be refreshed.
    Expired,
    /// Its entry was invalidated, or the value of its last load, while it was loaded.
    Invalidated,
    /// Its entry was removed to make room for others.
    Evicted,
    /// The handle takes nothing from the cache: a [bypass](crate::Cache::bypass), one that
    /// [refreshes](crate::Cache::refresh), or one in a [transaction](crate::Cache::transaction).
    Bypassed,
}

impl fmt::Display for MissReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cold => "cold",
            Self::Expired => "expired",
            Self::Invalidated => "invalidated",
            Self::Evicted => "evicted",
            Self::Bypassed => "bypassed",
        })
    }
}

/// Something was invalidated.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Invalidated<'a> {
    /// What named what.
    pub mutation: &'a MutationInfo,
}

/// A live entry was removed to make room for others.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Evicted<'a> {
    /// The call that it answered.
    pub call: Call<'a>,
    /// The time since its load began.
    pub age: Duration,
}

/// A call was answered by an expired value.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ServedStale<'a> {
    /// The call.
    pub call: Call<'a>,
    /// The time since the value expired.
    pub expired_for: Duration,
}

/// The `Drop` of a key or of a value has panicked, or that of a result that nobody takes. The panic was caught.
///
/// It may be told in an unrelated call, long after the entry has left: see [`Cache`](crate::Cache#memory). So the key is not
/// known any more, and neither is the scope.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DropPanicked<'a> {
    /// The name of the query.
    pub query: &'static str,
    /// The module of the query.
    pub module: &'static str,
    /// The type whose method the query is; empty for a free function.
    pub owner: &'static str,
    /// The message of the panic; empty if it is no text.
    pub message: &'a str,
}

/// What a load keeps for who watches it: its call.
pub(crate) struct Subject {
    query: Arc<QueryState>,
    scope: Option<Arc<Scope>>,
    /// Taken when it is dropped.
    describe: Option<OwnDescribe>,
    /// If the cache's clock is coarser than the system's.
    began: OnceLock<Instant>,
}

type OwnDescribe = Box<dyn Fn(&mut dyn fmt::Write) -> fmt::Result + Send + Sync>;

impl Subject {
    pub(crate) fn new(
        query: Arc<QueryState>,
        scope: Option<Arc<Scope>>,
        describe: impl Fn(&QueryState, &mut dyn fmt::Write) -> fmt::Result + Send + Sync + 'static,
    ) -> Arc<Self> {
        let of = query.clone();
        let describe: OwnDescribe = Box::new(move |out| describe(&of, out));
        Arc::new(Self { query, scope, describe: Some(describe), began: OnceLock::new() })
    }

    /// The body is about to run.
    pub(crate) fn begin(&self, time: &TimeSource) {
        if time.is_coarse() {
            self.began.get_or_init(Instant::now);
        }
    }

    /// `span`: the same by the cache's clock.
    pub(crate) fn duration(&self, span: Nanos) -> Duration {
        self.began.get().map_or(Duration::from_nanos(span), Instant::elapsed)
    }

    pub(crate) fn query(&self) -> &QueryState {
        &self.query
    }

    pub(crate) fn scope_id(&self) -> ScopeId {
        scope_id(self.scope.as_ref())
    }

    pub(crate) fn call(&self) -> Call<'_> {
        Call::new(&self.query, self.scope.as_ref(), self.describe.as_ref().expect("it is taken on drop"))
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        discard_value(&self.query.counters, self.describe.take());
    }
}
