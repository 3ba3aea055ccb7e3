//! Who watches the cache.
//!
//! Hits tell nobody, so the counters are looked at: four times a second while somebody watches. All viewers share the last
//! snapshot: one that is slow skips those before, and holds no other. If nothing has changed but what is known of other
//! processes, as the lag, they get only that.

use std::{mem, sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch},
    time::{MissedTickBehavior, interval},
};

use super::{App, snapshot::Snapshot};

/// How many may watch at once.
pub(super) const MAX_VIEWERS: usize = 64;
/// The least time between two snapshots.
const PERIOD: Duration = Duration::from_millis(250);

impl App {
    /// Shows viewers what has changed, for ever.
    pub(super) async fn publish(self: &Arc<Self>) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if self.live.has_viewers() {
                self.publish_changes().await;
            }
        }
    }

    async fn publish_changes(self: &Arc<Self>) {
        let _turn = self.live.turn.lock().await;
        let snapshot = self.snapshot().await;
        self.live.latest.send_if_modified(|latest| {
            let is_new = latest.as_ref().is_none_or(|latest| {
                latest.content != snapshot.content || latest.other_processes != snapshot.other_processes
            });
            if is_new {
                *latest = Some(Arc::new(snapshot));
            }
            is_new
        });
    }

    /// `None` if there are too many viewers.
    pub(super) async fn view(self: Arc<Self>, stopped: watch::Receiver<bool>) -> Option<Viewer> {
        let permit = self.live.viewers.clone().try_acquire_owned().ok()?;
        // Nothing is published meanwhile: what comes from `latest` is younger than the first snapshot.
        let _turn = self.live.turn.lock().await;
        let latest = self.live.latest.subscribe();
        let first = Arc::new(self.snapshot().await);
        Some(Viewer { first: Some(first.clone()), seen: first, latest, stopped, _permit: permit })
    }
}

pub(super) struct Live {
    /// Held while a snapshot is taken, so that they are published in their order.
    turn: Mutex<()>,
    latest: watch::Sender<Option<Arc<Snapshot>>>,
    viewers: Arc<Semaphore>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            turn: Mutex::default(),
            latest: watch::Sender::default(),
            viewers: Arc::new(Semaphore::new(MAX_VIEWERS)),
        }
    }
}

impl Live {
    fn has_viewers(&self) -> bool {
        self.viewers.available_permits() < MAX_VIEWERS
    }
}

/// One who watches.
pub(super) struct Viewer {
    first: Option<Arc<Snapshot>>,
    /// The last that this viewer got.
    seen: Arc<Snapshot>,
    latest: watch::Receiver<Option<Arc<Snapshot>>>,
    stopped: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

/// What a viewer gets, as JSON.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    Snapshot(Arc<str>),
    /// What has changed since the snapshot before.
    OtherProcesses(String),
}

impl Viewer {
    /// What is new; `None` when the service ends.
    pub(super) async fn next(&mut self) -> Option<News> {
        if let Some(first) = self.first.take() {
            return Some(News::Snapshot(first.json.clone()));
        }
        loop {
            tokio::select! {
                _ = self.stopped.wait_for(|stopped| *stopped) => return None,
                changed = self.latest.changed() => changed.ok()?,
            }
            let latest = self.latest.borrow_and_update().clone()?;
            let seen = mem::replace(&mut self.seen, latest);
            if self.seen.content != seen.content {
                return Some(News::Snapshot(self.seen.json.clone()));
            }
            if let Some(others) =
                self.seen.other_processes.as_ref().filter(|_| self.seen.other_processes != seen.other_processes)
            {
                return Some(News::OtherProcesses(others.json()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_lite::future::poll_once;
    use serde_json::Value;
    use tempfile::TempDir;
    use tokio::sync::watch;

    use super::News;
    use crate::{
        database::Database,
        http::{App, Settings},
        model::{NewTrack, TrackId},
        repository::MusicRepository,
    };

    #[tokio::test]
    async fn a_slow_viewer_gets_the_last_snapshot_and_holds_no_other() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("library.db");
        let new = NewTrack { id: Some(TrackId(1)), title: "One".to_owned(), ..NewTrack::default() };
        Database::open(&file).unwrap().add_track(&new).unwrap();
        let app = Arc::new(App::open(&file, Settings::default()).await.unwrap());
        let (stopping, stopped) = watch::channel(false);

        let mut viewer = app.clone().view(stopped).await.unwrap();
        viewer.next().await.unwrap();
        assert!(app.live.has_viewers());
        let mut published = Vec::new();
        for _ in 0..20 {
            app.library.record_track_play(TrackId(1)).await.unwrap();
            app.publish_changes().await;
            published.push(app.live.latest.borrow().as_ref().map(Arc::downgrade).unwrap());
        }
        let last = published.pop().unwrap();
        assert!(last.upgrade().is_some() && published.iter().all(|snapshot| snapshot.upgrade().is_none()));
        let Some(News::Snapshot(next)) = viewer.next().await else { panic!("there is one") };
        let next: Value = serde_json::from_str(&next).unwrap();
        assert_eq!(next["mutations"].as_array().unwrap().len(), 20);

        // Nothing has happened since.
        app.publish_changes().await;
        assert!(poll_once(viewer.next()).await.is_none());
        stopping.send_replace(true);
        assert_eq!(viewer.next().await, None);
        drop(viewer);
        assert!(!app.live.has_viewers());
    }
}
