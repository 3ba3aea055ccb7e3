//! What visitors have changed, and whether an answer may be without it.
//!
//! Whatever can change has a *version*, which only grows and which answers show: a track's plays, the number of its edit
//! in its title, and whether it is a favourite, which it is by every odd version. When a change has returned, its version
//! is *finished*. An answer is stale if a later version than it shows was finished before it was asked for.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

use crate::{
    Page, Track, TrackId, TrackInfo,
    replay::{Mutation, Step},
    serve::handler::Answer,
};

/// A moment: so many versions were finished before.
pub(super) type Time = u64;

#[derive(Default)]
pub(super) struct Oracle {
    clock: AtomicU64,
    plays: BTreeMap<TrackId, History>,
    edits: BTreeMap<TrackId, History>,
    favorites: BTreeMap<TrackId, History>,
}

impl Oracle {
    /// Knows what these steps can change. None of it has changed yet.
    pub(super) fn new<'a>(steps: impl Iterator<Item = &'a Step>) -> Self {
        let mut oracle = Self::default();
        for step in steps {
            let (histories, id) = match step {
                Step::Mutation(Mutation::Play(id)) => (&mut oracle.plays, id),
                Step::Mutation(Mutation::Update(id, _)) => (&mut oracle.edits, id),
                Step::Mutation(Mutation::Favorite(id, _)) => (&mut oracle.favorites, id),
                Step::Read(_) | Step::Mutation(Mutation::Add(_) | Mutation::Delete(_)) => continue,
            };
            histories.entry(*id).or_default();
        }
        oracle
    }

    pub(super) fn now(&self) -> Time {
        self.clock.load(Ordering::SeqCst)
    }

    /// Takes notice of a play. The database counts them.
    pub(super) fn played(&self, id: TrackId, plays: u32) {
        self.plays[&id].finish(plays, &self.clock);
    }

    /// The next version of a track's title.
    pub(super) async fn edit(&self, id: TrackId) -> Turn<'_> {
        Turn::take(&self.edits[&id], &self.clock).await
    }

    /// The next version of whether a track is a favourite.
    pub(super) async fn favorite(&self, id: TrackId) -> Turn<'_> {
        Turn::take(&self.favorites[&id], &self.clock).await
    }

    /// Whether an answer to a question asked then may not be given.
    pub(super) fn is_stale(&self, answer: &Answer, asked: Time) -> bool {
        let track = |track: &Track| self.is_stale_track(track, asked);
        let info = |info: &TrackInfo| self.is_stale_info(info, asked);
        match answer {
            Answer::Track(found) => found.as_ref().is_some_and(track),
            Answer::Tracks(page) => page.items.iter().any(track),
            Answer::Infos(page) => page.items.iter().any(info),
            Answer::Favorites(page) => page.items.iter().any(info) || self.are_stale_favorites(page, asked),
        }
    }

    fn is_stale_track(&self, Track { info, plays, .. }: &Track, asked: Time) -> bool {
        let history = self.plays.get(&info.id);
        history.is_some_and(|history| history.is_older(*plays, asked)) || self.is_stale_info(info, asked)
    }

    fn is_stale_info(&self, info: &TrackInfo, asked: Time) -> bool {
        let history = self.edits.get(&info.id);
        history.is_some_and(|history| history.is_older(edit_of(&info.title), asked))
    }

    /// Whether a track is on the page, or is not, that must not be, or must.
    fn are_stale_favorites(&self, page: &Page<TrackInfo>, asked: Time) -> bool {
        let is_whole = page.items.len() == page.total as usize;
        let last = page.items.last().filter(|_| !is_whole);
        let tracks = self.favorites.iter().take_while(|(id, _)| last.is_none_or(|last| **id <= last.id));
        tracks.into_iter().any(|(id, history)| {
            let is_shown = page.items.binary_search_by_key(id, |info| info.id).is_ok();
            history.settled(asked).is_some_and(|version| is_odd(version) != is_shown)
        })
    }
}

/// When each version of one thing was finished. The version that was imported is 0.
#[derive(Default)]
struct History {
    /// Of version 1 first; `None` where a later version has been finished before.
    finished: Mutex<Vec<Option<Time>>>,
    /// The last version begun, where those who change the thing take turns.
    begun: AtomicU32,
    turn: tokio::sync::Mutex<()>,
}

impl History {
    fn finish(&self, version: u32, clock: &AtomicU64) {
        let mut finished = self.finished();
        let index = version as usize - 1;
        if finished.len() <= index {
            finished.resize(index + 1, None);
        }
        // Under the lock: whoever has read this time finds what was finished then.
        finished[index] = Some(clock.fetch_add(1, Ordering::SeqCst) + 1);
    }

    /// Whether a later version had been finished at that time.
    fn is_older(&self, version: u32, time: Time) -> bool {
        self.finished().iter().skip(version as usize).flatten().any(|finished| *finished <= time)
    }

    /// The version that was the last to be finished at that time, if no other has been begun since.
    fn settled(&self, time: Time) -> Option<u32> {
        let finished = self.finished();
        let is_finished = |finished: &Option<Time>| finished.is_some_and(|finished| finished <= time);
        let last = finished.iter().rposition(is_finished).map_or(0, |index| index + 1);
        let begun = self.begun.load(Ordering::SeqCst);
        (begun as usize == last).then_some(begun)
    }

    fn finished(&self) -> MutexGuard<'_, Vec<Option<Time>>> {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to make the next version of a thing. Others wait for theirs, so that versions reach the database in their
/// order.
pub(super) struct Turn<'a> {
    history: &'a History,
    clock: &'a AtomicU64,
    version: u32,
    _guard: tokio::sync::MutexGuard<'a, ()>,
}

impl<'a> Turn<'a> {
    async fn take(history: &'a History, clock: &'a AtomicU64) -> Self {
        let guard = history.turn.lock().await;
        let version = history.begun.fetch_add(1, Ordering::SeqCst) + 1;
        Self { history, clock, version, _guard: guard }
    }

    pub(super) fn version(&self) -> u32 {
        self.version
    }

    pub(super) fn is_odd(&self) -> bool {
        is_odd(self.version)
    }

    /// The change has returned.
    pub(super) fn finish(self) {
        self.history.finish(self.version, self.clock);
    }
}

fn is_odd(version: u32) -> bool {
    version % 2 == 1
}

/// What stands between a title and the number of its edit.
const EDIT: &str = " - edit ";

/// A title that shows its version.
pub(super) fn edited(title: &str, version: u32) -> String {
    format!("{title}{EDIT}{version}")
}

fn edit_of(title: &str) -> u32 {
    title.rsplit_once(EDIT).map_or(0, |(_, version)| version.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::{History, Oracle, edit_of, edited};
    use crate::{
        Page, TrackId,
        replay::{Mutation, Step},
        serve::handler::Answer,
    };
    use std::sync::Arc;

    #[test]
    fn a_version_is_older_when_a_later_one_was_finished_before() {
        let (history, clock) = (History::default(), 0.into());
        // They may return in another order than the database made them in.
        history.finish(2, &clock);
        history.finish(1, &clock);
        let is_older = |version, time| history.is_older(version, time);
        assert!(!is_older(0, 0) && is_older(0, 1) && is_older(0, 2));
        assert!(!is_older(1, 0) && is_older(1, 1));
        assert!(!is_older(2, 2), "there is none later");
    }

    #[tokio::test]
    async fn a_favourite_is_judged_only_when_nobody_has_begun_to_change_it() {
        let id = TrackId(1);
        let oracle = Oracle::new([Step::Mutation(Mutation::Favorite(id, true))].iter());
        let nobody = Answer::Favorites(Arc::new(Page { items: Vec::new(), total: 0 }));
        let before = oracle.now();
        let turn = oracle.favorite(id).await;
        assert!(turn.is_odd() && !oracle.is_stale(&nobody, oracle.now()), "it may have been made or not");
        turn.finish();
        assert!(oracle.is_stale(&nobody, oracle.now()));
        assert!(!oracle.is_stale(&nobody, before), "it was asked for before");
        let turn = oracle.favorite(id).await;
        assert!(!turn.is_odd() && !oracle.is_stale(&nobody, oracle.now()));
    }

    #[test]
    fn a_title_shows_its_edit() {
        assert_eq!(edit_of("Love Me Do"), 0);
        assert_eq!(edit_of(&edited("Love Me Do", 12)), 12);
    }
}
