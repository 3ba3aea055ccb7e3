//! Bounds in `where` clauses, of impls and of methods, and methods that exist for some types only.

use std::fmt::Debug;
use std::hash::Hash;

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo<Db>
where
    Db: Debug,
{
    db: Db,
    cache: Cache,
}

impl<Db> Repo<Db>
where
    Db: Debug + 'static,
{
    #[cached_query(ttl = "5m")]
    fn show(&self) -> String {
        format!("{:?}", self.db)
    }

    #[cached_query(ttl = "5m")]
    fn find<K>(&self, keys: &[K]) -> usize
    where
        K: Clone + Eq + Hash + Send + Sync + 'static,
        for<'a> &'a K: PartialEq,
    {
        keys.len()
    }

    #[cached_query(ttl = "5m")]
    fn clone_of(&self) -> Db
    where
        Db: Clone + Send + Sync,
    {
        self.db.clone()
    }

    #[invalidates("show")]
    fn change(&self)
    where
        Self: Sized,
    {
    }

    #[invalidates("clone_of", find(&[key.clone()]))]
    fn change_more<K>(&self, key: K)
    where
        K: Clone + Eq + Hash + Send + Sync + 'static,
        Db: Clone + Send + Sync,
        for<'a> &'a K: PartialEq,
    {
    }
}

impl Repo<u32> {
    #[cached_query(ttl = "5m")]
    fn number(&self) -> u32 {
        self.db
    }
}

fn main() {
    let repo = Repo { db: 5_u32, cache: Cache::new() };
    assert_eq!((repo.show(), repo.clone_of(), repo.number()), ("5".to_owned(), 5, 5));
    assert_eq!((repo.find(&[1]), repo.find(&["a", "b"])), (1, 2));
    assert_eq!(repo.cache.len(), 5);
    repo.change();
    repo.change_more("c");
    assert_eq!(repo.cache.len(), 3);
    repo.change_more(1);
    assert_eq!(repo.cache.len(), 2);
}
