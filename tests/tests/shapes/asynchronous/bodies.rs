//! The forms of a body, its arguments, and the attributes around it.

use std::sync::atomic::{AtomicU32, Ordering};

use cache_core::{Cache, HasCache, cached_query, invalidates};

use super::mode::{block_on, pause, run};
use crate::check::shown;

#[derive(HasCache, Default)]
struct Repo {
    cache: Cache,
    offset: u32,
    calls: AtomicU32,
}

impl Repo {
    #[cached_query]
    async fn question(&self, text: &str) -> Result<u32, std::num::ParseIntError> {
        pause().await;
        let number: u32 = text.parse()?;
        if number == 0 {
            return Ok(self.offset);
        }
        Ok(text.trim().parse::<u32>()? + self.offset)
    }

    #[invalidates(question(text))]
    async fn invalidate_question(&self, text: &str) -> Result<u32, std::num::ParseIntError> {
        let number: u32 = text.parse()?;
        Ok(number)
    }

    #[cached_query]
    async fn question_in_option(&self, id: usize) -> Option<char> {
        pause().await;
        let first = "abc".get(id..)?.chars().next()?;
        first.is_ascii().then_some(first)
    }

    #[cached_query]
    async fn loops(&self, rows: u32) -> u32 {
        pause().await;
        let mut sum = 0;
        'rows: for row in 0..rows {
            let column = 'column: {
                if row == 3 {
                    break 'rows;
                }
                if row == 1 {
                    break 'column 10;
                }
                1
            };
            for _ in 0..column {
                if sum > 20 {
                    continue 'rows;
                }
                sum += row + 1;
            }
        }
        loop {
            if sum % 2 == 0 {
                break sum;
            }
            sum += 1;
        }
    }

    #[invalidates(loops(rows))]
    async fn invalidate_loops(&self, rows: u32) -> u32 {
        let mut last = 0;
        'outer: for row in 0..=rows {
            for column in 0..row {
                if column > 1 {
                    break 'outer;
                }
                last += 1;
            }
        }
        last
    }

    #[cached_query]
    async fn inner_items(&self, n: u32) -> u32 {
        pause().await;
        const FACTOR: u32 = 3;
        struct Product(u32);
        fn twice(n: u32) -> u32 {
            if n == 0 {
                return 0;
            }
            n * 2
        }
        let of = |n: u32| -> u32 {
            if n == 1 {
                return 100;
            }
            twice(n) * FACTOR
        };
        let add = move |n| n + self.offset;
        Product(add(of(n))).0
    }

    #[invalidates(inner_items(n))]
    async fn invalidate_inner_items(&self, n: u32) -> impl Fn() -> u32 + use<> {
        fn one() -> u32 {
            if cfg!(any()) {
                return 2;
            }
            1
        }
        move || n + one()
    }

    #[cached_query]
    async fn changes_its_arguments(&self, mut n: u32, mut text: String) -> String {
        pause().await;
        n += 1;
        text.push('!');
        format!("{text}{n}")
    }

    #[invalidates(changes_its_arguments(n, text.clone()))]
    async fn invalidate_changed(&self, mut n: u32, mut text: String) -> String {
        n += 1;
        text.push('?');
        format!("{text}{n}")
    }
}

#[test]
fn a_body_with_question_marks_and_an_early_return() {
    block_on(async {
        let repo = Repo { offset: 5, ..Repo::default() };
        check!(
            &repo.cache;
            repo.question("0").await => "question(text = \"0\")", repo.question("7").await => "question(text = \"7\")";
            one: assert_eq!(repo.invalidate_question("0").await, Ok(0));
            all: repo.cache.invalidate_all()
        );
        repo.invalidate_question("x").await.unwrap_err();
        assert!(repo.question("x").await.is_err());
        assert_eq!(repo.cache.len(), 2);
        assert_eq!((repo.question_in_option(2).await, repo.question_in_option(9).await), (Some('c'), None));
    });
}

#[test]
fn a_body_with_labelled_loops() {
    block_on(async {
        let repo = Repo::default();
        check!(
            &repo.cache;
            repo.loops(1).await => "loops(rows = 1)", repo.loops(4).await => "loops(rows = 4)";
            one: assert_eq!(repo.invalidate_loops(1).await, 1);
            all: repo.cache.invalidate(["loops"])
        );
        assert_eq!((repo.loops(1).await, repo.loops(4).await), (2, 22));
    });
}

#[test]
fn a_body_with_items_and_closures_of_its_own() {
    block_on(async {
        let repo = Repo { offset: 1, ..Repo::default() };
        check!(
            &repo.cache;
            repo.inner_items(1).await => "inner_items(n = 1)", repo.inner_items(2).await => "inner_items(n = 2)";
            one: assert_eq!((repo.invalidate_inner_items(1).await)(), 2);
            all: repo.cache.invalidate(["inner_items"])
        );
        assert_eq!((repo.inner_items(1).await, repo.inner_items(2).await), (101, 13));
    });
}

#[test]
fn a_body_that_changes_its_arguments() {
    block_on(async {
        let repo = Repo::default();
        check!(
            &repo.cache;
            repo.changes_its_arguments(1, "a".into()).await => "changes_its_arguments(n = 1, text = \"a\")",
            repo.changes_its_arguments(2, "a".into()).await => "changes_its_arguments(n = 2, text = \"a\")";
            one: assert_eq!(repo.invalidate_changed(1, "a".into()).await, "a?2");
            all: repo.cache.invalidate_all()
        );
        assert_eq!(repo.changes_its_arguments(1, "a".into()).await, "a!2");
    });
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Range {
    from: u32,
    to: u32,
}

impl Repo {
    #[cached_query]
    async fn patterns(
        &self,
        (a, mut b): (u32, u32),
        [first, .., last]: [u8; 3],
        Range { from, to: end }: Range,
    ) -> String {
        pause().await;
        b += 1;
        format!("{a} {b} {first} {last} {from} {end}")
    }

    #[invalidates(patterns((a, b), array, Range { from: 1, to: 2 }))]
    async fn invalidate_patterns(&self, (a, b): (u32, u32), array @ [_, ..]: [u8; 3]) -> u32 {
        a + b + u32::from(array[0])
    }

    #[cached_query]
    async fn wildcard(&self, _: u32, _: u8) -> u32 {
        pause().await;
        self.calls.fetch_add(1, Ordering::SeqCst)
    }

    #[invalidates(wildcard(a, b))]
    async fn invalidate_wildcard(&self, a: u32, b: u8) {}
}

#[test]
fn patterns_as_arguments() {
    block_on(async {
        let repo = Repo::default();
        let range = || Range { from: 1, to: 2 };
        check!(
            &repo.cache;
            repo.patterns((1, 2), [3, 0, 4], range()).await
                => "patterns(a = 1, b = 2, first = 3, last = 4, from = 1, end = 2)",
            repo.patterns((1, 2), [3, 0, 5], range()).await
                => "patterns(a = 1, b = 2, first = 3, last = 5, from = 1, end = 2)",
            repo.patterns((1, 3), [3, 0, 4], range()).await
                => "patterns(a = 1, b = 3, first = 3, last = 4, from = 1, end = 2)";
            one: assert_eq!(repo.invalidate_patterns((1, 2), [3, 9, 4]).await, 6);
            all: repo.cache.invalidate(["patterns"])
        );
    });
}

#[test]
fn a_pattern_without_names_is_part_of_the_key_as_a_whole() {
    block_on(async {
        let repo = Repo::default();
        assert_eq!(
            (
                repo.wildcard(1, 1).await,
                repo.wildcard(1, 1).await,
                repo.wildcard(2, 1).await,
                repo.wildcard(1, 2).await
            ),
            (0, 0, 1, 2)
        );
        assert_eq!(shown(&repo.cache), ["wildcard(_ = 1, _ = 1)", "wildcard(_ = 1, _ = 2)", "wildcard(_ = 2, _ = 1)"]);
        repo.invalidate_wildcard(1, 1).await;
        assert_eq!(shown(&repo.cache), ["wildcard(_ = 1, _ = 2)", "wildcard(_ = 2, _ = 1)"]);
    });
}

impl Repo {
    #[cached_query(tags("type:{type}", r#type))]
    async fn r#match(&self, r#type: &str) -> String {
        pause().await;
        r#type.to_owned()
    }

    #[invalidates(r#match(r#type))]
    async fn r#move(&self, r#type: &str) {}

    #[invalidates("r#match")]
    async fn r#loop(&self) {}

    #[invalidates(r#match)]
    async fn r#break(&self) {}
}

#[test]
fn raw_identifiers() {
    block_on(async {
        let repo = Repo::default();
        let invalidates: [fn(&Repo); 3] =
            [|repo| block_on(repo.r#loop()), |repo| block_on(repo.r#break()), |repo| repo.cache.invalidate(["match"])];
        for invalidate in invalidates {
            check!(
                &repo.cache;
                repo.r#match("a").await => "match(type = \"a\") [a, type:a]",
                repo.r#match("b").await => "match(type = \"b\") [b, type:b]";
                one: repo.r#move("a").await;
                all: invalidate(&repo)
            );
            repo.cache.invalidate_all();
        }
    });
}

impl Repo {
    #[cached_query]
    async fn under_cfg(&self, id: u32, #[cfg(not(any()))] always: u32, #[cfg(any())] never: NoSuchType) -> u32 {
        pause().await;
        id * 10 + always
    }

    #[invalidates(under_cfg(id, always))]
    async fn invalidate_under_cfg(&self, id: u32, #[cfg(any())] never: NoSuchType, #[cfg(not(any()))] always: u32) {}
}

#[test]
fn arguments_under_cfg() {
    block_on(async {
        let repo = Repo::default();
        check!(
            &repo.cache;
            repo.under_cfg(1, 2).await => "under_cfg(id = 1, always = 2)",
            repo.under_cfg(1, 3).await => "under_cfg(id = 1, always = 3)";
            one: repo.invalidate_under_cfg(1, 2).await;
            all: repo.cache.invalidate(["under_cfg"])
        );
    });
}

#[deny(unused, clippy::all, missing_docs)]
mod attributes {
    use super::{Cache, HasCache, cached_query, invalidates};

    #[derive(HasCache, Default)]
    pub(super) struct Documented {
        pub(super) cache: Cache,
    }

    impl Documented {
        /// Documented above.
        #[must_use]
        #[inline]
        #[cached_query]
        #[expect(unused_variables, reason = "the attribute must apply to the body")]
        /// And below.
        pub(super) async fn above_and_below(&self, id: u32) -> u32 {
            super::pause().await;
            let unused = 1;
            id + 1
        }

        #[cached_query]
        #[must_use = "it was read"]
        #[cold]
        #[inline(never)]
        #[doc(alias = "under")]
        #[cfg_attr(all(), allow(clippy::needless_return, reason = "the attribute must apply to the body"))]
        pub(super) async fn below(&self, id: u32) -> u32 {
            super::pause().await;
            return id + 2;
        }

        #[inline]
        #[invalidates(above_and_below(id), below(id))]
        #[must_use]
        pub(super) async fn invalidate_one(&self, id: u32) -> bool {
            id > 0
        }

        #[cfg(any())]
        #[cached_query(no_such_option)]
        async fn left_out(&self) -> NoSuchType {}

        #[cached_query]
        #[cfg(not(any()))]
        pub(super) async fn kept(&self, id: u32) -> u32 {
            super::pause().await;
            id
        }

        #[cached_query]
        #[deprecated = "the test needs a deprecated function"]
        #[allow(dead_code, reason = "it only has to compile")]
        pub(super) async fn old(&self, id: u32) -> u32 {
            super::pause().await;
            id
        }
    }
}

#[test]
fn attributes_above_and_below() {
    block_on(async {
        let repo = attributes::Documented::default();
        check!(
            &repo.cache;
            repo.above_and_below(1).await => "above_and_below(id = 1)",
            repo.above_and_below(2).await => "above_and_below(id = 2)";
            one: assert!(repo.invalidate_one(1).await);
            all: repo.cache.invalidate(["above_and_below"])
        );
        check!(
            &repo.cache;
            repo.below(1).await => "below(id = 1)",
            repo.kept(1).await => "kept(id = 1)", repo.kept(2).await => "kept(id = 2)";
            one: assert!(repo.invalidate_one(1).await);
            all: repo.cache.invalidate(["below", "kept"])
        );
    });
}

#[test]
fn must_use_is_kept() {
    block_on(async {
        let repo = attributes::Documented::default();
        #[expect(unused_must_use, reason = "if `must_use` is lost, this expectation is unfulfilled")]
        {
            repo.above_and_below(1).await;
        }
        #[expect(unused_must_use, reason = "if `must_use` is lost, this expectation is unfulfilled")]
        {
            repo.below(1).await;
        }
        #[expect(unused_must_use, reason = "if `must_use` is lost, this expectation is unfulfilled")]
        {
            repo.invalidate_one(2).await;
        }
        assert_eq!(repo.cache.len(), 2);
    });
}
