//! Queries that are cached by each id of a list, of any type.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::time::Duration;

use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

type Answer<T> = Result<T, String>;

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

struct Connection {
    queries: u32,
}

impl Connection {
    fn query(&mut self, ids: &[u32]) -> HashMap<u32, u32> {
        self.queries += 1;
        ids.iter().map(|id| (*id, *id)).collect()
    }
}

impl Repo {
    #[cached_query(each = ids)]
    fn slice(&self, ids: &[u32]) -> HashMap<u32, u32> {
        ids.iter().map(|id| (*id, *id)).collect()
    }

    #[cached_query(each = ids)]
    fn reference_to_vec(&self, ids: &Vec<String>) -> Answer<BTreeMap<String, usize>> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let first = ids.first().cloned().ok_or("none")?;
        Ok(ids.iter().map(|id| (id.clone(), id.len() + first.len() - first.len())).collect())
    }

    #[cached_query(each = ids)]
    fn vec(&self, mut ids: Vec<u32>) -> Vec<(u32, u32)> {
        ids.sort_unstable();
        ids.into_iter().map(|id| (id, id)).collect()
    }

    #[cached_query(each = ids)]
    fn array<const N: usize>(&self, ids: &[u32; N]) -> Vec<(u32, u32)> {
        ids.iter().map(|id| (*id, *id)).collect()
    }

    #[cached_query(each = ids)]
    fn hash_set<S: BuildHasher + Default>(&self, ids: HashSet<u32, S>) -> HashMap<u32, u32> {
        ids.into_iter().map(|id| (id, id)).collect()
    }

    #[cached_query(each = ids)]
    fn reference_to_set<'a>(&self, ids: &'a BTreeSet<u32>) -> HashMap<u32, u32> {
        ids.iter().map(|id| (*id, *id)).collect()
    }

    #[cached_query(each = ids)]
    fn shared(self: Arc<Self>, ids: Arc<[u32]>) -> HashMap<u32, u32> {
        ids.iter().map(|id| (*id, *id)).collect()
    }

    #[cached_query(each = ids)]
    fn boxed(&self, ids: &Box<[u32]>) -> HashMap<u32, u32> {
        ids.iter().map(|id| (*id, *id)).collect()
    }

    #[cached_query(each = ids)]
    fn cow(&self, ids: Cow<'_, [u32]>) -> HashMap<u32, u32> {
        ids.iter().map(|id| (*id, *id)).collect()
    }

    #[cached_query(each = r#type)]
    fn raw(&self, r#type: &[u32]) -> HashMap<u32, u32> {
        r#type.iter().map(|id| (*id, *id)).collect()
    }

    #[cached_query(
        each = ids,
        tags("tracks", "track:{id:04}", format!("language:{}", language)),
        ttl = Duration::from_secs(u64::from(*id) + 1),
        cache_if = |found| found.is_some_and(|found| found > lowest),
        stale_if_error = "1h"
    )]
    fn options(&self, ids: &[u32], language: String, lowest: u32) -> Answer<HashMap<u32, u32>> {
        let limit = 3 + lowest;
        drop(language);
        Ok(ids.iter().filter(|id| **id < limit).map(|id| (*id, *id)).collect())
    }

    #[cached_query(each = ids, skip(connection))]
    fn skipped(&self, connection: &mut Connection, ids: &[u32], (a, mut b): (u32, u32)) -> HashMap<u32, u32> {
        b += a;
        let mut found = connection.query(ids);
        found.values_mut().for_each(|value| *value += b);
        found
    }

    #[cached_query(each = ids, key(self.cache.len() * 0, connection.queries * 0, id))]
    fn keyed(&self, ids: &[u32], connection: &mut Connection) -> HashMap<u32, u32> {
        connection.query(ids)
    }

    #[cached_query(each = ids)]
    fn generic<T: Hash + Eq + Clone + Send + Sync + 'static>(&self, ids: &[T]) -> HashMap<T, u32> {
        ids.iter().map(|id| (id.clone(), 1)).collect()
    }

    #[invalidates(slice(id), Self::hash_set(id), skipped(_, id, (1, 2)), generic(id))]
    fn forget(&self, id: u32) {}

    #[invalidates(for id in ids { slice(*id); array(*id) })]
    fn forget_all(&self, ids: &[u32]) {}

    #[invalidates(|id| slice(*id))]
    fn forget_returned(&self) -> u32 {
        1
    }
}

#[cached_query(each = names, cache = cache, key(id.to_lowercase()))]
fn lengths(cache: &Cache, names: &[&'static str]) -> HashMap<&'static str, usize>
where
    Cache: Sized,
{
    names.iter().map(|name| (*name, name.len())).collect()
}

trait Tracks {
    fn tracks(&self, ids: &[u32]) -> HashMap<u32, u32>;
    fn remove(&self, id: u32);
}

#[cached_impl]
impl Tracks for Repo {
    #[cached_query(each = ids)]
    fn tracks(&self, ids: &[u32]) -> HashMap<u32, u32> {
        ids.iter().map(|id| (*id, *id)).collect()
    }

    #[invalidates(tracks(id))]
    fn remove(&self, id: u32) {}
}

macro_rules! repository {
    ($name:ident, $list:ident, $id:ty, $option:ident) => {
        impl Repo {
            #[cached_query($option = $list, tags("track:{id}"))]
            fn $name(&self, $list: &[$id]) -> HashMap<$id, u32> {
                $list.iter().map(|id| (id.clone(), 1)).collect()
            }
        }
    };
}

repository!(by_macro, numbers, u64, each);

fn main() {
    let repo = Repo { cache: Cache::new() };
    let (three, expected) = ([1, 2, 3], HashMap::from([(1, 1), (2, 2), (3, 3)]));
    assert_eq!(repo.slice(&three), expected);
    assert_eq!(repo.reference_to_vec(&vec!["a".to_owned()]), Ok(BTreeMap::from([("a".to_owned(), 1)])));
    assert_eq!(repo.vec(vec![2]), [(2, 2)]);
    assert_eq!(repo.array(&[2]), [(2, 2)]);
    assert_eq!(repo.hash_set(HashSet::<u32>::from(three)), expected);
    assert_eq!(repo.reference_to_set(&BTreeSet::from(three)), expected);
    assert_eq!(repo.boxed(&Box::from(three)), expected);
    assert_eq!(repo.cow(Cow::Borrowed(&three)), expected);
    assert_eq!(repo.raw(&three), expected);
    assert_eq!(repo.options(&three, "en".to_owned(), 0).map(|found| found.len()), Ok(2));
    let mut connection = Connection { queries: 0 };
    assert_eq!(repo.skipped(&mut connection, &[1], (1, 2)), HashMap::from([(1, 4)]));
    assert_eq!(repo.keyed(&three, &mut connection), expected);
    assert_eq!(connection.queries, 2);
    assert_eq!(repo.generic(&["a"]), HashMap::from([("a", 1)]));
    assert_eq!(lengths(&repo.cache, &["ab"]), HashMap::from([("ab", 2)]));
    assert_eq!(repo.tracks(&three), expected);
    assert_eq!(repo.by_macro(&[7]), HashMap::from([(7, 1)]));
    repo.forget(1);
    repo.forget_all(&three);
    repo.forget_returned();
    repo.remove(2);
    assert_eq!(Arc::new(repo).shared(Arc::from(three)), expected);
}
