//! Traits with `#[async_trait]`, whose implementations have `#[cached_impl]` above it.

use std::fmt::Display;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use async_trait::async_trait;
use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};
use futures_lite::future::{block_on, yield_now};

use crate::check::{invalidated, shown};

/// For `check!`.
macro_rules! run {
    ($expression:expr) => {
        block_on(async { $expression })
    };
}

#[async_trait]
trait Tracks: Send + Sync {
    async fn get(&self, id: u32, name: &str) -> Result<String, String>;
    async fn tagged(&self, name: &str) -> Vec<String>;
    async fn rename(&self, id: u32, name: &str) -> Result<(), String>;
    async fn of_result(&self, name: &str) -> Result<(u32, String), String>;
    async fn by_tag(&self, name: &str);
    async fn invalidate(&self);
}

#[derive(HasCache, Default)]
struct Repo {
    cache: Cache,
}

#[cached_impl]
#[async_trait]
impl Tracks for Repo {
    #[cached_query(ttl = "5m", tags("name:{name}"))]
    async fn get(&self, id: u32, name: &str) -> Result<String, String> {
        yield_now().await;
        let id = id.checked_sub(1).ok_or("no track")?;
        yield_now().await;
        Ok(format!("{name} {id}"))
    }

    #[cached_query(tags_from = |tags| tags, cache_if = |tags| tags.len() > 1)]
    async fn tagged(&self, name: &str) -> Vec<String> {
        yield_now().await;
        name.split(' ').map(String::from).collect()
    }

    #[invalidates(get(id, name))]
    async fn rename(&self, id: u32, name: &str) -> Result<(), String> {
        yield_now().await;
        if id > 9 { Err(name.into()) } else { Ok(()) }
    }

    #[invalidates(|(id, name)| get(*id, name), on = "ok")]
    async fn of_result(&self, name: &str) -> Result<(u32, String), String> {
        yield_now().await;
        if name.is_empty() { Err("no name".into()) } else { Ok((1, name.into())) }
    }

    #[invalidates(tags("name:{name}", name))]
    async fn by_tag(&self, name: &str) {
        yield_now().await;
    }

    #[invalidates("get", "tagged")]
    async fn invalidate(&self) {
        yield_now().await;
    }
}

#[test]
fn an_implementation() {
    let repo = Repo::default();
    check!(
        &repo.cache;
        repo.get(1, "a").await.unwrap() => "get(id = 1, name = \"a\") [name:a]",
        repo.get(2, "a").await.unwrap() => "get(id = 2, name = \"a\") [name:a]",
        repo.get(1, "b").await.unwrap() => "get(id = 1, name = \"b\") [name:b]";
        one: repo.rename(1, "a").await.unwrap();
        all: repo.invalidate().await
    );
    run!(repo.get(0, "a").await).unwrap_err();
    run!(repo.tagged("c").await);
    assert_eq!(repo.cache.len(), 3, "errors and values refused by `cache_if` are not cached");
    assert_eq!(run!(repo.tagged("a c").await), ["a", "c"]);
    let gone = |write: &dyn Fn()| invalidated(&repo.cache, write);
    assert_eq!(gone(&|| run!(repo.of_result("").await.unwrap_err().clear())), [""; 0]);
    assert_eq!(gone(&|| run!(repo.rename(10, "a").await.unwrap_err().clear())), [""; 0], "no such entry");
    assert_eq!(
        gone(&|| run!(assert_eq!(repo.of_result("b").await.unwrap().0, 1))),
        ["get(id = 1, name = \"b\") [name:b]"]
    );
    assert_eq!(gone(&|| run!(repo.by_tag("a").await)).len(), 3);
    assert!(repo.cache.is_empty());
}

#[test]
fn an_implementation_behind_dyn() {
    let repo = Arc::new(Repo::default());
    let tracks: Arc<dyn Tracks> = repo.clone();
    check!(
        &repo.cache;
        tracks.get(1, "a").await.unwrap() => "get(id = 1, name = \"a\") [name:a]",
        tracks.get(1, "b").await.unwrap() => "get(id = 1, name = \"b\") [name:b]";
        one: thread::scope(|scope| scope.spawn(|| run!(tracks.rename(1, "a").await)).join().unwrap()).unwrap();
        all: tracks.invalidate().await
    );
}

struct Sqlite<T> {
    cache: Cache,
    of: PhantomData<fn() -> T>,
}

impl<T> HasCache for Sqlite<T> {
    fn cache(&self) -> &Cache {
        &self.cache
    }
}

impl<T> Sqlite<T> {
    fn new(cache: &Cache) -> Self {
        Self { cache: cache.clone(), of: PhantomData }
    }
}

#[async_trait]
trait Lookup<K> {
    type Row: Display;

    async fn find(&self, key: &K) -> Option<Self::Row>;
    async fn show<N: Display + Send + Sync + 'static>(&self, key: K) -> String;
    async fn change(&self, key: &K);
    async fn change_shown<N: Display + Send + Sync + 'static>(&self, key: K);
    async fn invalidate(&self);
}

#[cached_impl]
#[async_trait]
impl<T: Default + Display + Send + Clone + Sync + 'static> Lookup<u32> for Sqlite<T> {
    type Row = String;

    #[cached_query(tags("key:{key}"))]
    async fn find(&self, key: &u32) -> Option<Self::Row> {
        yield_now().await;
        let row = key.checked_add(1)?;
        Some(format!("{}{row}", T::default()))
    }

    #[cached_query]
    async fn show<N: Display + Send + Sync + 'static>(&self, key: u32) -> String {
        yield_now().await;
        format!("{} {} {key}", std::any::type_name::<N>(), T::default())
    }

    #[invalidates(find(key))]
    async fn change(&self, key: &u32) {
        yield_now().await;
    }

    #[invalidates(show::<N>(key))]
    async fn change_shown<N: Display + Send + Sync + 'static>(&self, key: u32) {}

    #[invalidates("find", "show")]
    async fn invalidate(&self) {}
}

#[test]
fn p10_an_implementation_of_a_generic_trait_for_a_generic_type() {
    let cache = Cache::new();
    let (number, text) = (Sqlite::<u8>::new(&cache), Sqlite::<String>::new(&cache));
    check!(
        &cache;
        number.find(&1).await => "find(key = 1) [key:1]",
        number.find(&u32::MAX).await => "find(key = 4294967295) [key:4294967295]",
        text.find(&1).await => "find(key = 1) [key:1]";
        one: number.change(&1).await;
        all: { number.invalidate().await; text.invalidate().await }
    );
    check!(
        &cache;
        number.show::<u8>(1).await => "show(key = 1)",
        number.show::<u16>(1).await => "show(key = 1)",
        text.show::<u8>(1).await => "show(key = 1)";
        one: number.change_shown::<u8>(1).await;
        all: { number.invalidate().await; text.invalidate().await }
    );
}

/// Each method has its own hidden default, so the trait can be used as `dyn`.
#[cached_impl]
#[async_trait]
trait Years: HasCache + Send + Sync {
    async fn base(&self) -> u32;

    #[cached_query(ttl = "5m", tags("year:{id}", "years"))]
    async fn year(&self, id: u32) -> u32 {
        self.base().await + id
    }

    #[cached_query(key(name.len()))]
    async fn fallible(&self, name: &str) -> Result<u32, String> {
        let rest = u32::try_from(name.len()).unwrap().checked_sub(1).ok_or("too early")?;
        Ok(self.base().await + rest)
    }

    #[invalidates(year(id), |id| year(id + 1))]
    async fn change_year(&self, id: u32) -> u32 {
        self.base().await;
        id
    }

    #[invalidates(tags("years"), "fallible")]
    async fn invalidate_years(&self) {}
}

#[derive(HasCache, Default)]
struct Songs {
    cache: Cache,
}

#[async_trait]
impl Years for Songs {
    async fn base(&self) -> u32 {
        yield_now().await;
        1000
    }
}

/// Keeps the provided `year`, and overrides `fallible` with its own query.
#[derive(HasCache, Default)]
struct Films {
    cache: Cache,
}

#[cached_impl]
#[async_trait]
impl Years for Films {
    async fn base(&self) -> u32 {
        2000
    }

    #[cached_query(tags("overridden"))]
    async fn fallible(&self, name: &str) -> Result<u32, String> {
        yield_now().await;
        Ok(u32::try_from(name.len()).unwrap())
    }
}

#[test]
fn p10_provided_methods_behind_dyn() {
    let songs = Songs::default();
    let films = Films { cache: songs.cache.clone() };
    let (dyn_songs, dyn_films): (&dyn Years, Box<dyn Years>) = (&songs, Box::new(films));
    check!(
        &songs.cache;
        dyn_songs.year(1).await => "year(id = 1) [year:1, years]",
        dyn_songs.year(3).await => "year(id = 3) [year:3, years]",
        dyn_films.year(1).await => "year(id = 1) [year:1, years]";
        one: assert_eq!(dyn_songs.change_year(1).await, 1);
        all: dyn_films.invalidate_years().await
    );
    check!(
        &songs.cache;
        dyn_songs.fallible("a").await.unwrap() => "fallible(name.len() = 1)",
        dyn_films.fallible("ab").await.unwrap() => "fallible(name = \"ab\") [overridden]";
        one: dyn_songs.invalidate_years().await;
        all: songs.cache.invalidate_all()
    );
    run!(dyn_songs.fallible("").await).unwrap_err();
    songs.cache.invalidate_all();
    run!({
        songs.year(1).await;
        dyn_songs.year(1).await;
        dyn_songs.year(2).await
    });
    assert_eq!(shown(&songs.cache), ["year(id = 1) [year:1, years]", "year(id = 2) [year:2, years]"]);
    run!(dyn_songs.change_year(1).await);
    assert!(songs.cache.is_empty(), "one is named by an argument, the other by the result");
}

/// Values that are not `Send` may be held across an await.
#[async_trait(?Send)]
trait Local {
    async fn sum(&self, id: u32) -> u32;
    async fn change(&self, id: &Rc<u32>);
}

#[cached_impl]
#[async_trait(?Send)]
impl Local for Repo {
    #[cached_query]
    async fn sum(&self, id: u32) -> u32 {
        let shared = Rc::new(id);
        yield_now().await;
        *shared + 1
    }

    #[invalidates(sum(**id))]
    async fn change(&self, id: &Rc<u32>) {
        yield_now().await;
    }
}

#[test]
fn an_implementation_that_stays_on_its_thread() {
    let repo = Repo::default();
    check!(
        &repo.cache;
        repo.sum(1).await => "sum(id = 1)", repo.sum(2).await => "sum(id = 2)";
        one: repo.change(&Rc::new(1)).await;
        all: repo.cache.invalidate(["sum"])
    );
}
