//! Loads that ask the second level before they run their body, and store their value there.

use std::any::{TypeId, type_name};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex as StdMutex, PoisonError};
use std::task::{Context as PollContext, Poll};
use std::time::Duration;

use futures_lite::future::block_on;

use crate::clock::{FOREVER, Nanos, saturating_nanos};
use crate::engine::Engine;
use crate::flight::context::Context;
use crate::query::registered::item_of;
use crate::query::state::QueryState;
use crate::shared::encoding::ValueEncoding;
use crate::shared::mark::{self, Mark};
use crate::shared::record::{LogPosition, Place, ValueHead, decode, encode};
use crate::shared::state::Shared;
use crate::shared::ticket::Ticket;
use crate::shared::tier::{PutOutcome, TierFuture};
use crate::store::Store;
use crate::sync::Arc;
use crate::tag::Tag;
use crate::version::registry::TagRef;
use crate::version::scope::Scope;
use crate::version::tag_set::TagSet;

/// More dependencies are not written beside a value.
const MANY: usize = 4_096;

/// Longer is as good as for ever.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3_600);

/// What a load of a shared query knows of the second level.
pub(crate) struct SharedLoad<V> {
    /// The hash of its key that is the same in each process.
    mark: u64,
    /// Its key in the second level; `None`: its value is not there.
    key: Option<Arc<[u8]>>,
    values: ValueEncoding<V>,
    /// Read before the load begins.
    born: Option<LogPosition>,
    take: TakeFn<V>,
}

/// [`SharedLoad::take`], which needs bounds on the type.
pub(crate) type TakeFn<V> = fn(&SharedLoad<V>, &Arc<Engine>) -> Option<Taking<V>>;

/// Until the second level has answered. A `Mutex`, as futures of loads are `Sync`; it is never locked.
pub(crate) struct Taking<V>(StdMutex<TierFuture<'static, Option<Taken<V>>>>);

impl<V> Taking<V> {
    fn new(answer: TierFuture<'static, Option<Taken<V>>>) -> Self {
        Self(StdMutex::new(answer))
    }

    /// Blocks this thread.
    pub(crate) fn wait(self) -> Option<Taken<V>> {
        block_on(self)
    }
}

impl<V> Future for Taking<V> {
    type Output = Option<Taken<V>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut PollContext<'_>) -> Poll<Self::Output> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(cx)
    }
}

/// A value of the second level, and what it depends on.
pub(crate) struct Taken<V> {
    pub(crate) value: V,
    head: ValueHead,
    expires_at: Nanos,
}

impl<V> SharedLoad<V> {
    /// `key`: the bytes of its key.
    pub(crate) fn new<K>(
        shared: &Shared,
        store: &Store<K, V>,
        scope: Option<&Arc<Scope>>,
        key: &[u8],
        values: ValueEncoding<V>,
        take: TakeFn<V>,
    ) -> Self {
        let prefix = shared.prefix(store.number, || prefix_of::<K, V>(&store.query, store.instance));
        let tier_key = prefix.map(|prefix| {
            // The length keeps scope and key apart. No scope is as long as the root is said to be: its name may be empty.
            let (length, scope) = scope.map_or((u32::MAX, &[][..]), |scope| {
                (u32::try_from(scope.name.len()).unwrap_or(u32::MAX - 1), scope.name.as_bytes())
            });
            [&*prefix, &length.to_be_bytes(), scope, key].concat().into()
        });
        Self { mark: mark::key_hash(key), key: tier_key, values, born: shared.log.applied(), take }
    }

    pub(crate) fn mark(&self) -> u64 {
        self.mark
    }

    pub(crate) fn ask(&self, engine: &Arc<Engine>) -> Option<Taking<V>> {
        (self.take)(self, engine)
    }
}

impl<V: Send + Sync + 'static> SharedLoad<V> {
    /// What the second level has. `None` if nothing was heard of the log yet, or the load is not to ask.
    pub(crate) fn take(&self, engine: &Arc<Engine>) -> Option<Taking<V>> {
        let (shared, key, decode_value) = (engine.shared()?.clone(), self.key.clone()?, self.values.decode);
        self.born?;
        if !shared.log.lease.is_live_now() {
            // What was heard is not enough to accept anything.
            return None;
        }
        // Before it is asked for: it expires no later.
        let now = engine.timeline().time.now();
        Some(Taking::new(Box::pin(async move {
            let stored = match shared.tier.get(&key).await {
                Ok(Some(stored)) => stored,
                Ok(None) => {
                    shared.counters.misses.count();
                    return None;
                }
                Err(_) => {
                    shared.counters.failed_gets.count();
                    return None;
                }
            };
            let read = decode::<ValueHead>(&stored.value).and_then(|(head, value)| {
                // What is refused may be of other types, which have changed since.
                let is_accepted = shared.log.heard.lock().accepts(&head);
                if is_accepted { Ok(Some((head, decode_value(value)?))) } else { Ok(None) }
            });
            match read {
                Ok(Some((head, value))) => {
                    let expires_at = now.saturating_add(saturating_nanos(stored.expires_in));
                    Some(Taken { value, head, expires_at })
                }
                Ok(None) => {
                    shared.counters.refused.count();
                    None
                }
                Err(_) => {
                    shared.counters.undecodable.count();
                    drop(shared.tier.remove(&key).await);
                    None
                }
            }
        })))
    }

    /// Stores a value that was loaded and stored here. `None` if others could not know what it depends on.
    pub(crate) fn put(
        &self,
        engine: &Arc<Engine>,
        value: &V,
        depends_on: &TagSet,
        expires_in: Nanos,
    ) -> Option<Ticket> {
        let (shared, key, born) = (engine.shared()?.clone(), self.key.clone()?, self.born?);
        let places = places_of(depends_on)?;
        let mut bytes = encode(&ValueHead { epoch: born.epoch, born: born.id, places });
        let encoded = (self.values.encode)(value, &mut bytes);
        let expires_in = Duration::from_nanos(expires_in).min(LONGEST);
        Some(Ticket::of(Box::pin(async move {
            let outcome = match encoded {
                Ok(()) => shared.tier.put(&key, bytes, expires_in).await,
                Err(error) => Err(error),
            };
            let counters = &shared.counters;
            match outcome {
                Ok(PutOutcome::Stored) => counters.puts.count(),
                Ok(PutOutcome::TooLarge) => counters.too_large.count(),
                Err(_) => counters.failed_puts.count(),
            }
        })))
    }
}

/// What the keys of a store begin with in the second level: the names of its query and types.
///
/// Where the name of a type may stand for several, or two queries are alike but for their place, nothing is there. A compiler or release that writes a name differently
/// finds nothing of the other.
fn prefix_of<K, V>(query: &QueryState, instance: TypeId) -> Option<Arc<[u8]>> {
    let QueryState { module, owner, name, number, .. } = query;
    let types = type_name::<(K, V)>();
    let is_ambiguous = |name: &str| name.contains("{{") || name.contains("impl ");
    // In these values `Some` and `None` would be written alike.
    let is_lossy = ["Option<core::option::Option<", "Option<()>"].iter().any(|lossy| types.contains(lossy));
    if instance != TypeId::of::<()>() || is_ambiguous(owner) || is_ambiguous(types) || is_lossy {
        return None;
    }
    let item = item_of(*number)?;
    let identity = mark::key_hash(format!("{module} {item} {owner} {name} {types}").as_bytes());
    Some(format!("{name}:{identity:016x}:").into_bytes().into())
}

/// Where the value of a load is from.
pub(crate) enum Source {
    Body,
    SecondLevel {
        /// The nodes of what it depends on.
        nodes: Vec<TagRef>,
        expires_at: Nanos,
    },
}

impl Source {
    pub(crate) fn is_body(&self) -> bool {
        matches!(self, Self::Body)
    }

    pub(crate) fn expires_at(&self) -> Nanos {
        match self {
            Self::Body => FOREVER,
            Self::SecondLevel { expires_at, .. } => *expires_at,
        }
    }

    /// Attaches what the value depends on, beside the load's own tags, as if the body had read it.
    pub(crate) fn attach(&self, context: &Context, late: &TagSet) {
        let Self::SecondLevel { nodes, expires_at } = self else { return };
        let is_own = |node: &&TagRef| context.tags.has(node) || late.has(node);
        let read: TagSet = nodes.iter().filter(|node| !is_own(node)).cloned().collect();
        if read.len() > 0 {
            context.attach_taken(read, *expires_at);
        }
    }
}

impl<V> Taken<V> {
    /// `None` if it may be outdated. What is invalidated after this call finds the nodes.
    pub(crate) fn accept(self, engine: &Engine) -> Option<(V, Source)> {
        let nodes = self.nodes(engine);
        self.is_accepted(engine.shared()?)
            .then_some((self.value, Source::SecondLevel { nodes, expires_at: self.expires_at }))
    }

    fn nodes(&self, engine: &Engine) -> Vec<TagRef> {
        let is_named_by_key =
            |name: &str| self.head.places.iter().any(|place| mark::parse(&place.mark) == Some(Mark::Key(name)));
        let mut nodes: Vec<TagRef> = Vec::new();
        for Place { scope, mark } in &self.head.places {
            let scope = scope.as_deref().map(|scope| engine.scope(scope));
            nodes.push(engine.tag_node(scope.as_ref(), Tag::from(&**mark)));
            if let Some(Mark::Query(name)) = mark::parse(mark)
                && !is_named_by_key(name)
            {
                // Keys of that query are named here by what others do not know.
                nodes.push(engine.tag_node(scope.as_ref(), Tag::from(mark::of_any_key(name).as_str())));
            }
        }
        nodes
    }

    fn is_accepted(&self, shared: &Shared) -> bool {
        // In this order: what was heard by then is complete until lately.
        let is_accepted = shared.log.lease.is_live_now() && shared.log.heard.lock().accepts(&self.head);
        let counters = &shared.counters;
        if is_accepted {
            counters.hits.count();
        } else {
            counters.refused.count();
        }
        is_accepted
    }
}

/// `None` if it depends on what has no name in other processes.
fn places_of(depends_on: &TagSet) -> Option<Vec<Place>> {
    let mut places = Vec::new();
    if depends_on.has_foreign() {
        return None;
    }
    depends_on.each_tag(&mut |tag, scope| {
        let scope = scope.map(|scope| (*scope.name).into());
        places.push(Place { scope, mark: tag.as_str().into() });
    });
    (places.len() <= MANY).then_some(places)
}
