//! A cache that annotated methods use.

use std::marker::PhantomData;
use std::time::Duration;

use cache_core::{Cache, EntryInfo, HasCache, ManualClock, QueryStats, Stats, cached_query, invalidates};

use crate::model::Value;
use crate::ops::{Place, Query, QueryId, Scope, TagName, Writer, scope_name};
use crate::run::{Call, Face, Failure};

/// Where the queries are.
pub(crate) const MODULE: &str = module_path!();

pub(crate) struct First;
pub(crate) struct Second;

/// What its methods do is said where one is called.
#[derive(HasCache)]
pub(crate) struct Repo<'a, T> {
    cache: Cache,
    body: Body<'a>,
    of: PhantomData<T>,
}

#[derive(Clone, Copy)]
enum Body<'a> {
    Read(&'a Call<'a>, Duration),
    Write(&'a dyn Fn() -> Result<(), Failure>),
}

impl Body<'_> {
    fn ttl(&self) -> Duration {
        let Self::Read(call, default) = self else { unreachable!("a query only reads") };
        call.ttl().unwrap_or(*default)
    }

    fn read(&self) -> Result<Value, Failure> {
        let Self::Read(call, _) = self else { unreachable!("a query only reads") };
        call.body()
    }

    fn write(&self) -> Result<(), Failure> {
        let Self::Write(body) = self else { unreachable!("a mutation only writes") };
        body()
    }
}

/// The arguments that a key stands for, where there are two.
pub(crate) fn two_arguments(key: u8) -> (u8, &'static str) {
    (key / 2, if key.is_multiple_of(2) { "even" } else { "odd" })
}

impl<T> Repo<'_, T> {
    #[cached_query]
    fn plain(&self, key: u8) -> Value {
        let _ = key;
        self.body.read().expect("this query does not fail")
    }

    #[cached_query(ttl = self.body.ttl())]
    fn fallible(&self, id: u8, name: &str) -> Result<Value, Failure> {
        let _ = (id, name);
        let value = self.body.read()?;
        Ok(value)
    }

    #[cached_query]
    fn generic<U>(&self, key: u8) -> Value {
        let _ = (key, PhantomData::<U>);
        self.body.read().expect("this query does not fail")
    }

    #[invalidates("plain")]
    fn write_plain(&self) -> Result<(), Failure> {
        self.body.write()
    }

    #[invalidates("plain", "fallible", on = "ok")]
    fn write_on_ok(&self) -> Result<(), Failure> {
        self.body.write()
    }

    #[invalidates("generic")]
    fn write_generic(&self) -> Result<(), Failure> {
        self.body.write()
    }

    #[invalidates(all)]
    fn write_all(&self) -> Result<(), Failure> {
        self.body.write()
    }
}

pub(crate) struct Annotated {
    cache: Cache,
    default_ttl: Duration,
}

impl Annotated {
    pub(crate) fn new(capacity: usize, default_ttl: Duration, clock: &ManualClock) -> Self {
        let cache = Cache::builder().capacity(capacity).default_ttl(default_ttl).clock(clock.clone()).build();
        Self { cache, default_ttl }
    }

    fn of(&self, scope: Scope) -> Cache {
        scope.map_or_else(|| self.cache.clone(), |scope| self.cache.scope(scope_name(scope)))
    }

    fn repo<'a, T>(&self, scope: Scope, body: Body<'a>) -> Repo<'a, T> {
        Repo { cache: self.of(scope), body, of: PhantomData }
    }
}

impl Face for Annotated {
    fn load(&self, call: &Call<'_>) -> Result<Value, Failure> {
        let Place { query, scope, key } = call.plan.place;
        let body = Body::Read(call, self.default_ttl);
        let (first, second) = (self.repo::<First>(scope, body), self.repo::<Second>(scope, body));
        let (id, name) = two_arguments(key);
        match query {
            Query::ByHand => unreachable!("there is no such query"),
            Query::FirstPlain => Ok(first.plain(key)),
            Query::SecondPlain => Ok(second.plain(key)),
            Query::FirstFallible => first.fallible(id, name),
            Query::SecondFallible => second.fallible(id, name),
            Query::GenericU8 => Ok(first.generic::<u8>(key)),
            Query::GenericU16 => Ok(first.generic::<u16>(key)),
        }
    }

    fn write(&self, scope: Scope, writer: Writer, body: &dyn Fn() -> Result<(), Failure>) -> Result<(), Failure> {
        let (first, second) =
            (self.repo::<First>(scope, Body::Write(body)), self.repo::<Second>(scope, Body::Write(body)));
        match writer {
            Writer::FirstPlain => first.write_plain(),
            Writer::SecondPlain => second.write_plain(),
            Writer::SecondOnOk => second.write_on_ok(),
            Writer::Generic => first.write_generic(),
            Writer::All => first.write_all(),
        }
    }

    fn targets(&self, writer: Writer) -> Option<Vec<QueryId>> {
        let targets: &[Query] = match writer {
            Writer::FirstPlain => &[Query::FirstPlain],
            Writer::SecondPlain => &[Query::SecondPlain],
            Writer::SecondOnOk => &[Query::SecondPlain, Query::SecondFallible],
            Writer::Generic => &[Query::GenericU8],
            Writer::All => return None,
        };
        Some(targets.iter().map(|query| query.id()).collect())
    }

    fn invalidate_names(&self, scope: Scope, names: &[&'static str]) {
        self.of(scope).invalidate(names);
    }

    fn invalidate_tags(&self, scope: Scope, tags: &[TagName]) {
        self.of(scope).invalidate_tags(tags);
    }

    fn invalidate_all(&self, scope: Scope) {
        self.of(scope).invalidate_all();
    }

    fn purge(&self) {
        self.cache.purge();
    }

    fn len(&self, scope: Scope) -> usize {
        self.of(scope).len()
    }

    fn stats(&self) -> Stats {
        self.cache.stats()
    }

    fn query_stats(&self) -> Option<Vec<QueryStats>> {
        Some(self.cache.query_stats())
    }

    fn entries(&self, scope: Scope) -> Vec<EntryInfo> {
        self.of(scope).entries()
    }

    fn check_invariants(&self) {
        self.cache.check_invariants();
    }
}
