//! P11: mutations always invalidate, however they end.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cache_core::{Cache, HasCache, cached_query, invalidates};

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
    fn read(&self) -> u32 {
        1
    }

    #[cached_query]
    fn spared(&self) -> u32 {
        1
    }

    #[invalidates("read")]
    fn write(&self, how: End) -> Outcome {
        if matches!(how, End::Early) {
            return Ok(2);
        }
        let value = end(how)?;
        Ok(value)
    }

    #[invalidates("read", on = "ok")]
    fn write_on_ok(&self, how: End) -> Outcome {
        if matches!(how, End::Early) {
            return Ok(2);
        }
        let value = end(how)?;
        Ok(value)
    }

    #[invalidates("read", on = "ok")]
    fn no_result_on_ok(&mut self, how: End) -> bool {
        end(how).is_ok()
    }

    #[invalidates("read", "spared")]
    fn both(&mut self) {}

    #[invalidates(all)]
    fn everything(self) -> Cache {
        self.cache
    }

    #[invalidates("read")]
    fn nothing_is_forgotten_before_the_end(&self) -> usize {
        self.cache.len()
    }

    /// Borrows from what it is given, which a closure around the body must not prevent.
    #[invalidates("read")]
    fn borrows<'a>(&mut self, text: &'a mut String) -> &'a str {
        text.push('!');
        text
    }

    #[invalidates("read")]
    fn opaque(&self, to: u32) -> impl Iterator<Item = u32> + use<> {
        0..to
    }

    #[invalidates("read")]
    fn patterns(&self, (mut a, _): (u32, u32), [b, ..]: [u32; 3], mut c: u32, _: u32) -> u32 {
        a += 1;
        c += 1;
        a + b + c
    }

    #[invalidates("read")]
    fn inner_attribute(&self) -> u32 {
        #![expect(unused_variables, reason = "it must reach the body")]
        let unused = 1;
        2
    }

    /// All in one line, where braces of ours around the body would be told to be superfluous.
    #[rustfmt::skip]
    #[invalidates("read")]
    fn one_line(&self) -> u32 { self.spared() }

    /// Takes transactions that commit when they are dropped: unused, used in part, and in a pattern.
    #[invalidates("read")]
    #[expect(unused_variables, reason = "an unused argument is one of the cases, and is told as such")]
    fn commits(&self, unused: Transaction<'_>, partly: Request<'_>, _: Transaction<'_>) -> usize {
        partly.name.len()
    }

    fn warm() -> Self {
        let repo = Self::default();
        repo.read();
        repo.spared();
        repo
    }

    fn forgot(&self) -> bool {
        self.spared();
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
        self.0.read();
    }
}

struct Request<'a> {
    name: String,
    #[expect(dead_code, reason = "it is there to be dropped")]
    transaction: Transaction<'a>,
}

fn forgets(write: fn(&mut Repo, End) -> Option<Outcome>, how: End) -> bool {
    let mut repo = Repo::warm();
    let result = catch_unwind(AssertUnwindSafe(|| write(&mut repo, how)));
    match how {
        End::Panic => assert!(result.is_err(), "a panic goes on to the caller"),
        _ => assert!(result.is_ok()),
    }
    repo.forgot()
}

#[test]
fn p11_a_mutation_invalidates_however_it_ends() {
    for how in [End::Ok, End::Err, End::Question, End::Early, End::Panic] {
        assert!(forgets(|repo, how| Some(repo.write(how)), how));
    }
}

#[test]
fn p11_on_ok_it_invalidates_only_then() {
    for (how, expected) in
        [(End::Ok, true), (End::Early, true), (End::Err, false), (End::Question, false), (End::Panic, false)]
    {
        assert_eq!(forgets(|repo, how| Some(repo.write_on_ok(how)), how), expected);
    }
    for (how, expected) in [(End::Ok, true), (End::Err, true), (End::Panic, false)] {
        let forgot = forgets(
            |repo, how| {
                repo.no_result_on_ok(how);
                None
            },
            how,
        );
        assert_eq!(forgot, expected, "what is no result has no error");
    }
}

#[test]
fn p11_targets_are_forgotten_together_and_at_the_end() {
    let mut repo = Repo::warm();
    assert_eq!(repo.nothing_is_forgotten_before_the_end(), 2);
    assert!(repo.forgot());
    repo.read();
    repo.both();
    assert!(repo.cache.is_empty());
    repo.read();
    repo.spared();
    assert!(repo.everything().is_empty());
}

#[test]
fn p11_a_mutation_may_return_what_it_likes() {
    let mut repo = Repo::warm();
    let mut text = String::from("a");
    assert_eq!(repo.borrows(&mut text), "a!");
    assert!(repo.forgot());
    repo.read();
    assert_eq!(repo.opaque(3).sum::<u32>(), 3);
    assert!(repo.forgot());
}

#[test]
fn p11_what_arguments_do_in_their_drop_comes_before() {
    let repo = Repo::warm();
    let transaction = || Transaction(&repo);
    let request = Request { name: "ab".into(), transaction: transaction() };
    assert_eq!(repo.commits(transaction(), request, transaction()), 2);
    assert!(repo.forgot(), "it was read again before all had been dropped, and then not forgotten");
}

#[test]
fn p11_a_mutation_may_take_what_it_likes() {
    let repo = Repo::warm();
    assert_eq!(repo.patterns((1, 2), [3, 4, 5], 6, 7), 12);
    assert!(repo.forgot());
    repo.read();
    assert_eq!((repo.inner_attribute(), repo.one_line()), (2, 1));
    assert!(repo.forgot());
}
