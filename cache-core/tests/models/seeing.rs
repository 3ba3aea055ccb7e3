//! What is told of a cache that is written meanwhile: the audit blames no write that is right, and a miss knows the write
//! that it is put down to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32 as Count, Ordering::SeqCst};

use cache_core::events::{MissReason, Missed};
use cache_core::{Audit, Cache, HasCache, Observer, cached_query, invalidates};
use shuttle::sync::atomic::{AtomicU32, Ordering};

use crate::support::{Thread, concurrently, explore, explore_switching};

const KEY: u32 = 1;

#[derive(Clone, HasCache)]
struct Repo {
    row: Arc<AtomicU32>,
    cache: Cache,
}

impl Repo {
    /// With a counter of findings.
    fn audited() -> (Self, Arc<Count>) {
        let findings = Arc::<Count>::default();
        let found = findings.clone();
        let audit = Audit::sample(1.0).on_finding(move |_| _ = found.fetch_add(1, SeqCst));
        let cache = Cache::builder().capacity(8).audit(audit).build();
        (Self { row: Arc::default(), cache }, findings)
    }

    fn on(&self, cache: Cache) -> Self {
        Self { cache, ..self.clone() }
    }

    #[cached_query]
    fn number(&self, key: u32) -> u32 {
        let _ = key;
        self.row.load(Ordering::SeqCst)
    }

    #[invalidates(number(KEY))]
    fn write_key(&self) {
        self.row.fetch_add(1, Ordering::SeqCst);
    }

    #[invalidates("number")]
    fn write(&self) {
        self.row.fetch_add(1, Ordering::SeqCst);
    }

    #[invalidates(tags("of no entry"))]
    fn write_too_little(&self) {
        self.row.fetch_add(1, Ordering::SeqCst);
    }

    fn read_twice(&self) -> Thread {
        let repo = self.clone();
        Box::new(move || {
            repo.number(KEY);
            repo.number(KEY);
        })
    }
}

/// Readers against a write, all of whose answers are right when they are given.
fn blames_nobody(write: fn(&Repo)) {
    explore_switching(3, 2, move || {
        let (repo, findings) = Repo::audited();
        repo.number(KEY);
        let writer = repo.clone();
        concurrently([repo.read_twice(), repo.read_twice(), Box::new(move || write(&writer))]);
        repo.number(KEY);
        assert_eq!(findings.load(SeqCst), 0);
    });
}

#[test]
fn the_audit_blames_no_write_of_a_key() {
    blames_nobody(Repo::write_key);
}

#[test]
fn the_audit_blames_no_write_of_a_query() {
    blames_nobody(Repo::write);
}

#[test]
fn the_audit_blames_no_transaction() {
    blames_nobody(|repo| {
        let transaction = repo.cache.transaction();
        repo.on(transaction.cache()).write();
        transaction.commit();
    });
}

#[test]
fn the_audit_finds_a_write_that_names_too_little_once() {
    explore(|| {
        let (repo, findings) = Repo::audited();
        repo.number(KEY);
        let writer = repo.clone();
        concurrently([repo.read_twice(), repo.read_twice(), Box::new(move || writer.write_too_little())]);
        repo.number(KEY);
        assert_eq!(findings.load(SeqCst), 1, "at the latest when the write is over");
    });
}

/// Counts misses that are put down to no known write.
#[derive(Default)]
struct Unknown(Count);

impl Observer for Unknown {
    fn missed(&self, missed: &Missed<'_>) {
        if missed.reason == MissReason::Invalidated && missed.mutation.is_none() {
            self.0.fetch_add(1, SeqCst);
        }
    }
}

#[test]
fn a_miss_of_what_was_invalidated_knows_by_whom() {
    explore(|| {
        let unknown = Arc::new(Unknown::default());
        let cache = Cache::builder().capacity(8).observer(unknown.clone()).build();
        let repo = Repo { row: Arc::default(), cache };
        repo.number(KEY);
        let (one, other) = (repo.clone(), repo.clone());
        concurrently([
            repo.read_twice(),
            repo.read_twice(),
            Box::new(move || one.write()),
            Box::new(move || other.write_key()),
        ]);
        assert_eq!(unknown.0.load(SeqCst), 0);
    });
}
