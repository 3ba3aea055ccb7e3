//! P11: mutations always invalidate, however they end.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cache_core::{Cache, HasCache, cached_query, invalidates};

use super::mode::block_on;

type Outcome = Result<u32, String>;

#[derive(HasCache, Default)]
struct Repo {
    cache: Cache,
}

#[derive(Clone, Copy)]
enum End {
    Ok,
    Err,
    Question,
    Early,
    Panic,
}

fn fail() -> Outcome {
    Err("no".into())
}

fn end(how: End) -> Outcome {
    match how {
        End::Question => {
            let value = fail()?;
            Ok(value)
        }
        End::Early => Ok(2),
        End::Ok => Ok(1),
        End::Err => fail(),
        End::Panic => panic!("in the body"),
    }
}

impl Repo {
    #[cached_query]
    async fn read(&self) -> u32 {
        1
    }

    #[cached_query]
    async fn spared(&self) -> u32 {
        1
    }

    #[invalidates("read")]
    async fn write(&self, how: End) -> Outcome {
        if matches!(how, End::Early) {
            return Ok(2);
        }
        let value = end(how)?;
        Ok(value)
    }

    #[invalidates("read", on = "ok")]
    async fn write_on_ok(&self, how: End) -> Outcome {
        if matches!(how, End::Early) {
            return Ok(2);
        }
        let value = end(how)?;
        Ok(value)
    }

    #[invalidates("read", on = "ok")]
    async fn no_result_on_ok(&mut self, how: End) -> bool {
        end(how).is_ok()
    }

    #[invalidates("read", "spared")]
    async fn both(&mut self) {}

    #[invalidates(all)]
    async fn everything(self) -> Cache {
        self.cache
    }

    #[invalidates("read")]
    async fn nothing_is_invalidated_before_the_end(&self) -> usize {
        self.cache.len()
    }

    /// Borrows from its argument: a closure around the body must not prevent that.
    #[invalidates("read")]
    async fn borrows<'a>(&mut self, text: &'a mut String) -> &'a str {
        text.push('!');
        text
    }

    #[invalidates("read")]
    async fn opaque(&self, to: u32) -> impl Iterator<Item = u32> + use<> {
        0..to
    }

    #[invalidates("read")]
    async fn patterns(&self, (mut a, _): (u32, u32), [b, ..]: [u32; 3], mut c: u32, _: u32) -> u32 {
        a += 1;
        c += 1;
        a + b + c
    }

    #[invalidates("read")]
    async fn inner_attribute(&self) -> u32 {
        #![expect(unused_variables, reason = "the attribute must apply to the body")]
        let unused = 1;
        2
    }

    /// All in one line: generated braces around the body would trigger a warning.
    #[rustfmt::skip]
    #[invalidates("read")]
    async fn one_line(&self) -> u32 { self.spared().await }

    /// Takes transactions that commit when they are dropped: unused, partly used, and in a pattern.
    #[invalidates("read")]
    #[expect(unused_variables, reason = "an unused argument is one of the cases")]
    async fn commits(&self, unused: Transaction<'_>, partly: Request<'_>, _: Transaction<'_>) -> usize {
        partly.name.len()
    }

    async fn cached() -> Self {
        let repo = Self::default();
        repo.read().await;
        repo.spared().await;
        repo
    }

    async fn is_invalidated(&self) -> bool {
        self.spared().await;
        match self.cache.len() {
            1 => true,
            2 => false,
            len => panic!("{len} entries"),
        }
    }
}

/// Reads the repository when it is dropped, as another thread could at that moment.
struct Transaction<'a>(&'a Repo);

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        block_on(self.0.read());
    }
}

struct Request<'a> {
    name: String,
    #[expect(dead_code, reason = "only its drop matters")]
    transaction: Transaction<'a>,
}

async fn invalidates_at_its_end(write: impl AsyncFn(&mut Repo, End) -> Option<Outcome>, how: End) -> bool {
    let mut repo = Repo::cached().await;
    let result = catch_unwind(AssertUnwindSafe(|| block_on(write(&mut repo, how))));
    match how {
        End::Panic => assert!(result.is_err(), "the panic reaches the caller"),
        _ => assert!(result.is_ok()),
    }
    repo.is_invalidated().await
}

#[test]
fn p11_a_mutation_invalidates_however_it_ends() {
    block_on(async {
        for how in [End::Ok, End::Err, End::Question, End::Early, End::Panic] {
            assert!(invalidates_at_its_end(async |repo: &mut Repo, how| Some(repo.write(how).await), how).await);
        }
    });
}

#[test]
fn p11_a_mutation_on_ok_invalidates_only_then() {
    block_on(async {
        for (how, expected) in
            [(End::Ok, true), (End::Early, true), (End::Err, false), (End::Question, false), (End::Panic, false)]
        {
            assert_eq!(
                invalidates_at_its_end(async |repo: &mut Repo, how| Some(repo.write_on_ok(how).await), how).await,
                expected
            );
        }
        for (how, expected) in [(End::Ok, true), (End::Err, true), (End::Panic, false)] {
            let is_invalidated = invalidates_at_its_end(
                async |repo: &mut Repo, how| {
                    repo.no_result_on_ok(how).await;
                    None
                },
                how,
            )
            .await;
            assert_eq!(is_invalidated, expected, "other types than `Result` have no error");
        }
    });
}

#[test]
fn p11_targets_are_invalidated_together_at_the_end() {
    block_on(async {
        let mut repo = Repo::cached().await;
        assert_eq!(repo.nothing_is_invalidated_before_the_end().await, 2);
        assert!(repo.is_invalidated().await);
        repo.read().await;
        repo.both().await;
        assert!(repo.cache.is_empty());
        repo.read().await;
        repo.spared().await;
        assert!(repo.everything().await.is_empty());
    });
}

#[test]
fn p11_a_mutation_may_return_any_type() {
    block_on(async {
        let mut repo = Repo::cached().await;
        let mut text = String::from("a");
        assert_eq!(repo.borrows(&mut text).await, "a!");
        assert!(repo.is_invalidated().await);
        repo.read().await;
        assert_eq!(repo.opaque(3).await.sum::<u32>(), 3);
        assert!(repo.is_invalidated().await);
    });
}

#[test]
fn p11_arguments_are_dropped_before_the_invalidation() {
    block_on(async {
        let repo = Repo::cached().await;
        let transaction = || Transaction(&repo);
        let request = Request { name: "ab".into(), transaction: transaction() };
        assert_eq!(repo.commits(transaction(), request, transaction()).await, 2);
        assert!(repo.is_invalidated().await, "what was read in the drop of an argument was not invalidated");
    });
}

#[test]
fn p11_a_mutation_may_take_any_arguments() {
    block_on(async {
        let repo = Repo::cached().await;
        assert_eq!(repo.patterns((1, 2), [3, 4, 5], 6, 7).await, 12);
        assert!(repo.is_invalidated().await);
        repo.read().await;
        assert_eq!((repo.inner_attribute().await, repo.one_line().await), (2, 1));
        assert!(repo.is_invalidated().await);
    });
}
