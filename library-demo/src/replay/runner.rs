//! Workloads as data, and how one is played against a library under a policy.

use std::time::{Duration, Instant};

use cache_core::{Cache, HasCache};

use crate::{DbError, ImportError, LibraryManager, NewTrack, TrackChanges, TrackId, replay::fresh_library};

/// How many rows every paged read of a workload asks for.
pub const PAGE: u32 = 50;

/// A question to the library; the paged ones ask for the first page unless an offset is given.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Read {
    /// `get_all_tracks`
    AllTracks {
        /// How many tracks to skip.
        offset: u32,
    },
    /// `get_track`
    Track(TrackId),
    /// `search_tracks`
    Search(String),
    /// `get_favorite_tracks`
    Favorites,
    /// `get_recent_tracks`
    Recent,
    /// `get_popular_tracks`
    Popular,
}

/// A mutation of the library.
#[derive(Clone, Debug)]
pub enum Mutation {
    /// `add_track`
    Add(NewTrack),
    /// `set_track_favorite`
    Favorite(TrackId, bool),
    /// `record_track_play`
    Play(TrackId),
    /// `update_track`
    Update(TrackId, TrackChanges),
    /// `delete_track`
    Delete(TrackId),
}

/// One operation of a workload.
#[derive(Clone, Debug)]
pub enum Step {
    /// A question.
    Read(Read),
    /// A mutation.
    Mutation(Mutation),
}

/// Whether answers are compared with the database's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Every answer is: the pass that finds stale ones.
    Stale,
    /// None is: the pass whose time means something.
    Nothing,
}

/// What is cached, and what is forgotten at a mutation.
///
/// The manager itself forgets by key where it can. The other policies are made of it: by what its cache can
/// hold, and by what happens after each mutation.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// For the tables.
    pub name: &'static str,
    /// Makes the manager's cache.
    pub cache: fn() -> Cache,
    /// Called after each mutation.
    pub after_mutation: fn(&LibraryManager, &Mutation) -> Result<(), DbError>,
}

impl Policy {
    /// Every read goes to the database.
    pub const NO_CACHE: Self =
        Self { name: "no cache", cache: || Cache::builder().capacity(0).build(), after_mutation: |_, _| Ok(()) };

    /// Every mutation empties the cache.
    pub const CLEAR_EVERYTHING: Self = Self {
        name: "clear everything",
        cache: Cache::new,
        after_mutation: |manager, _| {
            manager.cache().invalidate_all();
            Ok(())
        },
    };

    /// Every mutation forgets the queries it names, whole.
    pub const FORGET_BY_NAME: Self = Self {
        name: "forget by name",
        cache: Cache::new,
        after_mutation: |manager, mutation| {
            // No row shows the flag.
            if !matches!(mutation, Mutation::Favorite(..)) {
                manager.cache().invalidate(["get_track"]);
            }
            Ok(())
        },
    };

    /// Every mutation forgets the single entry where that is known, and else the queries it names.
    pub const FORGET_BY_KEY: Self = Self { name: "forget by key", cache: Cache::new, after_mutation: |_, _| Ok(()) };
}

/// What playing some steps came to.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Reads asked.
    pub reads: u64,
    /// Reads answered from the cache, as the cache counts them.
    pub hits: u64,
    /// Statements the database was sent, by reads and mutations, and also by the check if there was
    /// one.
    pub queries: u64,
    /// Answers that were not what the database would have said.
    pub stale: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// A freshly imported library under a policy.
pub struct Player {
    manager: LibraryManager,
    policy: Policy,
}

impl Player {
    /// Imports the library.
    ///
    /// # Errors
    ///
    /// If that fails.
    pub fn new(policy: Policy) -> Result<Self, ImportError> {
        let manager = LibraryManager::new(fresh_library()?, (policy.cache)());
        Ok(Self { manager, policy })
    }

    /// Plays some steps, one after the other.
    ///
    /// # Errors
    ///
    /// At the first step that fails.
    pub fn play(&self, steps: &[Step], check: Check) -> Result<Outcome, DbError> {
        let (mut reads, mut stale) = (0, 0);
        let hits_before = self.manager.cache().stats().hits;
        let queries_before = self.manager.database().queries();
        let start = Instant::now();
        for step in steps {
            match step {
                Step::Read(read) => {
                    reads += 1;
                    stale += u64::from(self.ask(read, check)? == Answer::Stale);
                }
                Step::Mutation(mutation) => {
                    self.make(mutation)?;
                    (self.policy.after_mutation)(&self.manager, mutation)?;
                }
            }
        }
        Ok(Outcome {
            elapsed: start.elapsed(),
            reads,
            hits: self.manager.cache().stats().hits - hits_before,
            queries: self.manager.database().queries() - queries_before,
            stale,
        })
    }

    fn ask(&self, read: &Read, check: Check) -> Result<Answer, DbError> {
        let (manager, database) = (&self.manager, self.manager.database());
        match read {
            Read::AllTracks { offset } => {
                check.compare(&manager.get_all_tracks(PAGE, *offset)?, || database.get_all_tracks(PAGE, *offset))
            }
            Read::Track(id) => check.compare(&manager.get_track(*id)?, || database.get_track(*id)),
            Read::Search(text) => {
                check.compare(&manager.search_tracks(text, PAGE, 0)?, || database.search_tracks(text, PAGE, 0))
            }
            Read::Favorites => {
                check.compare(&manager.get_favorite_tracks(PAGE, 0)?, || database.get_favorite_tracks(PAGE, 0))
            }
            Read::Recent => check.compare(&manager.get_recent_tracks(PAGE, 0)?, || database.get_recent_tracks(PAGE, 0)),
            Read::Popular => {
                check.compare(&manager.get_popular_tracks(PAGE, 0)?, || database.get_popular_tracks(PAGE, 0))
            }
        }
    }

    fn make(&self, mutation: &Mutation) -> Result<(), DbError> {
        match mutation {
            Mutation::Add(new) => self.manager.add_track(new).map(drop),
            Mutation::Favorite(id, favorite) => self.manager.set_track_favorite(*id, *favorite),
            Mutation::Play(id) => self.manager.record_track_play(*id).map(drop),
            Mutation::Update(id, changes) => self.manager.update_track(*id, changes).map(drop),
            Mutation::Delete(id) => self.manager.delete_track(*id),
        }
    }
}

#[derive(PartialEq, Eq)]
enum Answer {
    /// What the database says, or not compared.
    Good,
    Stale,
}

impl Check {
    fn compare<T: PartialEq>(
        self,
        answer: &T,
        ask_database: impl FnOnce() -> Result<T, DbError>,
    ) -> Result<Answer, DbError> {
        Ok(match self {
            Self::Stale if *answer != ask_database()? => Answer::Stale,
            Self::Stale | Self::Nothing => Answer::Good,
        })
    }
}
