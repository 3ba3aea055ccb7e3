//! Asynchronous functions of all kinds, with bodies of all kinds.
#![deny(warnings)]

use std::fmt::Display;
use std::num::ParseIntError;
use std::sync::Arc;

use cache_core::{Cache, HasCache, cached_query, invalidates};
use futures_lite::future::{block_on, yield_now};

#[derive(HasCache)]
struct Repo {
    numbers: Vec<u32>,
    cache: Cache,
}

async fn fetch(id: u32) -> u32 {
    yield_now().await;
    id
}

#[cached_query(ttl = "5m", tags("rate:{day}"))]
async fn rate(day: u32) -> u32 {
    fetch(day).await
}

#[invalidates(rate(day), tags("rate:{day}"))]
async fn publish(day: u32) -> u32 {
    fetch(day).await
}

impl Repo {
    #[cached_query(ttl = "5m", tags("id:{id}"), tags_from = |of| [format!("value:{of}")], cache_if = |of| *of > 0)]
    async fn get(&self, id: u32) -> u32 {
        fetch(id).await + self.numbers.len() as u32
    }

    #[cached_query]
    async fn without_await(&self) -> usize {
        self.numbers.len()
    }

    #[cached_query]
    async fn total(of: u32) -> u32 {
        fetch(of).await
    }

    #[cached_query(ttl = "5m")]
    async fn shared(self: Arc<Self>, id: u32) -> u32 {
        self.get(id).await
    }

    #[cached_query(ttl = "5m")]
    async fn shared_reference(self: &Arc<Self>, id: u32) -> u32 {
        self.get(id).await
    }

    #[cached_query(ttl = "5m")]
    async fn early_return(&self, id: u32) -> Option<u32> {
        if id == 0 {
            return None;
        }
        let number = self.numbers.get(fetch(id).await as usize)?;
        return Some(*number);
    }

    #[cached_query(ttl = "5m")]
    async fn question_mark(&self, text: &str) -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
        let parse = async || -> Result<u32, ParseIntError> { text.parse() };
        let id = parse().await?;
        let number = self.numbers.get(id as usize).ok_or("no such number")?;
        Ok(fetch(*number).await)
    }

    /// What is returned is made into the type by a coercion.
    #[cached_query(ttl = "5m")]
    async fn coerced(&self, id: u32) -> Arc<dyn Display + Send + Sync> {
        if id == 0 {
            return Arc::new("none");
        }
        Arc::new(fetch(id).await)
    }

    #[cached_query(ttl = "5m")]
    async fn loops(&self, id: u32) -> u32 {
        'outer: loop {
            for a in 0.. {
                if a > id {
                    break 'outer a;
                }
                if fetch(a).await == 7 {
                    continue 'outer;
                }
            }
        }
    }

    #[cached_query(ttl = "5m")]
    async fn label(&self, id: u32) -> u32 {
        'body: {
            if fetch(id).await > 5 {
                break 'body 0;
            }
            id
        }
    }

    #[cached_query(ttl = "5m")]
    async fn patterns(&self, (a, mut b): (u32, u32), _: u32, [c, ..]: [u32; 2], mut d: u32) -> u32 {
        b += fetch(c).await;
        d += 1;
        a + b + d
    }

    #[cached_query(ttl = "5m")]
    async fn references(&self, text: &str, ids: &[u32], other: Option<&str>) -> usize {
        yield_now().await;
        text.len() + ids.len() + other.map_or(0, str::len)
    }

    #[cached_query(ttl = "5m")]
    async fn lifetimes<'a>(&'a self, mut a: &'a str, b: &'a str) -> String {
        if fetch(1).await > 5 {
            a = b;
        }
        a.to_owned()
    }

    #[cached_query(ttl = "5m", key(id.to_string()))]
    async fn displayed(&self, id: &(impl std::fmt::Display + Sync)) -> usize {
        fetch(1).await;
        id.to_string().len()
    }

    #[cached_query(ttl = "5m", skip(note))]
    async fn skipped(&self, id: u32, note: impl FnOnce() -> u32) -> u32 {
        fetch(id).await + note()
    }

    #[cached_query(ttl = "5m")]
    async fn nested(&self, id: u32) -> u32 {
        let once = async { fetch(id).await };
        let again = async move |of: u32| {
            if of == 0 {
                return 0;
            }
            fetch(of + id).await
        };
        once.await + again(1).await
    }

    #[cached_query(ttl = "5m")]
    async fn recursive(&self, id: u32) -> u64 {
        match id {
            0 | 1 => 1,
            _ => Box::pin(self.recursive(id - 1)).await + Box::pin(self.recursive(id - 2)).await,
        }
    }

    /// # Safety
    ///
    /// It is safe.
    #[cached_query(ttl = "5m")]
    async unsafe fn of_unsafe(&self, id: u32) -> u32 {
        fetch(id).await
    }

    #[cached_query(ttl = "5m")]
    async fn r#match(&self, r#type: u32) -> u32 {
        fetch(r#type).await
    }

    #[invalidates("get", r#match(id), "early_return", tags("id:{id}"))]
    async fn change(&self, id: u32) {
        fetch(id).await;
    }

    #[invalidates(question_mark(text), on = "ok")]
    async fn change_on_ok(&self, text: &str) -> Result<u32, ParseIntError> {
        let number = text.parse()?;
        Ok(fetch(number).await)
    }

    #[invalidates(|id| get(*id))]
    #[invalidates(|id| r#match(*id))]
    async fn change_of_result(&self, text: &str) -> Result<u32, ParseIntError> {
        if text.is_empty() {
            return Ok(0);
        }
        text.parse()
    }

    #[invalidates(patterns((a, b), 0, [a, b], c))]
    async fn change_by_pattern(&mut self, (a, b): (u32, u32), c: u32, _: String, ref mut d: u32) -> u32 {
        *d += fetch(c).await;
        self.numbers.push(a);
        b + *d
    }

    #[invalidates("Self::total", Self::total(of))]
    async fn change_total(of: u32) -> u32 {
        of
    }

    #[invalidates(all)]
    async fn borrows<'a>(&'a mut self, other: &'a str) -> (&'a str, usize) {
        yield_now().await;
        (other, self.numbers.len())
    }

    #[invalidates("coerced")]
    async fn change_coerced(&self, id: u32) -> Box<dyn Display> {
        if id == 0 {
            return Box::new("none");
        }
        Box::new(fetch(id).await)
    }

    #[invalidates(all)]
    async fn hides(&self) -> impl Iterator<Item = u32> {
        yield_now().await;
        self.numbers.clone().into_iter()
    }

    #[invalidates(all)]
    async unsafe fn change_unsafe(&self) {
        yield_now().await;
    }

    #[invalidates(all)]
    async fn never(&self) -> ! {
        panic!("it never returns")
    }

    #[invalidates(all)]
    async fn consume(self) -> Vec<u32> {
        self.numbers
    }
}

async fn run() {
    let mut repo = Arc::new(Repo { numbers: vec![4, 5, 6], cache: Cache::new() });
    for _ in 0..2 {
        assert_eq!((rate(1).await, Repo::total(2).await, repo.without_await().await), (1, 2, 3));
        assert_eq!((repo.get(1).await, repo.shared_reference(2).await, repo.clone().shared(3).await), (4, 5, 6));
        assert_eq!((repo.early_return(0).await, repo.early_return(2).await), (None, Some(6)));
        assert_eq!(repo.question_mark("1").await.map_err(|error| error.to_string()), Ok(5));
        assert_eq!((repo.coerced(0).await.to_string(), repo.coerced(1).await.to_string()), ("none".into(), "1".into()));
        assert_eq!((repo.loops(3).await, repo.label(6).await, repo.label(5).await), (4, 0, 5));
        assert_eq!(repo.patterns((1, 2), 3, [4, 5], 6).await, 14);
        assert_eq!(repo.references("a", &[1, 2], Some("bcd")).await, 6);
        assert_eq!((repo.lifetimes("a", "b").await, repo.displayed(&12).await), ("a".to_owned(), 2));
        assert_eq!(
            (repo.skipped(1, || 2).await, repo.nested(1).await, repo.recursive(50).await),
            (3, 3, 20_365_011_074)
        );
        // SAFETY: they say so.
        assert_eq!((unsafe { repo.of_unsafe(1).await }, repo.r#match(7).await), (1, 7));
    }
    assert!(repo.question_mark("x").await.is_err() && repo.question_mark("9").await.is_err());
    let stats = repo.cache.stats();
    assert_eq!((stats.loads, stats.load_errors), (stats.misses, 2));
    assert!(stats.hits > 15);

    assert_eq!(repo.change_coerced(0).await.to_string() + &repo.change_coerced(1).await.to_string(), "none1");
    let before = repo.cache.len();
    repo.change(7).await;
    assert!(repo.cache.len() < before);
    let before = repo.cache.len();
    assert!(repo.change_on_ok("x").await.is_err() && repo.cache.len() == before);
    assert!(repo.change_on_ok("1").await.is_ok() && repo.cache.len() == before - 1);
    assert_eq!((repo.get(4).await, repo.change_of_result("4").await), (7, Ok(4)));
    assert_eq!((repo.change_of_result("").await, repo.cache.len()), (Ok(0), before - 1));
    assert_eq!((publish(1).await, Repo::change_total(2).await), (1, 2));
    assert!(Cache::global().is_empty());
    // SAFETY: they say so.
    unsafe { repo.change_unsafe().await };
    assert!(repo.cache.is_empty());
    assert_eq!(repo.hides().await.sum::<u32>(), 15);

    let repo = Arc::get_mut(&mut repo).unwrap();
    assert_eq!(repo.change_by_pattern((8, 1), 1, String::new(), 1).await, 3);
    assert_eq!(repo.borrows("x").await, ("x", 4));
    let repo = Repo { numbers: vec![1], cache: Cache::new() };
    drop(repo.never());
    assert_eq!(repo.consume().await, [1]);
}

fn main() {
    block_on(run());
}
