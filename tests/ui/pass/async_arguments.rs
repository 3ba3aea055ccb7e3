//! Arguments of asynchronous functions that borrow, that are generic, that are only there at times, and that are taken.
#![deny(warnings)]

use std::cell::Cell;
use std::fmt::Display;
use std::future::Future;
use std::sync::Mutex;

use cache_core::{Cache, HasCache, cached_query, invalidates};
use futures_lite::future::{block_on, yield_now};

#[derive(Clone, Copy)]
struct Filter<'a> {
    prefix: &'a str,
    volume: f64,
}

#[derive(HasCache)]
struct Repo {
    tenant: String,
    log: Mutex<Vec<String>>,
    cache: Cache,
}

impl Repo {
    #[cached_query(key(filter.prefix, filter.volume.to_bits(), &self.tenant), tags(format!("prefix:{}", filter.prefix)))]
    async fn filtered(&self, filter: Filter<'_>) -> usize {
        yield_now().await;
        filter.prefix.len() + filter.volume as usize
    }

    #[cached_query(ttl = "5m", skip(out))]
    async fn writes(&self, id: u32, out: &mut Vec<u32>) -> u32 {
        out.push(id);
        yield_now().await;
        out.push(id);
        id
    }

    #[cached_query(ttl = "5m", skip(load))]
    async fn with<F>(&self, id: u32, load: impl FnOnce(u32) -> F) -> String
    where
        F: Future<Output = u32>,
    {
        load(id).await.to_string()
    }

    #[cached_query(ttl = "5m", skip(load))]
    async fn with_async(&self, id: u32, load: impl AsyncFnOnce(u32) -> u32) -> u32 {
        load(id).await
    }

    #[cached_query(ttl = "5m", key(shown.to_string()))]
    async fn dynamic(&self, shown: &dyn Display, boxed: Box<dyn Fn() -> u32 + Send + '_>) -> u32 {
        yield_now().await;
        boxed() + shown.to_string().len() as u32
    }

    #[cached_query(ttl = "5m")]
    async fn at_times(&self, #[cfg(all())] here: u32, #[cfg(any())] gone: u32) -> u32 {
        yield_now().await;
        here
    }

    #[cached_query(ttl = "5m")]
    async fn taken(&self, text: String, mut list: Vec<u32>) -> Vec<String> {
        list.push(1);
        yield_now().await;
        let text = text;
        list.into_iter().map(|number| text.clone() + &number.to_string()).collect()
    }

    #[invalidates("filtered", with(id, async |_| id), at_times(id))]
    async fn change(&self, id: u32, text: impl Into<String>, seen: &Cell<u32>) -> usize {
        seen.set(id);
        let guard = self.log.lock().unwrap().len();
        yield_now().await;
        self.log.lock().unwrap().push(text.into());
        guard
    }

    #[invalidates(taken(text.clone(), list.to_vec()), tags("prefix:{text}"))]
    async fn change_taken(&mut self, text: String, list: &mut [u32], #[cfg(any())] gone: u32) -> String {
        yield_now().await;
        list.reverse();
        self.tenant += &text;
        text
    }

    #[invalidates(all)]
    async fn change_with(&self, write: impl AsyncFnOnce(&Self) -> u32) -> u32 {
        write(self).await
    }

    #[invalidates(all)]
    async fn change_in_depth(&self, depth: u32) -> u32 {
        if depth == 0 {
            return 0;
        }
        1 + Box::pin(self.change_in_depth(depth - 1)).await
    }
}

async fn run() {
    let mut repo = Repo { tenant: "a".to_owned(), log: Mutex::default(), cache: Cache::new() };
    let (mut out, prefix) = (Vec::new(), "ab".to_owned());
    let number = 5;
    for _ in 0..2 {
        assert_eq!(repo.filtered(Filter { prefix: &prefix, volume: 1.5 }).await, 3);
        assert_eq!((repo.writes(1, &mut out).await, &*out), (1, &[1, 1][..]));
        assert_eq!(repo.with(1, async |id| id + 1).await, "2");
        assert_eq!(repo.with_async(1, async |id| id + number).await, 6);
        assert_eq!(repo.dynamic(&7, Box::new(|| number)).await, 6);
        assert_eq!(repo.at_times(1).await, 1);
        assert_eq!(repo.taken("x".to_owned(), vec![2]).await, ["x2", "x1"]);
    }
    assert_eq!((repo.cache.stats().hits, repo.cache.len()), (7, 7));
    let seen = Cell::new(0);
    assert_eq!((repo.change(1, "text", &seen).await, seen.get(), repo.cache.len()), (0, 1, 4));
    let mut list = [2];
    assert_eq!((&*repo.change_taken("x".to_owned(), &mut list).await, repo.cache.len()), ("x", 3));
    assert_eq!((repo.change_with(async |repo| repo.cache.len() as u32).await, repo.cache.len()), (3, 0));
    assert_eq!(repo.change_in_depth(3).await, 3);
    assert_eq!(repo.log.lock().unwrap().len(), 1);
}

fn main() {
    block_on(run());
}
