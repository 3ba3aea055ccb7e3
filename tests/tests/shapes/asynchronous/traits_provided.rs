//! Queries that a trait provides, that are implemented for many types at once, that are called through `dyn`, or that
//! have no `self`.

use std::fmt::Display;
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

use super::mode::{block_on, pause, run};
use crate::check::shown;

/// Not dyn compatible: each method leaves a hidden constant in the trait.
trait Titles: HasCache {
    const PREFIX: &'static str;

    #[cached_query]
    async fn title(&self, id: u32) -> String {
        pause().await;
        format!("{} {id}", Self::PREFIX)
    }

    #[invalidates(title(id))]
    async fn retitle(&self, id: u32) {}

    #[invalidates("title")]
    async fn invalidate_titles(&self) {}
}

#[derive(HasCache, Default)]
struct Songs {
    cache: Cache,
}

#[derive(HasCache, Default)]
struct Films {
    cache: Cache,
}

impl Titles for Songs {
    const PREFIX: &'static str = "song";
}

impl Titles for Films {
    const PREFIX: &'static str = "film";
}

#[test]
fn p10_a_provided_method_of_two_types() {
    block_on(async {
        let songs = Songs::default();
        let films = Films { cache: songs.cache.clone() };
        check!(
            &songs.cache;
            songs.title(1).await => "title(id = 1)", songs.title(2).await => "title(id = 2)",
            films.title(1).await => "title(id = 1)";
            one: songs.retitle(1).await;
            all: { songs.invalidate_titles().await; films.invalidate_titles().await }
        );
        films.invalidate_titles().await;
        assert_eq!(shown(&songs.cache), ["title(id = 1)", "title(id = 2)"], "the entries of the other type stay");
    });
}

#[cached_impl]
#[async_trait]
trait Years: HasCache + Sync {
    fn base(&self) -> u32;

    #[cached_query(ttl = "5m", tags("year"))]
    async fn year(&self, id: u32) -> u32 {
        pause().await;
        self.base() + id
    }

    #[cached_query]
    async fn fallible(&self, id: u32) -> Result<u32, String> {
        pause().await;
        let rest = id.checked_sub(1).ok_or("too early")?;
        Ok(self.base() + rest)
    }

    #[invalidates(year(id), fallible(id))]
    async fn change_year(&self, id: u32) {}

    #[invalidates("year", "fallible")]
    async fn invalidate_years(&self) {}
}

#[async_trait]
impl Years for Songs {
    fn base(&self) -> u32 {
        1000
    }
}

#[async_trait]
impl Years for Films {
    fn base(&self) -> u32 {
        2000
    }
}

#[test]
fn p10_a_provided_method_behind_dyn() {
    block_on(async {
        let songs = Songs::default();
        let films = Films { cache: songs.cache.clone() };
        let (dyn_songs, dyn_films): (&dyn Years, Box<dyn Years>) = (&songs, Box::new(films));
        check!(
            &songs.cache;
            dyn_songs.year(1).await => "year(id = 1) [year]",
            dyn_songs.year(2).await => "year(id = 2) [year]",
            dyn_films.year(1).await => "year(id = 1) [year]";
            one: dyn_songs.change_year(1).await;
            all: { dyn_songs.invalidate_years().await; dyn_films.invalidate_years().await }
        );
        assert_eq!(songs.year(1).await, 1001);
        assert_eq!(songs.cache.stats().loads, 7, "it is one query, with and without `dyn`");
        dyn_films.fallible(0).await.unwrap_err();
        assert_eq!((dyn_films.fallible(1).await, dyn_songs.fallible(1).await), (Ok(2000), Ok(1000)));
        assert_eq!(songs.cache.len(), 5);
    });
}

/// Each method has its own hidden default here too, though async methods are not dyn compatible by themselves.
#[cached_impl]
trait Months: HasCache {
    const BASE: u32;

    #[cached_query(tags("month"))]
    async fn month(&self, id: u32) -> Result<u32, String> {
        pause().await;
        let rest = id.checked_sub(1).ok_or("too early")?;
        Ok(Self::BASE + rest)
    }

    #[cached_query]
    async fn generic<T: Display + 'static>(&self, text: &str) -> String {
        pause().await;
        format!("{} {text} {}", Self::BASE, std::any::type_name::<T>())
    }

    #[invalidates(month(id), generic::<u8>("a"))]
    async fn change_month(&self, id: u32) {}

    #[invalidates("month", "generic")]
    async fn invalidate_months(&self) {}
}

impl Months for Songs {
    const BASE: u32 = 10;
}

#[cached_impl]
impl Months for Films {
    const BASE: u32 = 20;

    #[cached_query(tags("overridden"))]
    async fn month(&self, id: u32) -> Result<u32, String> {
        pause().await;
        Ok(id)
    }
}

#[test]
fn p10_a_provided_method_of_a_trait_with_the_attribute() {
    block_on(async {
        let songs = Songs::default();
        let films = Films { cache: songs.cache.clone() };
        check!(
            &songs.cache;
            songs.month(1).await.unwrap() => "month(id = 1) [month]",
            songs.month(2).await.unwrap() => "month(id = 2) [month]",
            films.month(1).await.unwrap() => "month(id = 1) [overridden]";
            one: songs.change_month(1).await;
            all: { songs.invalidate_months().await; songs.cache.invalidate_tags(["overridden"]) }
        );
        songs.month(0).await.unwrap_err();
        songs.cache.invalidate_all();
        check!(
            &songs.cache;
            songs.generic::<u8>("a").await => "generic(text = \"a\")",
            songs.generic::<u8>("b").await => "generic(text = \"b\")",
            songs.generic::<char>("a").await => "generic(text = \"a\")",
            films.generic::<u8>("a").await => "generic(text = \"a\")";
            one: songs.change_month(1).await;
            all: { songs.invalidate_months().await; films.invalidate_months().await }
        );
    });
}

/// Keeps the provided `year`, and overrides `fallible` with its own query.
#[derive(HasCache, Default)]
struct Overriding {
    cache: Cache,
}

#[cached_impl]
#[async_trait]
impl Years for Overriding {
    fn base(&self) -> u32 {
        3000
    }

    #[cached_query(tags("overridden"))]
    async fn fallible(&self, id: u32) -> Result<u32, String> {
        pause().await;
        Ok(id)
    }

    #[invalidates(fallible(id))]
    async fn change_year(&self, id: u32) {}
}

#[derive(HasCache, Default)]
struct Uncached {
    cache: Cache,
}

#[async_trait]
impl Years for Uncached {
    fn base(&self) -> u32 {
        4000
    }

    async fn year(&self, id: u32) -> u32 {
        id
    }
}

#[test]
fn a_provided_method_is_overridden() {
    block_on(async {
        let overriding = Overriding::default();
        let plain = Songs { cache: overriding.cache.clone() };
        check!(
            &overriding.cache;
            overriding.fallible(7).await.unwrap() => "fallible(id = 7) [overridden]",
            plain.fallible(7).await.unwrap() => "fallible(id = 7)";
            one: overriding.change_year(7).await;
            all: overriding.cache.invalidate(["fallible"])
        );
        overriding.cache.invalidate_all();
        assert_eq!((overriding.year(7).await, shown(&overriding.cache)), (3007, vec!["year(id = 7) [year]".into()]));

        let uncached = Uncached::default();
        assert_eq!((uncached.year(1).await, uncached.fallible(1).await), (1, Ok(4000)));
        assert_eq!(shown(&uncached.cache), ["fallible(id = 1)"]);
    });
}

#[async_trait]
trait Store: Send + Sync {
    async fn load(&self, id: u32) -> Option<String>;
    async fn save(&self, id: u32);
}

#[derive(HasCache, Default)]
struct Real {
    cache: Cache,
}

/// A mock of the service above, without a cache and without the attribute.
struct Mock;

#[cached_impl]
#[async_trait]
impl Store for Real {
    #[cached_query]
    async fn load(&self, id: u32) -> Option<String> {
        pause().await;
        (id > 0).then(|| format!("row {id}"))
    }

    #[invalidates(load(id))]
    async fn save(&self, id: u32) {}
}

#[async_trait]
impl Store for Mock {
    async fn load(&self, _: u32) -> Option<String> {
        Some("mock".into())
    }

    async fn save(&self, _: u32) {}
}

#[test]
fn a_mock_beside_the_real_one() {
    block_on(async {
        let real = Arc::new(Real::default());
        let stores: [Arc<dyn Store>; 2] = [real.clone(), Arc::new(Mock)];
        check!(
            &real.cache;
            stores[0].load(0).await => "load(id = 0)", stores[0].load(1).await => "load(id = 1)";
            one: stores[0].save(0).await;
            all: real.cache.invalidate_all()
        );
        stores[1].save(1).await;
        assert_eq!((stores[1].load(1).await.as_deref(), real.cache.stats().loads), (Some("mock"), 5));
    });
}

trait Inner: 'static {
    fn read(&self, id: u32) -> String;
}

impl Inner for u8 {
    fn read(&self, id: u32) -> String {
        format!("{self} {id}")
    }
}

impl Inner for &'static str {
    fn read(&self, id: u32) -> String {
        format!("{self:?} {id}")
    }
}

#[derive(HasCache)]
struct Wrapper<T> {
    inner: T,
    #[cache]
    cache: Cache,
}

#[cached_impl]
#[async_trait]
impl<T: Inner + Send + Sync> Store for Wrapper<T> {
    #[cached_query(tags("wrapped"))]
    async fn load(&self, id: u32) -> Option<String> {
        pause().await;
        let read = self.inner.read(id);
        if id == 9 {
            return None;
        }
        Some(read)
    }

    #[invalidates(load(id))]
    async fn save(&self, id: u32) {}
}

#[test]
fn p10_a_blanket_implementation() {
    block_on(async {
        let number = Wrapper { inner: 1, cache: Cache::new() };
        let text = Wrapper { inner: "a", cache: number.cache.clone() };
        check!(
            &number.cache;
            number.load(1).await => "load(id = 1) [wrapped]",
            number.load(9).await => "load(id = 9) [wrapped]",
            text.load(1).await => "load(id = 1) [wrapped]";
            one: number.save(1).await;
            all: number.cache.invalidate_tags(["wrapped"])
        );
        text.save(1).await;
        assert_eq!((number.load(1).await, number.cache.len()), (Some("1 1".into()), 2));
    });
}

/// For every type with a cache: no type has an `impl` for hidden items.
trait Counted: HasCache {
    async fn counted(&self, id: u32) -> String;
    async fn recount(&self, id: u32);
}

#[cached_impl]
impl<T: HasCache> Counted for T {
    #[cached_query]
    async fn counted(&self, id: u32) -> String {
        pause().await;
        format!("{} {id}", std::any::type_name::<T>())
    }

    #[invalidates(counted(id))]
    async fn recount(&self, id: u32) {}
}

#[test]
fn p10_an_implementation_for_every_type() {
    block_on(async {
        let songs = Songs::default();
        let films = Films { cache: songs.cache.clone() };
        check!(
            &songs.cache;
            songs.counted(1).await => "counted(id = 1)",
            songs.counted(2).await => "counted(id = 2)", films.counted(1).await => "counted(id = 1)";
            one: songs.recount(1).await;
            all: songs.cache.invalidate(["counted"])
        );
    });
}

struct Postgres;
struct Sqlite<T>(PhantomData<T>);

trait Total {
    async fn total_in_trait(id: u32) -> String;
    async fn change(id: u32);
    async fn invalidate_total();
}

#[cached_impl]
impl Total for Postgres {
    #[cached_query]
    async fn total_in_trait(id: u32) -> String {
        pause().await;
        format!("postgres {id}")
    }

    #[invalidates(Self::total_in_trait(id))]
    async fn change(id: u32) {}

    #[invalidates("Self::total_in_trait")]
    async fn invalidate_total() {}
}

#[cached_impl]
impl<T: Default + Display + 'static> Total for Sqlite<T> {
    #[cached_query]
    async fn total_in_trait(id: u32) -> String {
        pause().await;
        format!("sqlite {} {id}", T::default())
    }

    #[invalidates(Self::total_in_trait(id))]
    async fn change(id: u32) {}

    #[invalidates("Self::total_in_trait")]
    async fn invalidate_total() {}
}

#[test]
fn p10_functions_without_receiver_in_trait_implementations() {
    block_on(async {
        check!(
            Cache::global();
            Postgres::total_in_trait(1).await => "total_in_trait(id = 1)",
            Postgres::total_in_trait(2).await => "total_in_trait(id = 2)",
            Sqlite::<u8>::total_in_trait(1).await => "total_in_trait(id = 1)",
            Sqlite::<String>::total_in_trait(1).await => "total_in_trait(id = 1)";
            one: Postgres::change(1).await;
            all: {
                Postgres::invalidate_total().await;
                Sqlite::<u8>::invalidate_total().await;
                Sqlite::<String>::invalidate_total().await;
            }
        );
    });
}
