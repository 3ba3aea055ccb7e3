//! Traits with `async fn`s, with functions that return futures, and with what `#[async_trait]` makes of them.
#![deny(warnings)]

use std::future::Future;

use async_trait::async_trait;
use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};
use futures_lite::future::{block_on, yield_now};

#[derive(Clone, HasCache)]
struct Repo {
    number: u32,
    cache: Cache,
}

trait Native {
    type Id;
    async fn get(&self, id: Self::Id) -> Result<u32, String>;
    fn sent(&self, id: u32) -> impl Future<Output = u32> + Send;
    async fn largest(of: &[u32]) -> Option<u32>;
    async fn change(&mut self, id: u32);
}

#[cached_impl]
impl Native for Repo {
    type Id = u32;

    #[cached_query(ttl = "5m", tags("id:{id}"))]
    async fn get(&self, id: Self::Id) -> Result<u32, String> {
        yield_now().await;
        (id > 0).then_some(id + self.number).ok_or_else(|| "no such number".to_owned())
    }

    #[cached_query(ttl = "5m")]
    async fn sent(&self, id: u32) -> u32 {
        yield_now().await;
        id + self.number
    }

    #[cached_query(ttl = "5m")]
    async fn largest(of: &[u32]) -> Option<u32> {
        of.iter().max().copied()
    }

    #[invalidates(get(id), "sent")]
    async fn change(&mut self, id: u32) {
        yield_now().await;
        self.number += id;
    }
}

#[async_trait]
trait Dynamic: Send + Sync {
    async fn find(&self, id: u32, text: &str) -> Option<u32>;
    async fn count(&self) -> u32 {
        0
    }
    async fn rename(&self, id: u32, text: &str) -> Result<u32, String>;
}

#[cached_impl]
#[async_trait]
impl Dynamic for Repo {
    #[cached_query(ttl = "5m", tags("text:{text}"))]
    async fn find(&self, id: u32, text: &str) -> Option<u32> {
        yield_now().await;
        let number = text.parse::<u32>().ok()?;
        Some(id + number)
    }

    #[cached_query]
    async fn count(&self) -> u32 {
        self.number
    }

    #[invalidates(find(id, text), |number| find(*number, text))]
    async fn rename(&self, id: u32, text: &str) -> Result<u32, String> {
        yield_now().await;
        let number: u32 = text.parse().map_err(|_| text.to_owned())?;
        Ok(id + number)
    }
}

#[cached_impl]
#[async_trait(?Send)]
trait Provided: HasCache {
    async fn raw(&self, id: u32) -> u32;

    #[cached_query(ttl = "5m")]
    async fn doubled(&self, id: u32) -> u32 {
        let shared = std::rc::Rc::new(id);
        self.raw(*shared).await * 2
    }

    #[invalidates(doubled(id))]
    async fn touch(&self, id: u32) {
        self.raw(id).await;
    }
}

#[async_trait(?Send)]
impl Provided for Repo {
    async fn raw(&self, id: u32) -> u32 {
        yield_now().await;
        id
    }
}

#[cached_impl]
trait ProvidedNatively: HasCache {
    async fn raw_number(&self, id: u32) -> u32;

    #[cached_query(ttl = "5m")]
    async fn tripled(&self, id: u32) -> u32 {
        self.raw_number(id).await * 3
    }

    #[invalidates("tripled")]
    async fn touch_all(&self) {}
}

impl ProvidedNatively for Repo {
    async fn raw_number(&self, id: u32) -> u32 {
        id
    }
}

struct Generic<T> {
    rows: Vec<T>,
    cache: Cache,
}

impl<T> HasCache for Generic<T> {
    fn cache(&self) -> &Cache {
        &self.cache
    }
}

#[async_trait]
trait Rows<T> {
    async fn row(&self, at: usize) -> Option<T>;
    async fn set(&mut self, at: usize, row: T) -> Option<()>;
}

#[cached_impl]
#[async_trait]
impl<T> Rows<T> for Generic<T>
where
    T: Clone + Send + Sync + 'static,
{
    #[cached_query(ttl = "5m")]
    async fn row(&self, at: usize) -> Option<T> {
        yield_now().await;
        self.rows.get(at).cloned()
    }

    #[invalidates(row(at))]
    async fn set(&mut self, at: usize, row: T) -> Option<()> {
        yield_now().await;
        *self.rows.get_mut(at)? = row;
        Some(())
    }
}

fn sent<T>(future: impl Future<Output = T> + Send) -> impl Future<Output = T> + Send {
    future
}

async fn run() {
    let mut repo = Repo { number: 1, cache: Cache::new() };
    for _ in 0..2 {
        assert_eq!((repo.get(1).await, sent(repo.sent(1)).await), (Ok(2), 2));
        assert_eq!(Repo::largest(&[1, 3]).await, Some(3));
        let dynamic: &dyn Dynamic = &repo;
        assert_eq!((sent(dynamic.find(1, "2")).await, dynamic.count().await), (Some(3), 1));
        assert_eq!((repo.doubled(2).await, repo.tripled(2).await), (4, 6));
    }
    assert!(repo.get(0).await.is_err());
    assert_eq!((repo.cache.stats().hits, repo.cache.len()), (6, 6));
    repo.change(1).await;
    assert_eq!((repo.get(1).await, repo.sent(1).await), (Ok(3), 3));
    assert_eq!((sent(repo.rename(1, "2")).await, repo.cache.len()), (Ok(3), 5));
    repo.touch(2).await;
    repo.touch_all().await;
    assert_eq!(repo.cache.len(), 3);

    let mut generic = Generic { rows: vec!['a', 'b'], cache: Cache::new() };
    assert_eq!((generic.row(1).await, generic.row(1).await), (Some('b'), Some('b')));
    assert_eq!(sent(generic.set(1, 'c')).await, Some(()));
    assert_eq!((generic.row(1).await, generic.cache.stats().loads), (Some('c'), 2));
}

fn main() {
    block_on(run());
}
