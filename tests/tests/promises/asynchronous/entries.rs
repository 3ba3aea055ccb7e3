//! One entry of a query, by `entry!`.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cache_core::{Cache, HasCache, ManualClock, TaggedCache, cached_query, entry, invalidates};

use super::mode::block_on;

#[derive(Clone, HasCache)]
struct Repo {
    cache: Cache,
    clock: ManualClock,
}

static BODIES: AtomicU32 = AtomicU32::new(0);

impl Repo {
    fn new() -> Self {
        let clock = ManualClock::new();
        Self { cache: Cache::builder().clock(clock.clone()).build(), clock }
    }

    fn on(&self, cache: Cache) -> Self {
        Self { cache, ..self.clone() }
    }

    #[cached_query(ttl = "1m", tags("all", "key:{key}"))]
    async fn text(&self, key: &str, number: u32) -> Option<String> {
        Some(format!("{key}{number}"))
    }

    #[cached_query]
    async fn fails(&self, key: u32) -> Result<u32, String> {
        Ok(key)
    }

    #[cached_query]
    async fn made(&self, key: u32) -> Result<u32, String> {
        Ok(self.fails(key).await? + 1)
    }

    /// Reads an entry without a load.
    #[cached_query]
    async fn peeks(&self) -> (bool, Option<Result<u32, String>>) {
        (entry!(self.fails(1)).is_cached(), entry!(self.fails(2)).get().map(Ok))
    }

    #[cached_query(cache_if = |number| *number < 10, tags_from = |number| [format!("number:{number}")])]
    async fn small(&self) -> u32 {
        1
    }

    #[cached_query(cache_if = |number| *number < limit)]
    async fn limited(&self, limit: u32) -> u32 {
        0
    }

    #[cached_query]
    async fn generic<T: Into<u64> + std::hash::Hash + Eq + Clone + Send + Sync + 'static>(&self, number: T) -> u64 {
        number.into()
    }

    #[cached_query(cache = cache, skip(cache))]
    async fn associated(cache: &Cache, number: u32) -> u32 {
        number
    }

    #[cached_query]
    async fn counted(&self) -> u32 {
        BODIES.fetch_add(1, Ordering::SeqCst)
    }

    #[invalidates("text", "fails", "made")]
    async fn write(&self) {}
}

mod rates {
    #[cache_core::cached_query]
    pub(super) async fn of_entries(currency: &str) -> usize {
        currency.len()
    }
}

#[test]
fn an_entry_is_looked_up_without_its_body() {
    let repo = Repo::new();
    let text = entry!(repo.text("a", 1));
    assert_eq!((text.get(), text.is_cached(), text.info()), (None, false, None));
    block_on(repo.text("a", 1));
    assert_eq!(text.get(), Some(Some("a1".into())));
    assert!(text.is_cached() && !entry!(repo.text("a", 2)).is_cached());
    let info = text.info().expect("it is cached");
    assert_eq!((info.query, info.arguments.as_str(), info.tags.len()), ("text", r#"key = "a", number = 1"#, 2));
    assert_eq!((repo.cache.stats().hits, repo.cache.stats().misses, repo.cache.stats().loads), (1, 2, 1));
    assert!(entry!(repo.counted()).get().is_none() && BODIES.load(Ordering::SeqCst) == 0);
    block_on(repo.counted());
    assert_eq!(BODIES.swap(0, Ordering::SeqCst), 1);
}

#[test]
fn every_kind_of_query_has_entries() {
    let repo = Repo::new();
    assert!(entry!(repo.generic(7_u8)).insert(1) && !entry!(repo.generic(7_u16)).is_cached());
    assert!(entry!(repo.generic::<u32>(7)).insert(2));
    assert!(entry!(Repo::associated(&repo.cache, 1)).insert(9));
    assert_eq!(block_on(Repo::associated(&repo.cache, 1)), 9);
    assert!(entry!(rates::of_entries("EUR")).insert(30));
    assert_eq!(block_on(rates::of_entries("EUR")), 30);
    entry!(rates::of_entries("EUR")).invalidate();
    assert_eq!((block_on(repo.generic(7_u8)), block_on(repo.generic(7_u32))), (1, 2));
    let repo = std::sync::Arc::new(repo);
    assert_eq!(entry!(repo.generic(7_u8)).get(), Some(1));
}

#[test]
fn an_inserted_value_is_an_entry_like_a_loaded_one() {
    let repo = Repo::new();
    assert!(entry!(repo.text("a", 1)).insert(None));
    assert_eq!(block_on(repo.text("a", 1)), None);
    repo.cache.invalidate_tags(["key:b"]);
    assert_eq!(repo.cache.len(), 1);
    repo.cache.invalidate_tags(["key:a"]);
    assert_eq!(repo.cache.len(), 0);
    assert!(entry!(repo.text("a", 1)).insert(None));
    repo.clock.advance(Duration::from_secs(59));
    assert!(entry!(repo.text("a", 1)).is_cached());
    repo.clock.advance(Duration::from_secs(1));
    assert!(!entry!(repo.text("a", 1)).is_cached());
    assert!(entry!(repo.fails(1)).insert(5));
    assert_eq!(block_on(repo.fails(1)), Ok(5));
    block_on(repo.write());
    assert_eq!(block_on(repo.fails(1)), Ok(1));
    repo.cache.check_invariants();
}

#[test]
fn p15_what_was_made_from_an_entry_is_forgotten_when_another_is_inserted() {
    let repo = Repo::new();
    assert_eq!(block_on(repo.made(1)), Ok(2));
    assert!(entry!(repo.fails(1)).insert(7));
    assert_eq!(block_on(repo.made(1)), Ok(8));
    assert!(entry!(repo.fails(1)).invalidate());
    assert_eq!(block_on(repo.made(1)), Ok(2));
}

#[test]
fn p15_an_entry_that_a_body_looks_at_counts_as_read() {
    let repo = Repo::new();
    assert_eq!(block_on(repo.peeks()), (false, None));
    entry!(repo.fails(1)).insert(7);
    assert_eq!(block_on(repo.peeks()), (true, None));
    entry!(repo.fails(2)).insert(8);
    assert_eq!(block_on(repo.peeks()), (true, Some(Ok(8))));
    let outer = TaggedCache::<u32, bool>::new();
    let load = || outer.get_or_load(&1, || entry!(repo.fails(1)).is_cached());
    assert!(load());
    entry!(repo.fails(1)).invalidate();
    assert!(!load());
}

#[test]
fn p15_a_query_that_reads_others_takes_no_insert() {
    let repo = Repo::new();
    assert!(entry!(repo.made(1)).insert(7), "it has not been seen to read others");
    assert_eq!(block_on(repo.made(1)), Ok(7));
    block_on(repo.made(2)).unwrap();
    assert!(!entry!(repo.made(1)).is_cached(), "nobody knows what the inserted value was made from");
    assert!(!entry!(repo.made(1)).insert(7));
    block_on(repo.made(2)).unwrap();
    assert!(entry!(repo.made(2)).is_cached());
    assert!(!entry!(repo.made(2)).insert(7) && !entry!(repo.made(2)).is_cached(), "what was cached is not the value");
}

#[test]
fn an_insert_is_judged_like_a_load() {
    let repo = Repo::new();
    assert_eq!(block_on(repo.small()), 1);
    assert!(entry!(repo.small()).insert(5));
    repo.cache.invalidate_tags(["number:5"]);
    assert!(!entry!(repo.small()).is_cached());
    assert!(entry!(repo.small()).insert(6));
    assert!(!entry!(repo.small()).insert(10), "`cache_if` refuses it");
    assert!(!entry!(repo.small()).is_cached(), "it is not the value any more");
    block_on(repo.limited(5));
    assert!(!entry!(repo.limited(5)).insert(1), "whether it may be stored depends on an argument");
    assert!(!entry!(repo.limited(5)).is_cached());
}

#[test]
fn p1_a_value_that_was_read_before_an_invalidation_is_refused() {
    let invalidations: [fn(&Repo); 5] = [
        |repo| _ = entry!(repo.text("a", 1)).invalidate(),
        |repo| block_on(repo.write()),
        |repo| repo.cache.invalidate(["text"]),
        |repo| repo.cache.invalidate_tags(["key:a"]),
        |repo| repo.cache.invalidate_all(),
    ];
    for invalidate in invalidations {
        let repo = Repo::new();
        let before = entry!(repo.text("a", 1));
        let point = repo.cache.read_point();
        invalidate(&repo);
        assert!(!before.insert_if_current(&point, None), "a handle from before the point");
        assert!(!entry!(repo.text("a", 1)).insert_if_current(&point, None), "one from after");
        assert!(repo.cache.is_empty());
        let point = repo.cache.read_point();
        assert!(entry!(repo.text("a", 1)).insert_if_current(&point, None));
    }
}

#[test]
fn p1_a_value_that_was_read_before_an_insert_is_refused_and_the_inserted_one_stays() {
    let repo = Repo::new();
    let before = entry!(repo.fails(1));
    let point = repo.cache.read_point();
    assert!(entry!(repo.fails(1)).insert(2));
    assert!(!before.insert_if_current(&point, 1));
    assert_eq!(before.get(), Some(2));
}

#[test]
fn an_invalidation_of_another_key_does_not_matter_to_a_handle_from_before_the_point() {
    let repo = Repo::new();
    let before = entry!(repo.fails(1));
    let point = repo.cache.read_point();
    entry!(repo.fails(2)).invalidate();
    assert!(!entry!(repo.fails(1)).insert_if_current(&point, 1), "this one cannot tell");
    assert!(before.insert_if_current(&point, 1));
}

#[test]
fn p8_the_age_of_a_value_begins_at_its_point() {
    let repo = Repo::new();
    let point = repo.cache.read_point();
    repo.clock.advance(Duration::from_secs(59));
    assert!(entry!(repo.text("a", 1)).insert_if_current(&point, None));
    assert_eq!(entry!(repo.text("a", 1)).info().map(|info| info.age), Some(Duration::from_secs(59)));
    repo.clock.advance(Duration::from_secs(1));
    assert!(!entry!(repo.text("a", 1)).is_cached());
    assert!(!entry!(repo.text("a", 1)).insert_if_current(&point, None), "it has expired");
}

#[test]
fn a_point_of_another_cache_is_refused() {
    let repo = Repo::new();
    assert!(!entry!(repo.fails(1)).insert_if_current(&Cache::new().read_point(), 1));
    assert!(entry!(repo.fails(1)).insert_if_current(&repo.cache.scope("a").read_point(), 1));
}

#[test]
fn an_entry_is_of_the_scope_of_its_handle() {
    let repo = Repo::new();
    let (one, two) = (repo.on(repo.cache.scope("1")), repo.on(repo.cache.scope("2")));
    assert!(entry!(one.fails(1)).insert(1) && entry!(two.fails(1)).insert(2));
    assert!(!entry!(repo.fails(1)).is_cached());
    assert!(entry!(one.fails(1)).invalidate());
    assert_eq!(entry!(two.fails(1)).get(), Some(2));
    assert!(!entry!(repo.fails(1)).invalidate(), "there is none in the root");
    assert!(!entry!(two.fails(1)).is_cached(), "the root reaches the key in every scope");
}

#[test]
fn p17_in_a_transaction_an_insert_is_an_invalidation_that_is_held() {
    let repo = Repo::new();
    block_on(repo.fails(1)).unwrap();
    let transaction = repo.cache.transaction();
    let inside = repo.on(transaction.cache());
    let entry = entry!(inside.fails(1));
    assert_eq!((entry.get(), entry.is_cached(), entry.info()), (None, false, None));
    assert!(!entry.insert(7));
    assert_eq!(entry!(repo.fails(1)).get(), Some(1));
    transaction.commit();
    assert!(!entry!(repo.fails(1)).is_cached());
    block_on(repo.fails(1)).unwrap();
    let transaction = repo.cache.transaction();
    let inside = repo.on(transaction.cache());
    assert!(entry!(inside.fails(1)).invalidate() && entry!(repo.fails(1)).is_cached());
    assert!(!entry!(inside.fails(1)).insert_if_current(&repo.cache.read_point(), 7));
    transaction.rollback();
    assert!(entry!(repo.fails(1)).is_cached());
}

#[test]
fn other_handles_look_at_nothing() {
    let repo = Repo::new();
    block_on(repo.fails(1)).unwrap();
    let (exact, anew) = (repo.on(repo.cache.bypass()), repo.on(repo.cache.refresh()));
    assert_eq!((entry!(exact.fails(1)).get(), entry!(anew.fails(1)).get()), (None, None));
    assert!(entry!(anew.fails(1)).insert(2));
    assert_eq!(entry!(repo.fails(1)).get(), Some(2));
    assert!(!entry!(exact.fails(1)).insert(3), "nothing is stored through it");
    assert!(!entry!(repo.fails(1)).is_cached(), "but what was cached is not the value");
}

#[test]
fn p17_nothing_is_inserted_while_a_commit_may_still_happen() {
    let repo = Repo::new();
    let transaction = repo.cache.transaction();
    let inside = repo.on(transaction.cache());
    entry!(inside.fails(1)).invalidate();
    let _ = transaction.commit_after(|| Err::<(), _>(()));
    let point = repo.cache.read_point();
    assert!(!entry!(repo.fails(1)).insert_if_current(&point, 1) && !entry!(repo.fails(1)).insert(1));
    repo.clock.advance(Duration::from_secs(5));
    assert!(!entry!(repo.fails(1)).insert(1), "it was read within the grace");
    assert!(entry!(repo.fails(1)).insert(1));
}

#[test]
fn p9_at_capacity_0_nothing_is_inserted() {
    let repo = Repo { cache: Cache::builder().capacity(0).build(), ..Repo::new() };
    assert!(!entry!(repo.fails(1)).insert(1));
    assert!(repo.cache.is_empty());
    assert!(entry!(repo.fails(1)).explain().to_string().contains("the capacity is 0"));
}

#[test]
fn an_entry_is_explained() {
    let repo = Repo::new();
    let text = entry!(repo.text("a", 1));
    let explained = |expected: &str| {
        let explanation = text.explain();
        assert_eq!(explanation.to_string(), expected);
        assert_eq!(explanation.is_cached(), expected.contains("is cached"));
    };
    explained(
        r#"`text(key = "a", number = 1)` is not cached: it was not loaded, was not stored, or has left the cache"#,
    );
    block_on(repo.text("a", 1));
    repo.clock.advance(Duration::from_secs(3));
    explained(
        r#"`text(key = "a", number = 1)` is cached: loaded 3s ago, expires in 57s, hits: 0, tags: `all`, `key:a`"#,
    );
    repo.cache.invalidate_tags(["key:a"]);
    explained(
        r#"`text(key = "a", number = 1)` is not cached: its tag `key:a` was invalidated after it was loaded, 0ns ago, by `invalidate_tags`, which names the tag `key:a`"#,
    );
    block_on(repo.text("a", 1));
    repo.cache.invalidate(["text"]);
    explained(
        r#"`text(key = "a", number = 1)` is not cached: its query was invalidated after it was loaded, 0ns ago, by `invalidate`, which names `text`"#,
    );
    block_on(repo.text("a", 1));
    repo.cache.invalidate_all();
    explained(
        r#"`text(key = "a", number = 1)` is not cached: everything was invalidated after it was loaded, 0ns ago, by `invalidate_all`, which names everything"#,
    );
    block_on(repo.text("a", 1));
    repo.clock.advance(Duration::from_secs(61));
    explained(r#"`text(key = "a", number = 1)` is not cached: it expired 1s ago"#);
    block_on(repo.made(1)).unwrap();
    entry!(repo.fails(1)).invalidate();
    let made = entry!(repo.made(1)).explain().to_string();
    assert!(made.contains("an answer that it was made from was invalidated"), "{made}");
    for (handle, reason) in [
        (repo.cache.bypass(), "bypasses"),
        (repo.cache.refresh(), "anew"),
        (repo.cache.transaction().cache(), "in a transaction"),
    ] {
        let repo = repo.on(handle);
        let text = entry!(repo.text("a", 1)).explain().to_string();
        assert!(text.contains(reason), "{text}");
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Password(&'static str);

#[derive(HasCache)]
struct Users {
    api_key: String,
    cache: Cache,
}

impl Users {
    #[cached_query(secret(password, codes), tags("user:{user}"))]
    async fn log_in(&self, user: &str, password: &Password, codes: Option<&[String]>) -> bool {
        user.len() < password.0.len() + codes.map_or(0, <[String]>::len)
    }

    #[cached_query(key(self.api_key, token.trim(), page), secret(self.api_key, token))]
    async fn profile(&self, token: &str, page: u32) -> u32 {
        page
    }

    #[cached_query(each = tokens, secret(id))]
    async fn sessions(&self, tokens: &[String], device: u8) -> std::collections::HashMap<String, u8> {
        tokens.iter().map(|token| (token.clone(), device)).collect()
    }

    #[invalidates(log_in(user, password, codes))]
    async fn log_out(&self, user: &str, password: &Password, codes: Option<&[String]>) {}
}

#[test]
fn a_secret_argument_is_part_of_the_key_and_is_shown_nowhere() {
    let users = Users { api_key: "hunter2".into(), cache: Cache::new() };
    let (password, codes) = (Password("hunter2"), ["hunter2".to_owned()]);
    let told = |users: &Users| {
        let (log_in, profile) =
            (entry!(users.log_in("ann", &password, Some(&codes))), entry!(users.profile("hunter2", 1)));
        let mut told: Vec<_> = users.cache.entries().iter().map(|entry| format!("{entry:?}")).collect();
        told.extend([format!("{:?}", users.cache), format!("{log_in:?}"), format!("{profile:?}")]);
        for explanation in [log_in.explain(), profile.explain()] {
            told.extend([format!("{explanation:?}"), explanation.to_string()]);
        }
        told.extend([format!("{:?}", log_in.info()), format!("{:?}", profile.info())]);
        told
    };
    let mut all = told(&users);
    block_on(users.log_in("ann", &password, Some(&codes)));
    block_on(users.profile(" hunter2", 1));
    block_on(users.sessions(&codes, 1));
    all.extend(told(&users));
    for told in &all {
        assert!(!told.contains("hunter") && !told.contains("Some(["), "{told}");
    }
    let mut arguments: Vec<_> = users.cache.entries().into_iter().map(|entry| entry.arguments).collect();
    arguments.sort();
    let expected = [
        "id = ***, device = 1",
        "self.api_key = ***, token.trim() = ***, page = 1",
        r#"user = "ann", password = ***, codes = ***"#,
    ];
    assert_eq!(arguments, expected);
    // They are part of the key.
    assert!(!entry!(users.log_in("ann", &Password("other"), Some(&codes))).is_cached());
    assert!(!entry!(users.log_in("ann", &password, None)).is_cached());
    assert!(entry!(users.profile("hunter2", 1)).is_cached() && !entry!(users.profile("other", 1)).is_cached());
    block_on(users.log_out("ann", &Password("other"), Some(&codes)));
    assert!(entry!(users.log_in("ann", &password, Some(&codes))).is_cached());
    block_on(users.log_out("ann", &password, Some(&codes)));
    assert!(!entry!(users.log_in("ann", &password, Some(&codes))).is_cached());
}
