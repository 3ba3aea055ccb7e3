//! Rare combinations of shapes.

use std::collections::BTreeMap;
use std::sync::Arc;

use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

use super::mode::{block_on, pause, run};
use crate::check::{invalidated, shown};

#[derive(HasCache, Default)]
struct Repo {
    rows: BTreeMap<u32, String>,
    cache: Cache,
}

trait Reads {
    async fn get(&self, id: u32) -> String;
    async fn invalidate_one(&self, id: u32);
    async fn invalidate(&self);
}

impl Repo {
    #[cached_query]
    async fn get(&self, id: u32) -> String {
        pause().await;
        format!("inherent {id}")
    }

    #[invalidates(get(id))]
    async fn invalidate_one(&self, id: u32) {}

    #[invalidates("get")]
    async fn invalidate(&self) {}
}

#[cached_impl]
impl Reads for Repo {
    #[cached_query(tags("of a trait"))]
    async fn get(&self, id: u32) -> String {
        pause().await;
        format!("of a trait {id}")
    }

    #[invalidates(get(id))]
    async fn invalidate_one(&self, id: u32) {}

    #[invalidates("get")]
    async fn invalidate(&self) {}
}

#[test]
fn p10_an_inherent_query_and_one_of_a_trait_with_equal_names() {
    block_on(async {
        let repo = Repo::default();
        check!(
            &repo.cache;
            repo.get(1).await => "get(id = 1)",
            repo.get(2).await => "get(id = 2)",
            Reads::get(&repo, 1).await => "get(id = 1) [of a trait]",
            Reads::get(&repo, 2).await => "get(id = 2) [of a trait]";
            one: repo.invalidate_one(1).await;
            all: { repo.invalidate().await; Reads::invalidate(&repo).await }
        );
        assert_eq!(
            invalidated(&repo.cache, || run!(Reads::invalidate_one(&repo, 1).await)),
            ["get(id = 1) [of a trait]"]
        );
        assert_eq!(invalidated(&repo.cache, || run!(repo.invalidate().await)), ["get(id = 1)", "get(id = 2)"]);
        assert_eq!(shown(&repo.cache), ["get(id = 2) [of a trait]"]);
    });
}

trait Kind: 'static {
    const NAME: &'static str;
}

impl Kind for u8 {
    const NAME: &'static str = "u8";
}

impl Kind for char {
    const NAME: &'static str = "char";
}

trait Generic<'a, K: ?Sized>
where
    K: 'a,
{
    type Out;

    async fn of<T: Kind>(&self, key: &'a K) -> Self::Out;
    async fn invalidate_one<T: Kind>(&self, key: &'a K);
    async fn sized<const N: usize>(&self, key: &K) -> Vec<u8>
    where
        Self: Sized;
}

#[cached_impl]
impl<'a> Generic<'a, str> for Repo {
    type Out = Option<Arc<str>>;

    #[cached_query(ttl = "5m", tags(T::NAME))]
    async fn of<T: Kind>(&self, key: &'a str) -> Self::Out {
        pause().await;
        let (_, rest) = key.split_once('-')?;
        Some(format!("{} {rest}", T::NAME).into())
    }

    #[invalidates(of::<T>(key))]
    async fn invalidate_one<T: Kind>(&self, key: &'a str) {}

    #[cached_query]
    async fn sized<const N: usize>(&self, key: &str) -> Vec<u8>
    where
        Self: Sized,
    {
        pause().await;
        key.bytes().take(N).collect()
    }
}

#[test]
fn p10_generic_functions_in_an_implementation_of_a_generic_trait() {
    block_on(async {
        let repo = Repo::default();
        check!(
            &repo.cache;
            repo.of::<u8>("a-b").await => "of(key = \"a-b\") [u8]",
            repo.of::<char>("a-b").await => "of(key = \"a-b\") [char]",
            repo.of::<u8>("a").await => "of(key = \"a\") [u8]";
            one: Generic::invalidate_one::<u8>(&repo, "a-b").await;
            all: repo.cache.invalidate_tags(["u8", "char"])
        );
        assert_eq!((repo.sized::<1>("ab").await, repo.sized::<2>("ab").await), (b"a".to_vec(), b"ab".to_vec()));
    });
}

/// By reference and by value, with keys that borrow from `self`.
impl Repo {
    #[cached_query(key(self.rows.get(&id)))]
    async fn by_row(&self, id: u32) -> usize {
        pause().await;
        self.rows.get(&id).map_or(0, String::len)
    }

    #[invalidates(by_row(id))]
    async fn invalidate_row(&mut self, id: u32, row: String) -> Option<String> {
        self.rows.insert(id, row)
    }

    #[invalidates(by_row(*id))]
    async fn changes_what_it_names(&self, id: &mut u32) -> u32 {
        std::mem::replace(id, 9)
    }

    #[invalidates(|row| get(row.len().try_into().unwrap()))]
    async fn borrowed(&self, id: u32) -> Result<&String, ()> {
        self.rows.get(&id).ok_or(())
    }

    #[invalidates(|row| get(row.as_ref().map_or(0, String::len).try_into().unwrap()))]
    async fn borrowed_mutably(&mut self, id: u32) -> Option<String> {
        let row = self.rows.get_mut(&id)?;
        row.push('!');
        Some(row.clone())
    }
}

#[test]
fn a_key_that_borrows_from_self() {
    block_on(async {
        let mut repo = Repo { rows: [(1, "a".into()), (2, "bc".into())].into(), ..Repo::default() };
        for id in 1..=3 {
            repo.by_row(id).await;
        }
        let cache = repo.cache.clone();
        assert_eq!(
            shown(&cache),
            [
                "by_row(self.rows.get(&id) = None)",
                "by_row(self.rows.get(&id) = Some(\"a\"))",
                "by_row(self.rows.get(&id) = Some(\"bc\"))"
            ]
        );
        let gone =
            invalidated(&cache, || run!(assert_eq!(repo.invalidate_row(1, "d".into()).await.as_deref(), Some("a"))));
        assert_eq!(gone, ["by_row(self.rows.get(&id) = Some(\"a\"))"], "named by the row from before the change");
        let mut id = 2;
        let gone = invalidated(&cache, || run!(assert_eq!(repo.changes_what_it_names(&mut id).await, 2)));
        assert_eq!((gone, id), (vec!["by_row(self.rows.get(&id) = Some(\"bc\"))".into()], 9));
    });
}

#[test]
fn a_borrowed_result() {
    block_on(async {
        let mut repo = Repo { rows: [(1, "a".into()), (2, "bc".into())].into(), ..Repo::default() };
        let cache = repo.cache.clone();
        let fill = |repo: &Repo| [1, 2].map(|id| run!(repo.get(id).await));
        fill(&repo);
        assert_eq!(
            invalidated(&cache, || run!(assert_eq!(repo.borrowed(1).await.map(String::len), Ok(1)))),
            ["get(id = 1)"]
        );
        fill(&repo);
        assert_eq!(
            invalidated(&cache, || run!(assert!(repo.borrowed(3).await.is_err()))),
            ["get(id = 1)", "get(id = 2)"]
        );
        fill(&repo);
        assert_eq!(invalidated(&cache, || run!(drop(repo.borrowed_mutably(1).await))), ["get(id = 2)"]);
    });
}
