//! Asynchronous functions with generic arguments, in generic types, and with bounds of all kinds.
#![deny(warnings)]

use std::fmt::{Debug, Display};
use std::future::Future;
use std::hash::Hash;

use cache_core::{Cache, HasCache, cached_query, invalidates};
use futures_lite::future::{block_on, yield_now};

trait Connection {
    type Row: Clone + Debug + Send + Sync + 'static;
    fn fetch(&self, id: u32) -> impl Future<Output = Self::Row> + Send;
}

struct Memory;

impl Connection for Memory {
    type Row = String;

    async fn fetch(&self, id: u32) -> String {
        yield_now().await;
        id.to_string()
    }
}

struct Bytes;

impl Connection for Bytes {
    type Row = u8;

    async fn fetch(&self, _: u32) -> u8 {
        yield_now().await;
        7
    }
}

#[derive(HasCache)]
struct Repo<'a, C, const N: usize> {
    connection: &'a C,
    cache: Cache,
}

impl<'a, C, const N: usize> Repo<'a, C, N>
where
    C: Connection + Sync + 'a,
{
    #[cached_query(ttl = "5m", tags("row:{id}"))]
    async fn row(&self, id: u32) -> C::Row {
        self.connection.fetch(id).await
    }

    #[cached_query(ttl = "5m")]
    async fn try_row<E>(&self, id: u32) -> Result<C::Row, E>
    where
        E: From<String> + 'static,
    {
        if id == 0 {
            Err("no such row".to_owned())?
        }
        Ok(self.connection.fetch(id).await)
    }

    #[cached_query(ttl = "5m", tags("any:{key}"))]
    async fn any<K: Clone + Display + Eq + Hash + Send + Sync + 'static, const M: usize>(
        &self,
        key: K,
        _: [u8; M],
    ) -> usize {
        yield_now().await;
        key.to_string().len() + M + N
    }

    #[cached_query(ttl = "5m", skip(other))]
    async fn with(&self, id: u32, other: &(impl Connection<Row = u8> + Sync)) -> u8 {
        other.fetch(id).await
    }

    #[invalidates(row(id), |row| any(row.clone(), [0; 3]))]
    async fn change(&self, id: u32) -> String
    where
        C: Connection<Row = String>,
    {
        self.connection.fetch(id).await
    }
}

#[cached_query(ttl = "5m", key(id))]
async fn of<C>(connection: &C, id: u32) -> C::Row
where
    C: Connection,
{
    connection.fetch(id).await
}

#[cached_query(ttl = "5m", skip(load))]
async fn output<F: Future<Output: Clone + Send + Sync> + 'static>(id: u32, load: F) -> <F as Future>::Output {
    load.await
}

#[invalidates("of", "output")]
async fn write<C: Connection>(connection: &C) -> C::Row {
    connection.fetch(1).await
}

fn sent<T>(future: impl Future<Output = T> + Send) -> impl Future<Output = T> + Send {
    future
}

async fn run() {
    let repo = Repo::<_, 2> { connection: &Memory, cache: Cache::new() };
    for _ in 0..2 {
        assert_eq!((sent(repo.row(1)).await, sent(repo.any('a', [0; 3])).await), ("1".to_owned(), 6));
        assert_eq!(sent(repo.try_row::<String>(1)).await, Ok("1".to_owned()));
        assert_eq!(repo.any("a".to_owned(), [0; 3]).await, 6);
        assert_eq!(sent(repo.with(1, &Bytes)).await, 7);
        assert_eq!(sent(of(&Memory, 1)).await, "1");
    }
    assert_eq!(output(1, async { 5 }).await, 5);
    assert!(repo.try_row::<String>(0).await.is_err());
    let stats = repo.cache.stats();
    assert_eq!((stats.loads, stats.hits, repo.cache.len()), (6, 5, 5));
    assert_eq!((sent(repo.change(1)).await, repo.cache.len()), ("1".to_owned(), 4));
    assert_eq!(sent(write(&Memory)).await, "1");
    assert!(Cache::global().is_empty());
}

fn main() {
    block_on(run());
}
