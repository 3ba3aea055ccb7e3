//! Asynchronous functions that come through a `macro_rules!`.
#![deny(warnings)]

use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};
use futures_lite::future::{block_on, yield_now};

trait Count {
    async fn count(&self, of: u32) -> usize;
}

macro_rules! repository {
    ($name:ident, $id:ty, $value:ty, $ttl:expr, $arg:ident, $fetch:expr, $body:block) => {
        #[derive(HasCache)]
        struct $name {
            cache: Cache,
        }

        impl $name {
            #[cached_query(ttl = $ttl, tags("id:{id}"))]
            async fn get(&self, id: $id) -> $value {
                $fetch.await;
                id.into()
            }

            #[cached_query(ttl = $ttl)]
            async fn find(&self, $arg: &$id) -> Result<$value, String> {
                let found: Result<$value, String> = async { Ok($arg.clone().into()) }.await;
                Ok(found?)
            }

            #[cached_query(ttl = $ttl)]
            async fn block(&self) -> u32 $body

            #[invalidates(get(id.clone()), |value| find(value))]
            async fn change(&self, id: $id) -> $id {
                $fetch.await;
                id
            }
        }

        #[cached_impl]
        impl Count for $name {
            #[cached_query(ttl = $ttl)]
            async fn count(&self, $arg: u32) -> usize {
                $arg as usize
            }
        }
    };
}

repository!(Small, u8, u32, "5m", id, yield_now(), { 5 });
repository!(Long, String, Box<str>, 300, by, async { yield_now().await }, {
    yield_now().await;
    6
});

macro_rules! functions {
    ($(async fn $name:ident($($arg:ident: $ty:ty),*) -> $returns:ty $body:block)*) => {
        $(
            #[cached_query(ttl = "5m")]
            async fn $name($($arg: $ty),*) -> $returns $body
        )*
    };
}

functions! {
    async fn one(id: u32) -> u32 {
        yield_now().await;
        id
    }
    async fn two(a: u32, b: &str) -> Option<usize> {
        let a = usize::try_from(a).ok()?;
        Some(a + b.len())
    }
}

async fn run() {
    let (small, long) = (Small { cache: Cache::new() }, Long { cache: Cache::new() });
    for _ in 0..2 {
        assert_eq!(
            (small.get(1).await, small.find(&2).await, small.block().await, small.count(3).await),
            (1, Ok(2), 5, 3)
        );
        assert_eq!((&*long.get("a".to_owned()).await, long.block().await, long.count(3).await), ("a", 6, 3));
        assert_eq!(long.find(&"a".to_owned()).await, Ok("a".into()));
        assert_eq!((one(1).await, two(1, "a").await), (1, Some(2)));
    }
    assert_eq!((small.cache.stats().loads, long.cache.stats().loads), (4, 4));
    assert_eq!((small.change(2).await, small.cache.len()), (2, 3));
    assert_eq!((&*long.change("a".to_owned()).await, long.cache.len()), ("a", 2));
}

fn main() {
    block_on(run());
}
