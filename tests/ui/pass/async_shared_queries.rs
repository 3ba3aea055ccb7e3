//! Asynchronous queries with `shared`, and mutations with `on_unreachable`, without a tier.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use cache_core::{Cache, HasCache, PublishError, cached_impl, cached_query, invalidates};

#[derive(Clone, PartialEq, Debug)]
enum Failed {
    Database,
    Unreachable(PublishError),
}

impl From<PublishError> for Failed {
    fn from(error: PublishError) -> Self {
        Self::Unreachable(error)
    }
}

type Fallible<T> = Result<T, Failed>;

#[derive(HasCache)]
struct Library {
    keys: AtomicU32,
    cache: Cache,
}

impl Library {
    fn made(&self, key: u32) -> String {
        self.keys.fetch_add(1, Ordering::Relaxed);
        key.to_string()
    }

    #[cached_query(ttl = "5m", shared, key(self.made(id)), tags("track:{id}"))]
    async fn track(&self, id: u32) -> Result<u32, Failed> {
        Ok(id)
    }

    #[cached_query(ttl = "5m", stale_while_revalidate = "1s", background, shared)]
    async fn background(self: Arc<Self>, id: u32) -> Fallible<u32> {
        Ok(id)
    }

    #[invalidates(track(id), on_unreachable = "fail")]
    fn change(&self, id: u32) -> Result<u32, Failed> {
        if id == 0 {
            return Err(Failed::Database);
        }
        Ok(id)
    }

    #[invalidates(track(id), on_unreachable = "fail", on = "ok")]
    #[invalidates(all, on_unreachable = "queue")]
    async fn change_async(&self, id: u32) -> Fallible<u32> {
        self.change(id)?;
        Ok(id)
    }

    #[cached_query(shared)]
    async fn genre(&self, id: u32) -> Option<String> {
        Some(self.made(id))
    }

    #[invalidates(|id| genre(*id), on_unreachable = "fail")]
    async fn insert(&self) -> Fallible<u32> {
        Ok(1)
    }

    #[invalidates(track(id), on_unreachable = "fail", in_transaction)]
    fn change_in_transaction(&self, id: u32) -> Fallible<()> {
        Ok(())
    }

    #[invalidates("track", on_unreachable = "fail")]
    fn ids(&self, of: impl Iterator<Item = u32>) -> Result<impl Iterator<Item = u32>, Failed> {
        Ok(of.map(|id| id + 1))
    }

    #[invalidates("track", on_unreachable = "fail")]
    fn boxed<T>(&self, value: T) -> Result<T, Box<dyn std::error::Error + Send + Sync>> {
        Ok(value)
    }
}

#[async_trait]
trait Names {
    async fn name(&self, id: u32) -> String;
    async fn set_name(&self, id: u32) -> Fallible<()>;
}

#[cached_impl]
#[async_trait]
impl Names for Library {
    #[cached_query(ttl = "5m", shared)]
    async fn name(&self, id: u32) -> String {
        id.to_string()
    }

    #[invalidates(name(id), on_unreachable = "fail")]
    async fn set_name(&self, id: u32) -> Fallible<()> {
        Ok(())
    }
}

fn is_send<T: Send>(value: T) -> T {
    value
}

fn main() {
    futures_lite::future::block_on(async {
        let library = Arc::new(Library { keys: AtomicU32::new(0), cache: Cache::new() });
        assert_eq!((is_send(library.track(1)).await, library.track(1).await), (Ok(1), Ok(1)));
        assert_eq!((library.keys.load(Ordering::Relaxed), library.cache.len()), (2, 1));
        assert_eq!((library.change(1), library.cache.len()), (Ok(1), 0));
        assert_eq!(library.change(0), Err(Failed::Database));

        assert_eq!((library.genre(1).await, library.genre(2).await), (Some("1".into()), Some("2".into())));
        assert_eq!((is_send(library.insert()).await, library.cache.len()), (Ok(1), 1));
        assert_eq!((is_send(library.change_async(1)).await, library.cache.len()), (Ok(1), 0));

        assert_eq!(is_send(Arc::clone(&library).background(1)).await, Ok(1));
        assert_eq!((library.name(1).await, library.cache.len()), ("1".into(), 2));
        assert_eq!((library.set_name(1).await, library.cache.len()), (Ok(()), 1));

        library.track(1).await.unwrap();
        assert_eq!(library.ids([1].into_iter()).unwrap().collect::<Vec<_>>(), [2]);
        assert_eq!((library.boxed(5).unwrap(), library.cache.len()), (5, 1));

        let transaction = library.cache.transaction();
        let within = Library { keys: AtomicU32::new(0), cache: transaction.cache() };
        assert_eq!(within.change_in_transaction(1), Ok(()));
        transaction.commit();
    });
}
