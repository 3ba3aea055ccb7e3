//! Targets that name one entry by its arguments, in every form.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cache_core::{Cache, HasCache, cached_query, invalidates};

use super::mode::{block_on, pause, run};
use crate::check::{invalidated, shown_of};

mod free {
    use cache_core::cached_query;

    #[cached_query]
    pub(super) async fn doubled_by_free(id: u32) -> u32 {
        super::pause().await;
        id * 2
    }

    pub(super) mod deep {
        use cache_core::{Cache, cached_query};

        #[cached_query(cache = cache, skip(cache), tags("deep"))]
        pub(crate) async fn get(id: u32, cache: &Cache) -> usize {
            super::super::pause().await;
            cache.len() + usize::try_from(id).unwrap()
        }
    }
}

#[derive(HasCache)]
struct OtherRepo {
    cache: Cache,
}

impl OtherRepo {
    #[cached_query(tags("other"))]
    async fn get(&self, id: u32) -> u32 {
        pause().await;
        id + 100
    }

    #[invalidates(Repo::by_text(text), get(1))]
    async fn one_there_and_one_here(&self, text: &str) {}
}

#[derive(HasCache, Default)]
struct Repo {
    tenant: u32,
    #[cache]
    cache: Cache,
}

impl Repo {
    #[cached_query]
    async fn get(&self, id: u32) -> u32 {
        pause().await;
        id
    }

    #[cached_query]
    async fn by_text(&self, text: &str) -> String {
        pause().await;
        text.into()
    }

    #[cached_query]
    async fn by_owned(&self, text: String, id: u32) -> String {
        pause().await;
        format!("{text} {id}")
    }

    #[cached_query]
    async fn by_slice(&self, ids: &[u32]) -> usize {
        pause().await;
        ids.len()
    }

    #[cached_query]
    async fn by_option(&self, text: Option<&str>) -> bool {
        pause().await;
        text.is_some()
    }

    async fn cached() -> Self {
        let repo = Self { tenant: 1, cache: Cache::new() };
        for id in 1..=2 {
            repo.get(id).await;
            OtherRepo { cache: repo.cache.clone() }.get(id).await;
            free::deep::get(id, &repo.cache).await;
        }
        for text in ["a", "b"] {
            repo.by_text(text).await;
            repo.by_owned(text.into(), 1).await;
            repo.by_option(Some(text)).await;
        }
        repo.by_slice(&[1]).await;
        repo.by_slice(&[1, 2]).await;
        repo
    }

    #[invalidates(by_owned(text.clone(), id), by_text(&text))]
    async fn consumes(&self, text: String, id: u32) -> (String, u32) {
        (text, id)
    }

    #[invalidates(by_owned(text.to_owned(), 1))]
    async fn makes(&self, text: &str) {}

    #[invalidates(by_text(text), by_slice(ids), by_option(Some(text)))]
    async fn coerces(&self, text: &String, ids: &Vec<u32>) {}

    #[invalidates(by_text(text), by_slice(&[1, 2]), by_option(option.as_deref()),)]
    #[expect(clippy::ptr_arg, reason = "the test needs a coercion")]
    async fn coerces_more(&self, text: &Cow<'_, str>, option: Option<String>) -> Option<String> {
        option
    }

    #[invalidates(Self::get(id,))]
    async fn by_self(&self, id: u32) {}

    #[invalidates(Repo::get(id))]
    async fn by_type(&self, id: u32) {}

    #[allow(unused_qualifications, reason = "the test needs a path")]
    #[invalidates(super::keyed_targets::Repo::get(id))]
    async fn by_path(&self, id: u32) {}

    #[invalidates(OtherRepo::get(id))]
    async fn by_another_type(&self, id: u32) {}

    #[invalidates(get(id), free::doubled_by_free(id))]
    async fn here_and_in_the_global_cache(&self, id: u32) {}

    #[invalidates(free::deep::get(id, &self.cache), cache = &self.cache)]
    async fn by_function_in_its_cache(&self, id: u32) {}

    #[invalidates(get(id), get(other), get(id))]
    async fn two(&self, id: u32, other: u32) {}

    #[invalidates(get(ids[0]), get({ let [_, second, ..] = ids else { return }; *second }), by_slice(ids))]
    async fn by_expressions(&self, ids: &[u32]) {}

    #[invalidates(
        get(if text == "one" { 1 } else { text.len() as u32 }),
        by_text(["a", "b"].iter().find(|text| text.len() == 1).unwrap())
    )]
    #[expect(clippy::cast_possible_truncation, reason = "the test needs a cast")]
    async fn by_more_expressions(&self, text: &str) {}

    #[invalidates(get(self.tenant))]
    async fn changes_self(&mut self) {
        self.tenant += 1;
    }

    #[invalidates(get(self.tenant))]
    async fn consumes_self(self) -> Cache {
        self.cache
    }

    #[invalidates(get(id))]
    async fn fails(&self, id: u32) -> Result<(), String> {
        Err(format!("not {id}"))
    }

    #[invalidates(get(id))]
    async fn panics(&self, id: u32) {
        panic!("in the body of {id}");
    }

    #[invalidates(get(id), "by_text", on = "ok")]
    async fn on_ok(&self, id: u32, ok: bool) -> Result<(), String> {
        if ok { Ok(()) } else { Err(format!("not {id}")) }
    }

    #[invalidates(get(id))]
    #[invalidates(OtherRepo::get(id), by_text("b"))]
    #[invalidates(free::deep::get(id, &self.cache), cache = &self.cache)]
    async fn several_attributes(&self, id: u32) -> u32 {
        id
    }

    #[invalidates("by_text", get(1), by_slice)]
    async fn all_and_one(&self) {}

    fn invalidated(&self, write: impl FnOnce(&Self)) -> Vec<String> {
        invalidated(&self.cache, || write(self))
    }
}

#[invalidates(Repo::get(id), cache = &repo.cache)]
async fn by_a_free_function(id: u32, repo: &Repo) {}

#[test]
fn arguments_that_the_body_consumes() {
    block_on(async {
        let gone = Repo::cached()
            .await
            .invalidated(|repo| run!(assert_eq!(repo.consumes("a".into(), 1).await, ("a".into(), 1))));
        assert_eq!(gone, ["by_owned(text = \"a\", id = 1)", "by_text(text = \"a\")"]);
        assert_eq!(
            Repo::cached().await.invalidated(|repo| run!(repo.makes("b").await)),
            ["by_owned(text = \"b\", id = 1)"]
        );
    });
}

#[test]
fn arguments_are_coerced_as_in_a_call() {
    block_on(async {
        let gone = Repo::cached().await.invalidated(|repo| run!(repo.coerces(&"a".into(), &vec![1]).await));
        assert_eq!(gone, ["by_option(text = Some(\"a\"))", "by_slice(ids = [1])", "by_text(text = \"a\")"]);
        let gone = Repo::cached().await.invalidated(|repo| {
            run!(assert!(repo.coerces_more(&"b".into(), Some("b".into())).await.is_some()));
        });
        assert_eq!(gone, ["by_option(text = Some(\"b\"))", "by_slice(ids = [1, 2])", "by_text(text = \"b\")"]);
    });
}

#[test]
fn a_query_by_its_path() {
    block_on(async {
        let writes: [fn(&Repo, u32); 4] = [
            |repo, id| run!(repo.by_self(id).await),
            |repo, id| run!(repo.by_type(id).await),
            |repo, id| run!(repo.by_path(id).await),
            |repo, id| run!(by_a_free_function(id, repo).await),
        ];
        for write in writes {
            assert_eq!(Repo::cached().await.invalidated(|repo| write(repo, 1)), ["get(id = 1)"]);
            assert_eq!(Repo::cached().await.invalidated(|repo| write(repo, 3)), [""; 0], "no such entry");
        }
    });
}

#[test]
fn p2_queries_of_equal_names_are_distinct() {
    block_on(async {
        assert_eq!(
            Repo::cached().await.invalidated(|repo| run!(repo.by_another_type(1).await)),
            ["get(id = 1) [other]"]
        );
        assert_eq!(
            Repo::cached().await.invalidated(|repo| run!(repo.by_function_in_its_cache(2).await)),
            ["get(id = 2) [deep]"]
        );
        let gone = Repo::cached().await.invalidated(|repo| {
            run!(OtherRepo { cache: repo.cache.clone() }.one_there_and_one_here("a").await);
        });
        assert_eq!(gone, ["by_text(text = \"a\")", "get(id = 1) [other]"]);
    });
}

#[test]
fn a_free_function_is_invalidated_in_the_global_cache_by_a_method() {
    block_on(async {
        let repo = Repo::cached().await;
        let entries = || {
            let entries = shown_of(Cache::global(), module_path!());
            entries.into_iter().filter(|entry| entry.starts_with("doubled_by_free")).collect::<Vec<_>>()
        };
        assert_eq!((free::doubled_by_free(1).await, free::doubled_by_free(2).await, entries().len()), (2, 4, 2));
        assert_eq!(repo.invalidated(|repo| run!(repo.here_and_in_the_global_cache(1).await)), ["get(id = 1)"]);
        assert_eq!(entries(), ["doubled_by_free(id = 2)"]);
    });
}

#[test]
fn several_entries_of_one_query() {
    block_on(async {
        assert_eq!(Repo::cached().await.invalidated(|repo| run!(repo.two(1, 2).await)), ["get(id = 1)", "get(id = 2)"]);
        assert_eq!(Repo::cached().await.invalidated(|repo| run!(repo.two(2, 2).await)), ["get(id = 2)"]);
        let gone = Repo::cached().await.invalidated(|repo| run!(repo.by_expressions(&[1, 2]).await));
        assert_eq!(gone, ["by_slice(ids = [1, 2])", "get(id = 1)", "get(id = 2)"]);
        let gone = Repo::cached().await.invalidated(|repo| run!(repo.by_more_expressions("ab").await));
        assert_eq!(gone, ["by_text(text = \"a\")", "get(id = 2)"]);
    });
}

#[test]
fn what_the_body_changes_is_read_before_it_runs() {
    block_on(async {
        let mut repo = Repo::cached().await;
        let cache = repo.cache.clone();
        assert_eq!(invalidated(&cache, || run!(repo.changes_self().await)), ["get(id = 1)"]);
        assert_eq!(invalidated(&cache, || run!(repo.changes_self().await)), ["get(id = 2)"]);
        let repo = Repo::cached().await;
        let cache = repo.cache.clone();
        let gone = invalidated(&cache, || {
            run!(repo.consumes_self().await);
        });
        assert_eq!(gone, ["get(id = 1)"]);
    });
}

#[test]
fn p11_one_entry_is_invalidated_however_the_body_ends() {
    block_on(async {
        assert_eq!(
            Repo::cached().await.invalidated(|repo| run!(repo.fails(1).await.unwrap_err().clear())),
            ["get(id = 1)"]
        );
        let gone = Repo::cached().await.invalidated(|repo| {
            catch_unwind(AssertUnwindSafe(|| run!(repo.panics(2).await))).unwrap_err();
        });
        assert_eq!(gone, ["get(id = 2)"]);
        assert_eq!(
            Repo::cached().await.invalidated(|repo| run!(repo.on_ok(1, false).await.unwrap_err().clear())),
            [""; 0]
        );
        let gone = Repo::cached().await.invalidated(|repo| run!(repo.on_ok(1, true).await.unwrap()));
        assert_eq!(gone, ["by_text(text = \"a\")", "by_text(text = \"b\")", "get(id = 1)"]);
    });
}

#[test]
fn several_attributes_invalidate_at_once() {
    block_on(async {
        let gone = Repo::cached().await.invalidated(|repo| run!(assert_eq!(repo.several_attributes(1).await, 1)));
        assert_eq!(gone, ["by_text(text = \"b\")", "get(id = 1)", "get(id = 1) [deep]", "get(id = 1) [other]"]);
        let gone = Repo::cached().await.invalidated(|repo| run!(repo.all_and_one().await));
        assert_eq!(
            gone,
            [
                "by_slice(ids = [1, 2])",
                "by_slice(ids = [1])",
                "by_text(text = \"a\")",
                "by_text(text = \"b\")",
                "get(id = 1)"
            ]
        );
    });
}
