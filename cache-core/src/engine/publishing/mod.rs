//! Own invalidations, as other processes hear of them.

use std::collections::HashSet;
use std::time::Duration;

use smol_str::SmolStr;

use crate::engine::Engine;
use crate::engine::target::{ScopedTarget, TargetRef};
use crate::query::state::QueryState;
use crate::shared::error::PublishError;
use crate::shared::mark;
use crate::shared::record::{Place, Record, encode};
use crate::shared::ticket::Ticket;
use crate::shared::tier::{Publication, TierFuture};
use crate::tag::Tag;
use crate::version::scope::ScopeRef;
use crate::version::tag_set::TagSet;

/// How long an announced write may take before others no longer wait for its outcome.
const INTENT: Duration = Duration::from_secs(30);

/// What other processes hear of an invalidation beside its targets.
#[derive(Clone, Copy, Default)]
pub(crate) struct Published<'a> {
    /// Of queries, also of those that this process does not know.
    pub(crate) names: &'a [(ScopeRef<'a>, &'a str)],
    /// If it is the outcome of an announced write.
    pub(crate) ends: Option<Announced>,
    /// If the write may still happen, for how long.
    pub(crate) may_happen_for: Option<Duration>,
}

/// A record that is about to be published. Its places are pending.
pub(crate) struct Prepared<'a> {
    record: Record,
    marks: Vec<(ScopeRef<'a>, SmolStr)>,
}

impl<'a> Prepared<'a> {
    /// What the invalidation means to values here that came from the second level.
    pub(crate) fn marks(&self) -> &[(ScopeRef<'a>, SmolStr)] {
        &self.marks
    }
}

/// An announced write: what other processes do not store until its outcome.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Announced {
    token: u64,
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn place(scope: ScopeRef<'_>, mark: &str) -> Place {
    Place { scope: scope.map(|scope| (*scope.name).into()), mark: mark.into() }
}

/// What a target means to other processes.
fn place_of(ScopedTarget { scope, target, .. }: &ScopedTarget<'_>) -> Place {
    match target {
        TargetRef::Everything => place(*scope, mark::EVERYTHING),
        TargetRef::Tag(tag) => place(*scope, tag),
        TargetRef::Key(query, key) if key.mark > 0 => place(*scope, &mark::of_key(query.name, key.mark)),
        // For other keys they have no name.
        TargetRef::Query(query) | TargetRef::Key(query, _) => place(*scope, &mark::of_query(query.name)),
    }
}

fn marks_of<'a>(ScopedTarget { scope, target, .. }: &ScopedTarget<'a>, marks: &mut Vec<(ScopeRef<'a>, SmolStr)>) {
    match target {
        TargetRef::Everything | TargetRef::Tag(_) => {}
        TargetRef::Query(query) => marks.push((*scope, mark::of_query(query.name))),
        TargetRef::Key(query, key) => {
            marks.push((*scope, mark::of_any_key(query.name)));
            if key.mark > 0 {
                marks.push((*scope, mark::of_key(query.name, key.mark)));
            }
        }
    }
}

impl Engine {
    /// The mark that all loads of a query have.
    pub(crate) fn mark_of(&self, query: &QueryState) -> Option<Tag> {
        self.shared().filter(|_| query.is_named()).map(|_| Tag::from(mark::of_query(query.name).as_str()))
    }

    /// What an answer depends on that there is no entry.
    pub(crate) fn absence_marks(&self, scope: ScopeRef<'_>, query: &QueryState) -> TagSet {
        if self.shared().is_none() || !query.is_named() {
            return TagSet::default();
        }
        let marks = [mark::of_query(query.name), mark::of_any_key(query.name)];
        marks.iter().map(|mark| self.tag_node(scope, Tag::from(mark.as_str()))).collect()
    }

    /// Called before anything is invalidated here. `None` if nobody is to hear of it.
    pub(crate) fn prepare<'a>(&self, targets: &[ScopedTarget<'a>], published: Published<'a>) -> Option<Prepared<'a>> {
        let log = &self.shared()?.log;
        let Published { names, ends, may_happen_for } = published;
        let mut places: Vec<Place> = targets.iter().map(place_of).collect();
        let mut marks = Vec::new();
        for target in targets {
            marks_of(target, &mut marks);
        }
        for (scope, name) in names {
            let mark = mark::of_query(name);
            places.push(place(*scope, &mark));
            marks.push((*scope, mark));
        }
        if places.is_empty() && ends.is_none() {
            return None;
        }
        // A transaction of many writes names one place often.
        if places.len() > 1 {
            let mut seen = HashSet::new();
            places.retain(|place| seen.insert(place.clone()));
        }
        let record = Record {
            origin: log.origin,
            token: log.next_token(),
            intent: may_happen_for.map(millis),
            ends: ends.map(|announced| announced.token),
            places,
        };
        log.heard.lock().begin_own(record.token, &record.places);
        Some(Prepared { record, marks })
    }

    /// Called after everything is invalidated here.
    pub(crate) fn publish(&self, Prepared { record, .. }: &Prepared<'_>) -> Ticket {
        let Some(shared) = self.shared() else { return Ticket::default() };
        let publication = Publication { token: record.token, record: encode(record), is_intent: false };
        let answer = shared.tier.publish(publication);
        Ticket::of(Box::pin(async move {
            // If it failed, the tier goes on trying: `SharedStats::unpublished` counts it.
            drop(answer.await);
        }))
    }

    /// Announces a write, so that other processes store nothing of what it names until its outcome. `None` without a tier.
    pub(crate) fn announce(
        &self,
        targets: &[ScopedTarget<'_>],
    ) -> Option<TierFuture<'static, Result<Announced, PublishError>>> {
        let shared = self.shared()?;
        let log = shared.log.clone();
        let (token, intent) = (log.next_token(), Some(millis(INTENT)));
        let places = targets.iter().map(place_of).collect();
        let record = Record { origin: log.origin, token, intent, ends: None, places };
        log.heard.lock().begin_own(token, &record.places);
        let publication = Publication { token, record: encode(&record), is_intent: true };
        let answer = shared.tier.publish(publication);
        Some(Box::pin(async move {
            match answer.await {
                Ok(_) => Ok(Announced { token }),
                Err(error) => {
                    log.heard.lock().give_up(token);
                    log.counters.refused_mutations.count();
                    Err(error)
                }
            }
        }))
    }
}
