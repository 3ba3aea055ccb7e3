//! Asynchronous queries that are cached by each id of a list.
#![deny(warnings)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};
use futures_lite::future::{block_on, yield_now};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

struct Connection;

impl Connection {
    async fn query(&mut self, ids: &[u32]) -> Result<HashMap<u32, String>, String> {
        yield_now().await;
        Ok(ids.iter().map(|id| (*id, id.to_string())).collect())
    }
}

impl Repo {
    #[cached_query(each = ids, ttl = "5m", tags("track:{id}"), stale_if_error = "1h", retry_after = "1s")]
    async fn slice(&self, ids: &[u32]) -> Result<HashMap<u32, String>, String> {
        if ids.contains(&13) {
            return Err("unlucky".to_owned());
        }
        let mut found = Connection.query(ids).await?;
        found.remove(&0);
        Ok(found)
    }

    #[cached_query(each = ids, skip(connection), refresh_ahead = "1m", ttl = "5m")]
    async fn skipped(&self, connection: &mut Connection, ids: BTreeSet<u32>) -> Result<HashMap<u32, String>, String> {
        let ids: Vec<u32> = ids.into_iter().collect();
        connection.query(&ids).await
    }

    #[cached_query(each = ids, weight = |name| name.as_ref().map_or(1, String::len))]
    async fn cloned(self: Arc<Self>, mut ids: Vec<u32>, language: String, mut lowest: u32) -> BTreeMap<u32, String> {
        ids.sort_unstable();
        lowest += 1;
        yield_now().await;
        drop(language);
        ids.into_iter().filter(|id| *id >= lowest).map(|id| (id, id.to_string())).collect()
    }

    #[invalidates(slice(id), cloned(id, language.clone(), 0))]
    async fn forget(&self, id: u32, language: String) {
        drop(language);
    }

    #[invalidates(for id in ids { slice(*id) })]
    async fn forget_all(&self, ids: &[u32]) {
        assert!(!ids.is_empty());
    }
}

#[async_trait]
trait Tracks {
    async fn tracks(&self, ids: &[u32]) -> HashMap<u32, u32>;
    async fn remove(&self, id: u32);
}

#[cached_impl]
#[async_trait]
impl Tracks for Repo {
    #[cached_query(each = ids)]
    async fn tracks(&self, ids: &[u32]) -> HashMap<u32, u32> {
        ids.iter().map(|id| (*id, *id)).collect()
    }

    #[invalidates(tracks(id))]
    async fn remove(&self, id: u32) {
        assert_eq!(id, 2);
    }
}

fn is_send<T: Send>(value: T) -> T {
    value
}

fn main() {
    let repo = Arc::new(Repo { cache: Cache::new() });
    block_on(is_send(async {
        let found = repo.slice(&[0, 1, 1, 2]).await.expect("they are found");
        assert_eq!(found, HashMap::from([(1, "1".to_owned()), (2, "2".to_owned())]));
        assert_eq!(repo.slice(&[13]).await, Err("unlucky".to_owned()));
        let found = repo.skipped(&mut Connection, BTreeSet::from([5])).await.expect("it is found");
        assert_eq!(found, HashMap::from([(5, "5".to_owned())]));
        let found = repo.clone().cloned(vec![2, 0, 1], "en".to_owned(), 0).await;
        assert_eq!(found, BTreeMap::from([(1, "1".to_owned()), (2, "2".to_owned())]));
        assert_eq!(repo.tracks(&[2]).await, HashMap::from([(2, 2)]));
        repo.forget(1, "en".to_owned()).await;
        repo.forget_all(&[1, 2]).await;
        repo.remove(2).await;
    }));
}
