//! Targets that name one entry by its arguments, in every form.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cache_core::{Cache, HasCache, cached_query, invalidates};

use crate::check::forgotten;

mod free {
    use cache_core::cached_query;

    #[cached_query]
    pub(super) fn doubled_by_free(id: u32) -> u32 {
        id * 2
    }

    pub(super) mod deep {
        use cache_core::{Cache, cached_query};

        #[cached_query(cache = cache, skip(cache), tags("deep"))]
        pub(crate) fn get(id: u32, cache: &Cache) -> usize {
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
    fn get(&self, id: u32) -> u32 {
        id + 100
    }

    #[invalidates(Repo::by_text(text), get(1))]
    fn one_there_and_one_here(&self, text: &str) {}
}

#[derive(HasCache, Default)]
struct Repo {
    tenant: u32,
    #[cache]
    cache: Cache,
}

#[derive(Debug, PartialEq)]
struct NoNumber;

fn number(text: &str) -> Result<u32, NoNumber> {
    text.parse().map_err(|_| NoNumber)
}

impl Repo {
    #[cached_query]
    fn get(&self, id: u32) -> u32 {
        id
    }

    #[cached_query]
    fn by_text(&self, text: &str) -> String {
        text.into()
    }

    #[cached_query]
    fn by_owned(&self, text: String, id: u32) -> String {
        format!("{text} {id}")
    }

    #[cached_query]
    fn by_slice(&self, ids: &[u32]) -> usize {
        ids.len()
    }

    #[cached_query]
    fn by_option(&self, text: Option<&str>) -> bool {
        text.is_some()
    }

    /// A repository with two entries of each query.
    fn warm() -> Self {
        let repo = Self { tenant: 1, cache: Cache::new() };
        for id in 1..=2 {
            repo.get(id);
            OtherRepo { cache: repo.cache.clone() }.get(id);
            free::deep::get(id, &repo.cache);
        }
        for text in ["a", "b"] {
            repo.by_text(text);
            repo.by_owned(text.into(), 1);
            repo.by_option(Some(text));
        }
        repo.by_slice(&[1]);
        repo.by_slice(&[1, 2]);
        repo
    }

    #[invalidates(by_owned(text.clone(), id), by_text(&text))]
    fn consumes(&self, text: String, id: u32) -> (String, u32) {
        (text, id)
    }

    #[invalidates(by_owned(text.to_owned(), 1))]
    fn makes(&self, text: &str) {}

    #[invalidates(by_text(text), by_slice(ids), by_option(Some(text)))]
    fn coerces(&self, text: &String, ids: &Vec<u32>) {}

    #[invalidates(by_text(text), by_slice(&[1, 2]), by_option(option.as_deref()),)]
    #[expect(clippy::ptr_arg, reason = "what is coerced is the point")]
    fn coerces_more(&self, text: &Cow<'_, str>, option: Option<String>) -> Option<String> {
        option
    }

    #[invalidates(Self::get(id,))]
    fn by_self(&self, id: u32) {}

    #[invalidates(Repo::get(id))]
    fn by_type(&self, id: u32) {}

    #[allow(unused_qualifications, reason = "a path is the point")]
    #[invalidates(crate::forgetting::Repo::get(id))]
    fn by_path(&self, id: u32) {}

    #[invalidates(OtherRepo::get(id))]
    fn by_another_type(&self, id: u32) {}

    #[invalidates(get(id), free::doubled_by_free(id))]
    fn here_and_in_the_global_cache(&self, id: u32) {}

    #[invalidates(free::deep::get(id, &self.cache), cache = &self.cache)]
    fn by_function_in_its_cache(&self, id: u32) {}

    #[invalidates(get(id), get(other), get(id))]
    fn two(&self, id: u32, other: u32) {}

    #[invalidates(get(ids[0]), get({ let [_, second, ..] = ids else { return }; *second }), by_slice(ids))]
    fn by_expressions(&self, ids: &[u32]) {}

    #[invalidates(
        get(if text == "one" { 1 } else { text.len() as u32 }),
        by_text(["a", "b"].iter().find(|text| text.len() == 1).unwrap())
    )]
    #[expect(clippy::cast_possible_truncation, reason = "a cast is the point")]
    fn by_more_expressions(&self, text: &str) {}

    #[invalidates(get(self.tenant))]
    fn changes_self(&mut self) {
        self.tenant += 1;
    }

    #[invalidates(get(self.tenant))]
    fn consumes_self(self) -> Cache {
        self.cache
    }

    #[invalidates(get(number(text)?))]
    fn asks(&self, text: &str, ran: &mut bool) -> Result<u32, NoNumber> {
        *ran = true;
        Ok(number(text)? + 1)
    }

    #[invalidates(get(id))]
    fn fails(&self, id: u32) -> Result<(), String> {
        Err(format!("not {id}"))
    }

    #[invalidates(get(id))]
    fn panics(&self, id: u32) {
        panic!("in the body of {id}");
    }

    #[invalidates(get(id), "by_text", on = "ok")]
    fn on_ok(&self, id: u32, ok: bool) -> Result<(), String> {
        if ok { Ok(()) } else { Err(format!("not {id}")) }
    }

    #[invalidates(get(id))]
    #[invalidates(OtherRepo::get(id), by_text("b"))]
    #[invalidates(free::deep::get(id, &self.cache), cache = &self.cache)]
    fn several_attributes(&self, id: u32) -> u32 {
        id
    }

    #[invalidates("by_text", get(1), by_slice)]
    fn all_and_one(&self) {}

    fn forgotten(&self, write: impl FnOnce(&Self)) -> Vec<String> {
        forgotten(&self.cache, || write(self))
    }
}

#[invalidates(Repo::get(id), cache = &repo.cache)]
fn by_a_free_function(id: u32, repo: &Repo) {}

#[test]
fn arguments_that_the_body_consumes() {
    let gone = Repo::warm().forgotten(|repo| assert_eq!(repo.consumes("a".into(), 1), ("a".into(), 1)));
    assert_eq!(gone, ["by_owned(text = \"a\", id = 1)", "by_text(text = \"a\")"]);
    assert_eq!(Repo::warm().forgotten(|repo| repo.makes("b")), ["by_owned(text = \"b\", id = 1)"]);
}

#[test]
fn arguments_are_coerced_as_in_a_call() {
    let gone = Repo::warm().forgotten(|repo| repo.coerces(&"a".into(), &vec![1]));
    assert_eq!(gone, ["by_option(text = Some(\"a\"))", "by_slice(ids = [1])", "by_text(text = \"a\")"]);
    let gone = Repo::warm().forgotten(|repo| {
        assert!(repo.coerces_more(&"b".into(), Some("b".into())).is_some());
    });
    assert_eq!(gone, ["by_option(text = Some(\"b\"))", "by_slice(ids = [1, 2])", "by_text(text = \"b\")"]);
}

#[test]
fn a_query_by_its_path() {
    for write in [Repo::by_self, Repo::by_type, Repo::by_path, |repo: &Repo, id| by_a_free_function(id, repo)] {
        assert_eq!(Repo::warm().forgotten(|repo| write(repo, 1)), ["get(id = 1)"]);
        assert_eq!(Repo::warm().forgotten(|repo| write(repo, 3)), [""; 0], "there is no such entry");
    }
}

#[test]
fn p2_queries_of_equal_names_are_not_mixed() {
    assert_eq!(Repo::warm().forgotten(|repo| repo.by_another_type(1)), ["get(id = 1) [other]"]);
    assert_eq!(Repo::warm().forgotten(|repo| repo.by_function_in_its_cache(2)), ["get(id = 2) [deep]"]);
    let gone = Repo::warm().forgotten(|repo| {
        OtherRepo { cache: repo.cache.clone() }.one_there_and_one_here("a");
    });
    assert_eq!(gone, ["by_text(text = \"a\")", "get(id = 1) [other]"]);
}

#[test]
fn a_free_function_is_forgotten_in_the_global_cache_by_a_method() {
    let repo = Repo::warm();
    let entries = || {
        let entries = Cache::global().entries().into_iter();
        entries.filter(|entry| entry.query == "doubled_by_free").map(|entry| entry.arguments).collect::<Vec<_>>()
    };
    assert_eq!((free::doubled_by_free(1), free::doubled_by_free(2), entries().len()), (2, 4, 2));
    assert_eq!(repo.forgotten(|repo| repo.here_and_in_the_global_cache(1)), ["get(id = 1)"]);
    assert_eq!(entries(), ["id = 2"]);
}

#[test]
fn several_entries_of_one_query() {
    assert_eq!(Repo::warm().forgotten(|repo| repo.two(1, 2)), ["get(id = 1)", "get(id = 2)"]);
    assert_eq!(Repo::warm().forgotten(|repo| repo.two(2, 2)), ["get(id = 2)"]);
    let gone = Repo::warm().forgotten(|repo| repo.by_expressions(&[1, 2]));
    assert_eq!(gone, ["by_slice(ids = [1, 2])", "get(id = 1)", "get(id = 2)"]);
    let gone = Repo::warm().forgotten(|repo| repo.by_more_expressions("ab"));
    assert_eq!(gone, ["by_text(text = \"a\")", "get(id = 2)"]);
}

#[test]
fn what_the_body_changes_is_read_before_it_runs() {
    let mut repo = Repo::warm();
    let cache = repo.cache.clone();
    assert_eq!(forgotten(&cache, || repo.changes_self()), ["get(id = 1)"]);
    assert_eq!(forgotten(&cache, || repo.changes_self()), ["get(id = 2)"]);
    let repo = Repo::warm();
    let cache = repo.cache.clone();
    let gone = forgotten(&cache, || {
        repo.consumes_self();
    });
    assert_eq!(gone, ["get(id = 1)"]);
}

#[test]
fn a_question_mark_in_an_argument_returns_before_the_body() {
    let (repo, mut ran) = (Repo::warm(), false);
    assert_eq!(repo.asks("x", &mut ran), Err(NoNumber));
    assert!(!ran, "the function returned before");
    let gone = repo.forgotten(|repo| assert_eq!(repo.asks("1", &mut ran), Ok(2)));
    assert!(ran);
    assert_eq!(gone, ["get(id = 1)"]);
}

#[test]
fn p11_one_entry_is_forgotten_however_the_body_ends() {
    assert_eq!(Repo::warm().forgotten(|repo| repo.fails(1).unwrap_err().clear()), ["get(id = 1)"]);
    let gone = Repo::warm().forgotten(|repo| {
        catch_unwind(AssertUnwindSafe(|| repo.panics(2))).unwrap_err();
    });
    assert_eq!(gone, ["get(id = 2)"]);
    assert_eq!(Repo::warm().forgotten(|repo| repo.on_ok(1, false).unwrap_err().clear()), [""; 0]);
    let gone = Repo::warm().forgotten(|repo| repo.on_ok(1, true).unwrap());
    assert_eq!(gone, ["by_text(text = \"a\")", "by_text(text = \"b\")", "get(id = 1)"]);
}

#[test]
fn several_attributes_forget_together() {
    let gone = Repo::warm().forgotten(|repo| assert_eq!(repo.several_attributes(1), 1));
    assert_eq!(gone, ["by_text(text = \"b\")", "get(id = 1)", "get(id = 1) [deep]", "get(id = 1) [other]"]);
    let gone = Repo::warm().forgotten(Repo::all_and_one);
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
}
