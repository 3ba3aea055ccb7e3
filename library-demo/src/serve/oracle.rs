//! Finds stale answers from what clients have changed, and when.
//!
//! Whatever changes has a *version*, which counts up and which answers show: the plays of a track, the number of the
//! edit in its title, and whether it is a favourite (at odd versions). A version is *completed* when its mutation has
//! returned. An answer is stale if a version later than the one it shows was completed before the read began.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

use crate::{
    model::{Page, Track, TrackId, TrackInfo},
    serve::answer::Answer,
    workload::{Mutation, Step},
};

/// The number of earlier completed versions.
pub(super) type Timestamp = u64;

#[derive(Default)]
pub(super) struct Oracle {
    clock: AtomicU64,
    plays: BTreeMap<TrackId, History>,
    edits: BTreeMap<TrackId, History>,
    favorites: BTreeMap<TrackId, History>,
}

impl Oracle {
    /// For the changes of these steps, at version 0.
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

    pub(super) fn now(&self) -> Timestamp {
        self.clock.load(Ordering::SeqCst)
    }

    /// Records a play, with the database's count as the version.
    pub(super) fn played(&self, id: TrackId, plays: u32) {
        self.plays[&id].complete(plays, &self.clock);
    }

    pub(super) async fn begin_edit(&self, id: TrackId) -> Change<'_> {
        Change::begin(&self.edits[&id], &self.clock).await
    }

    pub(super) async fn begin_favorite(&self, id: TrackId) -> Change<'_> {
        Change::begin(&self.favorites[&id], &self.clock).await
    }

    /// Whether an answer to a read that began at `asked` is stale.
    pub(super) fn is_stale(&self, answer: &Answer, asked: Timestamp) -> bool {
        let track = |track: &Track| self.is_stale_track(track, asked);
        let info = |info: &TrackInfo| self.is_stale_info(info, asked);
        match answer {
            Answer::Track(found) => found.as_ref().is_some_and(track),
            Answer::Tracks(page) => page.items.iter().any(track),
            Answer::Infos(page) => page.items.iter().any(info),
            Answer::Favorites(page) => page.items.iter().any(info) || self.are_stale_favorites(page, asked),
        }
    }

    fn is_stale_track(&self, Track { info, plays, .. }: &Track, asked: Timestamp) -> bool {
        let history = self.plays.get(&info.id);
        history.is_some_and(|history| history.is_stale(*plays, asked)) || self.is_stale_info(info, asked)
    }

    fn is_stale_info(&self, info: &TrackInfo, asked: Timestamp) -> bool {
        let history = self.edits.get(&info.id);
        history.is_some_and(|history| history.is_stale(edit_of(&info.title), asked))
    }

    /// Whether the page lacks a favourite, or shows a track that is not one.
    fn are_stale_favorites(&self, page: &Page<TrackInfo>, asked: Timestamp) -> bool {
        let is_whole = page.items.len() == page.total as usize;
        let last = page.items.last().filter(|_| !is_whole);
        let tracks = self.favorites.iter().take_while(|(id, _)| last.is_none_or(|last| **id <= last.id));
        tracks.into_iter().any(|(id, history)| {
            let is_shown = page.items.binary_search_by_key(id, |info| info.id).is_ok();
            history.stable_version(asked).is_some_and(|version| is_odd(version) != is_shown)
        })
    }
}

/// When each version of one thing was completed. Version 0 is the imported one.
#[derive(Default)]
struct History {
    /// Version 1 first; `None` while only a later version is completed.
    completed: Mutex<Vec<Option<Timestamp>>>,
    /// The last version begun.
    begun: AtomicU32,
    /// Held by the one [`Change`] in progress.
    change: tokio::sync::Mutex<()>,
}

impl History {
    fn complete(&self, version: u32, clock: &AtomicU64) {
        let mut completed = self.completed();
        let index = version as usize - 1;
        if completed.len() <= index {
            completed.resize(index + 1, None);
        }
        // Under the lock: a reader of this time also finds what was completed by then.
        completed[index] = Some(clock.fetch_add(1, Ordering::SeqCst) + 1);
    }

    /// Whether a later version was completed by `time`.
    fn is_stale(&self, version: u32, time: Timestamp) -> bool {
        self.completed().iter().skip(version as usize).flatten().any(|completed| *completed <= time)
    }

    /// The last version completed by `time`, unless another has begun since.
    fn stable_version(&self, time: Timestamp) -> Option<u32> {
        let completed = self.completed();
        let is_completed = |completed: &Option<Timestamp>| completed.is_some_and(|completed| completed <= time);
        let last = completed.iter().rposition(is_completed).map_or(0, |index| index + 1);
        let begun = self.begun.load(Ordering::SeqCst);
        (begun as usize == last).then_some(begun)
    }

    fn completed(&self) -> MutexGuard<'_, Vec<Option<Timestamp>>> {
        self.completed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A version in progress. The next waits for it: versions reach the database in order.
pub(super) struct Change<'a> {
    history: &'a History,
    clock: &'a AtomicU64,
    version: u32,
    _guard: tokio::sync::MutexGuard<'a, ()>,
}

impl<'a> Change<'a> {
    async fn begin(history: &'a History, clock: &'a AtomicU64) -> Self {
        let guard = history.change.lock().await;
        let version = history.begun.fetch_add(1, Ordering::SeqCst) + 1;
        Self { history, clock, version, _guard: guard }
    }

    pub(super) fn version(&self) -> u32 {
        self.version
    }

    pub(super) fn is_odd(&self) -> bool {
        is_odd(self.version)
    }

    /// Call it when the mutation has returned.
    pub(super) fn complete(self) {
        self.history.complete(self.version, self.clock);
    }
}

fn is_odd(version: u32) -> bool {
    version % 2 == 1
}

/// Separates a title from the number of its edit.
const EDIT: &str = " - edit ";

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
        model::{Page, TrackId},
        serve::answer::Answer,
        workload::{Mutation, Step},
    };
    use std::sync::Arc;

    #[test]
    fn a_version_is_stale_once_a_later_one_is_completed() {
        let (history, clock) = (History::default(), 0.into());
        // Mutations may return in another order than that of the database.
        history.complete(2, &clock);
        history.complete(1, &clock);
        let is_stale = |version, time| history.is_stale(version, time);
        assert!(!is_stale(0, 0) && is_stale(0, 1) && is_stale(0, 2));
        assert!(!is_stale(1, 0) && is_stale(1, 1));
        assert!(!is_stale(2, 2), "there is none later");
    }

    #[tokio::test]
    async fn a_favourite_is_not_checked_while_a_change_is_in_progress() {
        let id = TrackId(1);
        let oracle = Oracle::new([Step::Mutation(Mutation::Favorite(id, true))].iter());
        let empty = Answer::Favorites(Arc::new(Page { items: Vec::new(), total: 0 }));
        let before = oracle.now();
        let change = oracle.begin_favorite(id).await;
        assert!(change.is_odd() && !oracle.is_stale(&empty, oracle.now()), "in progress");
        change.complete();
        assert!(oracle.is_stale(&empty, oracle.now()));
        assert!(!oracle.is_stale(&empty, before), "the read began before");
        let change = oracle.begin_favorite(id).await;
        assert!(!change.is_odd() && !oracle.is_stale(&empty, oracle.now()));
    }

    #[test]
    fn a_title_shows_its_edit() {
        assert_eq!(edit_of("Love Me Do"), 0);
        assert_eq!(edit_of(&edited("Love Me Do", 12)), 12);
    }
}
