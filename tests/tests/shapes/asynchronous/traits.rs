//! Queries in implementations of traits.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::marker::PhantomData;
use std::sync::Arc;

use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

use super::mode::{block_on, pause, run};
use crate::check::shown;

trait Tracks {
    type Id;
    type Error: Debug;

    async fn get(&self, id: Self::Id) -> Result<String, Self::Error>;
    async fn rename(&self, id: Self::Id) -> Result<(), Self::Error>;
    async fn invalidate(&self);
}

#[derive(HasCache)]
struct Sqlite<T> {
    #[cache]
    cache: Cache,
    of: PhantomData<T>,
}

impl<T> Sqlite<T> {
    fn new(cache: &Cache) -> Self {
        Self { cache: cache.clone(), of: PhantomData }
    }
}

#[cached_impl]
impl<T: Default + Display + 'static> Tracks for Sqlite<T> {
    type Id = u32;
    type Error = String;

    #[cached_query(ttl = "5m", tags("track:{id}"))]
    async fn get(&self, id: Self::Id) -> Result<String, Self::Error> {
        pause().await;
        if id == 0 { Err("no track".into()) } else { Ok(format!("{}{id}", T::default())) }
    }

    #[invalidates(get(id))]
    async fn rename(&self, id: Self::Id) -> Result<(), Self::Error> {
        Ok(())
    }

    #[invalidates("get")]
    async fn invalidate(&self) {}
}

#[derive(HasCache, Default)]
struct Postgres {
    cache: Cache,
}

#[cached_impl]
impl Tracks for Postgres {
    type Id = u64;
    type Error = std::convert::Infallible;

    #[cached_query]
    async fn get(&self, id: Self::Id) -> Result<String, Self::Error> {
        pause().await;
        Ok(format!("postgres {id}"))
    }

    #[invalidates(Self::get(id), "count")]
    async fn rename(&self, id: u64) -> Result<(), Self::Error> {
        Ok(())
    }

    #[invalidates(get)]
    async fn invalidate(&self) {}
}

impl Postgres {
    #[cached_query]
    async fn count(&self) -> usize {
        pause().await;
        self.cache.len()
    }

    /// An inherent mutation that names queries of a trait implementation.
    #[invalidates(get(id))]
    async fn import_one(&self, id: u64) {}

    #[invalidates("get")]
    async fn import(&self) {}
}

#[test]
fn p10_a_trait_implemented_for_a_generic_type() {
    block_on(async {
        let cache = Cache::new();
        let (number, text) = (Sqlite::<u8>::new(&cache), Sqlite::<String>::new(&cache));
        check!(
            &cache;
            number.get(1).await.unwrap() => "get(id = 1) [track:1]",
            number.get(2).await.unwrap() => "get(id = 2) [track:2]",
            text.get(1).await.unwrap() => "get(id = 1) [track:1]";
            one: number.rename(1).await.unwrap();
            all: { number.invalidate().await; text.invalidate().await }
        );
        number.invalidate().await;
        assert_eq!(cache.len(), 1, "the entry of the other instantiation stays");
        number.get(0).await.unwrap_err();
        assert_eq!(cache.len(), 1, "an error is not cached");
    });
}

#[test]
fn p10_a_trait_implemented_for_two_types() {
    block_on(async {
        let sqlite = Sqlite::<u8>::new(&Cache::new());
        let postgres = Postgres { cache: sqlite.cache.clone() };
        check!(
            &postgres.cache;
            sqlite.get(1).await.unwrap() => "get(id = 1) [track:1]",
            postgres.get(1).await.unwrap() => "get(id = 1)",
            postgres.get(2).await.unwrap() => "get(id = 2)";
            one: sqlite.rename(1).await.unwrap();
            all: { sqlite.invalidate().await; postgres.invalidate().await }
        );
        postgres.rename(1).await.unwrap();
        assert_eq!(shown(&postgres.cache), ["get(id = 1) [track:1]", "get(id = 2)"]);
    });
}

#[test]
fn an_inherent_method_that_names_a_query_in_a_trait_implementation() {
    block_on(async {
        let postgres = Postgres::default();
        check!(
            &postgres.cache;
            postgres.get(1).await.unwrap() => "get(id = 1)", postgres.get(2).await.unwrap() => "get(id = 2)";
            one: postgres.import_one(1).await;
            all: postgres.import().await
        );
        postgres.count().await;
        postgres.rename(1).await.unwrap();
        assert_eq!(shown(&postgres.cache), ["get(id = 2)"], "a mutation of the trait names an inherent query");
    });
}

trait Albums {
    async fn get(&self, id: u32) -> String;
    async fn rename(&self, id: u32);
    async fn invalidate(&self);
}

trait Artists {
    async fn get(&self, id: u32) -> String;
    async fn rename(&self, id: u32);
    async fn invalidate(&self);
}

#[derive(HasCache, Default)]
struct Both {
    cache: Cache,
}

#[cached_impl]
impl Albums for Both {
    #[cached_query]
    async fn get(&self, id: u32) -> String {
        pause().await;
        format!("album {id}")
    }

    #[invalidates(get(id))]
    async fn rename(&self, id: u32) {}

    #[invalidates("get")]
    async fn invalidate(&self) {}
}

#[cached_impl]
impl Artists for Both {
    #[cached_query]
    async fn get(&self, id: u32) -> String {
        pause().await;
        format!("artist {id}")
    }

    #[invalidates(get(id))]
    async fn rename(&self, id: u32) {}

    #[invalidates("get")]
    async fn invalidate(&self) {}
}

#[test]
fn p10_two_traits_with_equal_method_names_on_one_type() {
    block_on(async {
        let both = Both::default();
        check!(
            &both.cache;
            Albums::get(&both, 1).await => "get(id = 1)",
            Albums::get(&both, 2).await => "get(id = 2)",
            Artists::get(&both, 1).await => "get(id = 1)",
            Artists::get(&both, 2).await => "get(id = 2)";
            one: Albums::rename(&both, 1).await;
            all: { Albums::invalidate(&both).await; Artists::invalidate(&both).await }
        );
        Albums::invalidate(&both).await;
        Artists::rename(&both, 1).await;
        assert_eq!((Artists::get(&both, 2).await, both.cache.len()), ("artist 2".into(), 1));
    });
}

trait Lookup<T> {
    async fn find(&self, id: u32) -> T;
    async fn change(&self, id: u32, to: &T);
    async fn invalidate(&self);
}

#[cached_impl]
impl Lookup<u8> for Both {
    #[cached_query]
    async fn find(&self, id: u32) -> u8 {
        pause().await;
        id.try_into().unwrap()
    }

    #[invalidates(find(id))]
    async fn change(&self, id: u32, to: &u8) {
        assert_eq!(u32::from(*to), id);
    }

    #[invalidates("find")]
    async fn invalidate(&self) {}
}

#[cached_impl]
impl Lookup<String> for Both {
    #[cached_query]
    async fn find(&self, id: u32) -> String {
        pause().await;
        id.to_string()
    }

    #[invalidates(find(id))]
    async fn change(&self, id: u32, to: &String) {
        assert_eq!(*to, id.to_string());
    }

    #[invalidates("find")]
    async fn invalidate(&self) {}
}

#[test]
fn p10_a_generic_trait_implemented_twice_for_one_type() {
    block_on(async {
        let both = Both::default();
        let number = |id| run!(Lookup::<u8>::find(&both, id).await.to_string() + " as a number");
        check!(
            &both.cache;
            number(1) => "find(id = 1)",
            Lookup::<String>::find(&both, 1).await => "find(id = 1)",
            Lookup::<String>::find(&both, 2).await => "find(id = 2)";
            one: both.change(1, &1_u8).await;
            all: { Lookup::<u8>::invalidate(&both).await; Lookup::<String>::invalidate(&both).await }
        );
        both.change(1, &String::from("1")).await;
        Lookup::<u8>::invalidate(&both).await;
        assert_eq!(shown(&both.cache), ["find(id = 2)"]);
    });
}

#[derive(HasCache, Default)]
struct Repo {
    cache: Cache,
}

trait Kind: Clone + Send + Sync + 'static {
    fn of(id: u32) -> Self;
}

impl Kind for u64 {
    fn of(id: u32) -> Self {
        id.into()
    }
}

impl Kind for Vec<char> {
    fn of(id: u32) -> Self {
        char::from_digit(id, 10).into_iter().collect()
    }
}

#[cached_impl]
impl<T: Kind> Lookup<T> for Repo {
    #[cached_query]
    async fn find(&self, id: u32) -> T {
        pause().await;
        T::of(id)
    }

    #[invalidates(find(id))]
    async fn change(&self, id: u32, to: &T) {
        let _ = to;
    }

    #[invalidates("find")]
    async fn invalidate(&self) {}
}

#[test]
fn p10_a_generic_trait_implemented_for_all_its_parameters() {
    block_on(async {
        let repo = Repo::default();
        for _ in 0..2 {
            assert_eq!(
                (Lookup::<u64>::find(&repo, 1).await, Lookup::<Vec<char>>::find(&repo, 1).await),
                (1, vec!['1'])
            );
            assert_eq!(Lookup::<Vec<char>>::find(&repo, 2).await, ['2']);
        }
        assert_eq!((repo.cache.stats().loads, repo.cache.len()), (3, 3));
        repo.change(1, &vec!['x']).await;
        assert_eq!(repo.cache.len(), 2);
        assert_eq!(
            (Lookup::<u64>::find(&repo, 1).await, repo.cache.stats().loads),
            (1, 3),
            "the entry of the other trait stays"
        );
        Lookup::<Vec<char>>::invalidate(&repo).await;
        assert!(repo.cache.is_empty(), "a name affects all instantiations, as with a generic function");
    });
}

struct Borrowing<'c, D: ?Sized> {
    cache: &'c Cache,
    rows: &'c D,
}

impl<D: ?Sized> HasCache for Borrowing<'_, D> {
    fn cache(&self) -> &Cache {
        self.cache
    }
}

trait Rows {
    fn row(&self, id: u32) -> Option<Arc<str>>;
}

impl Rows for BTreeMap<u32, Arc<str>> {
    fn row(&self, id: u32) -> Option<Arc<str>> {
        self.get(&id).cloned()
    }
}

#[cached_impl]
impl<'c, D> Albums for Borrowing<'c, D>
where
    D: Rows + ?Sized + 'c,
{
    #[cached_query]
    async fn get(&self, id: u32) -> String {
        pause().await;
        self.rows.row(id).as_deref().unwrap_or("none").to_owned()
    }

    #[invalidates(get(id))]
    async fn rename(&self, id: u32) {}

    #[invalidates("get")]
    async fn invalidate(&self) {}
}

#[test]
fn a_trait_implemented_for_a_type_with_a_lifetime() {
    block_on(async {
        let cache = Cache::new();
        let rows: BTreeMap<u32, Arc<str>> = [(1, "a".into()), (2, "b".into())].into();
        let borrowing: Borrowing<'_, dyn Rows> = Borrowing { cache: &cache, rows: &rows };
        check!(
            &cache;
            borrowing.get(1).await => "get(id = 1)", borrowing.get(2).await => "get(id = 2)",
            borrowing.get(3).await => "get(id = 3)";
            one: borrowing.rename(1).await;
            all: borrowing.invalidate().await
        );
    });
}
