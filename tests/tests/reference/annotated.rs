//! A cache with annotated queries and mutations.

use std::marker::PhantomData;
use std::time::Duration;

use cache_core::{Cache, EntryInfo, HasCache, ManualClock, QueryStats, Stats, cached_query, invalidates};

use crate::model::{Settings, Value};
use crate::ops::{Place, Query, Scope, TagName, Target, Writer, key_tag, scope_name, weight};
use crate::run::{Call, Failure, Subject};

pub(crate) const MODULE: &str = module_path!();

pub(crate) struct First;
pub(crate) struct Second;

/// The caller determines what the methods do.
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
    fn ttl(&self, tags: &[TagName]) -> Duration {
        let Self::Read(call, default) = self else { unreachable!("a query only reads") };
        call.ttl(tags.to_vec()).unwrap_or(*default)
    }

    fn late(&self, value: &Value) -> Vec<TagName> {
        let Self::Read(call, _) = self else { unreachable!("a query only reads") };
        call.late(**value)
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

/// A key as the arguments of a query with two.
pub(crate) fn two_arguments(key: u8) -> (u8, &'static str) {
    (key / 2, if key.is_multiple_of(2) { "even" } else { "odd" })
}

impl<T> Repo<'_, T> {
    #[cached_query]
    fn plain(&self, key: u8) -> Value {
        let _ = key;
        self.body.read().expect("this query does not fail")
    }

    #[cached_query(ttl = self.body.ttl(&[]), weight = |value| weight(**value))]
    fn fallible(&self, id: u8, name: &str) -> Result<Value, Failure> {
        let _ = (id, name);
        let value = self.body.read()?;
        Ok(value)
    }

    #[cached_query(ttl = self.body.ttl(&[key_tag(key)]), tags("key:{key}"), tags_from = |value| self.body.late(value))]
    fn tagged(&self, key: u8) -> Value {
        let _ = key;
        self.body.read().expect("this query does not fail")
    }

    #[cached_query]
    fn generic<U>(&self, key: u8) -> Value {
        let _ = (key, PhantomData::<U>);
        self.body.read().expect("this query does not fail")
    }

    #[cached_query(ttl = self.body.ttl(&[]), stale_if_error = "4s", retry_after = "2s")]
    fn kept(&self, key: u8) -> Result<Value, Failure> {
        let _ = key;
        self.body.read()
    }

    #[cached_query(ttl = self.body.ttl(&[]), refresh_ahead = "1s", stale_while_revalidate = "2s")]
    fn refreshed(&self, key: u8) -> Value {
        let _ = key;
        self.body.read().expect("this query does not fail")
    }

    #[cached_query(
        ttl = self.body.ttl(&[key_tag(key)]),
        tags("key:{key}"),
        refresh_ahead = "1s",
        stale_while_revalidate = "1s",
        stale_if_error = "3s"
    )]
    fn kept_and_refreshed(&self, key: u8) -> Result<Value, Failure> {
        let _ = key;
        self.body.read()
    }

    #[invalidates("kept", "refreshed")]
    fn write_aged(&self) -> Result<(), Failure> {
        self.body.write()
    }

    #[invalidates(kept(key), refreshed(key), kept_and_refreshed(key))]
    fn write_aged_key(&self, key: u8) -> Result<(), Failure> {
        let _ = key;
        self.body.write()
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

    #[invalidates(plain(key))]
    fn write_plain_key(&self, key: u8) -> Result<(), Failure> {
        let _ = key;
        self.body.write()
    }

    #[invalidates(fallible(two_arguments(key).0, two_arguments(key).1), "generic", tags("key:{key}"))]
    fn write_mixed(&self, key: u8) -> Result<(), Failure> {
        let _ = key;
        self.body.write()
    }

    #[invalidates(|key| tagged(*key))]
    fn write_tagged_result(&self, key: u8) -> Result<u8, Failure> {
        self.body.write().map(|()| key)
    }

    #[invalidates(|key| plain(*key), |key| fallible(two_arguments(*key).0, two_arguments(*key).1), on = "ok")]
    fn write_result_on_ok(&self, key: u8) -> Result<u8, Failure> {
        self.body.write().map(|()| key)
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
    pub(crate) fn new(settings: Settings, clock: &ManualClock) -> Self {
        let Settings { capacity, default_ttl, max_weight, .. } = settings;
        let mut cache = Cache::builder().capacity(capacity).default_ttl(default_ttl).clock(clock.clone());
        if let Some(most) = max_weight {
            cache = cache.max_weight(most);
        }
        Self { cache: cache.build(), default_ttl }
    }

    fn of(&self, scope: Scope) -> Cache {
        scope.map_or_else(|| self.cache.clone(), |scope| self.cache.scope(scope_name(scope)))
    }

    fn repo<'a, T>(&self, scope: Scope, body: Body<'a>) -> Repo<'a, T> {
        Repo { cache: self.of(scope), body, of: PhantomData }
    }
}

impl Subject for Annotated {
    fn load(&self, call: &Call<'_>) -> Result<Value, Failure> {
        let Place { query, scope, key } = call.plan.place;
        let body = Body::Read(call, self.default_ttl);
        let (first, second) = (self.repo::<First>(scope, body), self.repo::<Second>(scope, body));
        let (id, name) = two_arguments(key);
        match query {
            Query::Direct => unreachable!("there is no such query"),
            Query::FirstPlain => Ok(first.plain(key)),
            Query::SecondPlain => Ok(second.plain(key)),
            Query::FirstFallible => first.fallible(id, name),
            Query::SecondFallible => second.fallible(id, name),
            Query::Tagged => Ok(first.tagged(key)),
            Query::GenericU8 => Ok(first.generic::<u8>(key)),
            Query::GenericU16 => Ok(first.generic::<u16>(key)),
            Query::Kept => first.kept(key),
            Query::Refreshed => Ok(first.refreshed(key)),
            Query::KeptAndRefreshed => first.kept_and_refreshed(key),
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
            Writer::PlainKey(key) => first.write_plain_key(key),
            Writer::Mixed(key) => first.write_mixed(key),
            Writer::TaggedResult(key) => first.write_tagged_result(key).map(drop),
            Writer::ResultOnOk(key) => first.write_result_on_ok(key).map(drop),
            Writer::Aged => first.write_aged(),
            Writer::AgedKey(key) => first.write_aged_key(key),
        }
    }

    fn targets(&self, writer: Writer, is_ok: bool) -> Vec<Target> {
        use Target::{Key, Tag};
        let query = Target::Query;
        match writer {
            Writer::SecondOnOk | Writer::ResultOnOk(_) if !is_ok => vec![],
            Writer::FirstPlain => vec![query(Query::FirstPlain)],
            Writer::SecondPlain => vec![query(Query::SecondPlain)],
            Writer::SecondOnOk => vec![query(Query::SecondPlain), query(Query::SecondFallible)],
            Writer::Generic => vec![query(Query::GenericU8)],
            Writer::All => vec![Target::All],
            Writer::Aged => vec![query(Query::Kept), query(Query::Refreshed)],
            Writer::AgedKey(key) => {
                vec![Key(Query::Kept, key), Key(Query::Refreshed, key), Key(Query::KeptAndRefreshed, key)]
            }
            Writer::PlainKey(key) => vec![Key(Query::FirstPlain, key)],
            Writer::Mixed(key) => {
                vec![Key(Query::FirstFallible, key), query(Query::GenericU8), Tag(key_tag(key))]
            }
            Writer::TaggedResult(_) if !is_ok => vec![query(Query::Tagged)],
            Writer::TaggedResult(key) => vec![Key(Query::Tagged, key)],
            Writer::ResultOnOk(key) => vec![Key(Query::FirstPlain, key), Key(Query::FirstFallible, key)],
        }
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

    fn len_with_stale(&self, scope: Scope) -> usize {
        self.of(scope).len_with_stale()
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
