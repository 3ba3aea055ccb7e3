//! Writes that put what they return.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use cache_core::{Cache, HasCache, cached_query, entry, invalidates};

use super::mode::block_on;

#[derive(Clone, Debug, PartialEq)]
struct Track {
    id: u32,
    title: String,
}

fn track(id: u32, title: &str) -> Track {
    Track { id, title: title.into() }
}

type Answer = Result<Track, String>;

/// What runs between the write and its return.
type During = Box<dyn FnOnce(&Repo) + Send>;

#[derive(HasCache, Default)]
struct Repo {
    cache: Cache,
    during: Mutex<Option<During>>,
}

impl Repo {
    fn with(during: impl FnOnce(&Repo) + Send + 'static) -> Self {
        Self { during: Mutex::new(Some(Box::new(during))), ..Self::default() }
    }

    fn on(&self, cache: Cache) -> Self {
        Self { cache, during: Mutex::new(self.during.lock().unwrap().take()) }
    }

    #[cached_query(ttl = "1m", tags("track:{id}"))]
    async fn find(&self, id: u32) -> Option<Track> {
        Some(track(id, "loaded"))
    }

    #[cached_query]
    async fn get(&self, id: u32) -> Answer {
        Ok(track(id, "loaded"))
    }

    #[cached_query]
    async fn page(&self) -> u32 {
        1
    }

    #[cached_query]
    async fn made(&self) -> Answer {
        self.get(1).await
    }

    #[invalidates("page", put get(id), tags("track:{id}"))]
    async fn rename(&self, id: u32, title: &str) -> Answer {
        self.happens();
        if title.is_empty() { Err("no title".into()) } else { Ok(track(id, title)) }
    }

    #[invalidates(put find(id) = |track| Some(track.clone()))]
    async fn rename_found(&self, id: u32, title: &str) -> Answer {
        self.happens();
        Ok(track(id, title))
    }

    #[invalidates(|track| put find(track.id) = Some(track.clone()))]
    async fn add(&self, title: &str) -> Answer {
        self.happens();
        if title.is_empty() { Err("no title".into()) } else { Ok(track(9, title)) }
    }

    #[invalidates(|tracks| for track in tracks { put find(track.id) = Some(track.clone()) })]
    async fn add_all(&self, titles: &[&str]) -> Vec<Track> {
        titles.iter().zip(1..).map(|(title, id)| track(id, title)).collect()
    }

    #[invalidates(put made())]
    async fn put_made(&self) -> Answer {
        Ok(track(1, "put"))
    }

    fn happens(&self) {
        // The lock is released before.
        let during = self.during.lock().unwrap().take();
        if let Some(during) = during {
            during(self);
        }
    }

    fn titles(&self, id: u32) -> [Option<String>; 2] {
        let found = entry!(self.find(id)).get().flatten();
        [entry!(self.get(id)).get().map(|track| track.title), found.map(|track| track.title)]
    }
}

#[test]
fn what_a_write_returns_is_the_next_answer() {
    let repo = Repo::default();
    for id in [1, 2] {
        block_on(repo.get(id)).unwrap();
        block_on(repo.find(id));
    }
    block_on(repo.page());
    block_on(repo.rename(1, "new")).unwrap();
    assert_eq!(repo.titles(1), [Some("new".into()), None], "the tag of the other is a target");
    assert_eq!(repo.titles(2), ["loaded"; 2].map(|title| Some(title.into())));
    block_on(repo.rename_found(1, "found")).unwrap();
    assert_eq!(block_on(repo.find(1)), Some(track(1, "found")));
    block_on(repo.add("added")).unwrap();
    assert_eq!(block_on(repo.find(9)), Some(track(9, "added")));
    block_on(repo.add_all(&["a", "b"]));
    assert_eq!((block_on(repo.find(1)), block_on(repo.find(2))), (Some(track(1, "a")), Some(track(2, "b"))));
    repo.cache.invalidate_tags(["track:2"]);
    assert_eq!(block_on(repo.find(2)), Some(track(2, "loaded")), "it has the tags of the query");
    repo.cache.check_invariants();
}

#[test]
fn p15_what_was_made_from_the_last_answer_is_forgotten() {
    let repo = Repo::default();
    block_on(repo.made()).unwrap();
    block_on(repo.rename(1, "new")).unwrap();
    assert_eq!(block_on(repo.made()), Ok(track(1, "new")));
}

#[test]
fn p11_without_a_value_a_put_is_an_invalidation() {
    let repo = Repo::default();
    block_on(repo.get(1)).unwrap();
    block_on(repo.rename(1, "")).unwrap_err();
    assert_eq!(repo.titles(1)[0], None);
    block_on(repo.find(1));
    block_on(repo.add("")).unwrap_err();
    assert_eq!(repo.titles(1)[1], None, "the id is not known: the whole query");
    let repo = Repo::with(|_| panic!("in the body"));
    block_on(repo.get(1)).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| block_on(repo.rename(1, "new")))).is_err());
    assert_eq!(repo.titles(1)[0], None);
}

#[test]
fn p1_a_value_is_refused_if_anything_was_invalidated_since_the_write_began() {
    let invalidations: [fn(&Repo); 6] = [
        |repo| _ = entry!(repo.get(1)).invalidate(),
        |repo| _ = entry!(repo.get(1)).insert(track(1, "other")),
        |repo| drop(block_on(repo.rename(1, "other"))),
        |repo| repo.cache.invalidate(["get"]),
        |repo| repo.cache.invalidate_all(),
        |repo| {
            let transaction = repo.cache.transaction();
            drop(block_on(repo.on(transaction.cache()).rename(1, "other")));
            transaction.commit();
        },
    ];
    for invalidate in invalidations {
        let repo = Repo::with(invalidate);
        block_on(repo.rename(1, "new")).unwrap();
        assert_eq!(repo.titles(1)[0], None, "another write may have come between");
        block_on(repo.rename(1, "new")).unwrap();
        assert_eq!(repo.titles(1)[0].as_deref(), Some("new"));
    }
    // The key is known only at the end: any key of the query counts.
    let repo = Repo::with(|repo| _ = entry!(repo.find(8)).invalidate());
    block_on(repo.add("new")).unwrap();
    assert_eq!(repo.titles(9)[1], None);
    // Of a key that is known before, it does not.
    let repo = Repo::with(|repo| _ = entry!(repo.get(8)).invalidate());
    block_on(repo.rename(1, "new")).unwrap();
    assert_eq!(repo.titles(1)[0].as_deref(), Some("new"));
}

#[test]
fn a_load_that_began_after_the_write_keeps_its_place() {
    let repo = Repo::default();
    block_on(repo.rename(1, "new")).unwrap();
    let stats = repo.cache.stats();
    assert_eq!((stats.loads, stats.invalidations, repo.cache.len()), (0, 3, 1));
}

#[test]
fn p17_in_a_transaction_and_through_a_bypassing_handle_a_put_is_an_invalidation() {
    let repo = Repo::default();
    block_on(repo.get(1)).unwrap();
    let transaction = repo.cache.transaction();
    block_on(repo.on(transaction.cache()).rename(1, "new")).unwrap();
    assert_eq!(repo.titles(1)[0].as_deref(), Some("loaded"));
    transaction.commit();
    assert_eq!(repo.titles(1)[0], None);
    block_on(repo.get(1)).unwrap();
    block_on(repo.on(repo.cache.bypass()).rename(1, "new")).unwrap();
    assert_eq!(repo.titles(1)[0], None);
    block_on(repo.on(repo.cache.refresh()).rename(1, "new")).unwrap();
    assert_eq!(repo.titles(1)[0].as_deref(), Some("new"));
}

#[test]
fn p15_a_put_for_a_query_that_reads_others_is_an_invalidation() {
    let repo = Repo::default();
    block_on(repo.made()).unwrap();
    block_on(repo.put_made()).unwrap();
    assert!(!entry!(repo.made()).is_cached());
}

#[test]
fn a_put_in_a_scope_stays_in_it() {
    let repo = Repo::default();
    let (one, two) = (repo.on(repo.cache.scope("1")), repo.on(repo.cache.scope("2")));
    block_on(one.rename(1, "new")).unwrap();
    assert_eq!((one.titles(1)[0].as_deref(), two.titles(1)[0].as_deref()), (Some("new"), None));
    block_on(repo.rename(1, "newer")).unwrap();
    assert_eq!(one.titles(1)[0], None, "the root reaches the key in every scope");
    assert_eq!(repo.titles(1)[0].as_deref(), Some("newer"));
}
