//! Entries of every kind of query, and writes that put what they return.
#![deny(warnings)]

use std::sync::Arc;

use cache_core::{Cache, HasCache, cached_impl, cached_query, entry, invalidates};

#[derive(Clone, Debug, PartialEq)]
struct Track {
    id: u32,
}

type Answer<T> = Result<T, String>;

#[derive(HasCache)]
struct Repo<T> {
    cache: Cache,
    add: T,
}

impl<T: Copy + Into<u64> + Send + Sync + 'static> Repo<T> {
    #[cached_query(ttl = "5m", tags("track:{id}"), cache_if = Option::is_some, cache = &self.cache)]
    pub fn odd(&self, id: u32) -> Option<Answer<Track>> {
        Some(Ok(Track { id }))
    }

    #[cached_query(ttl = std::time::Duration::from_secs(5), tags(format!("{id}")), tags_from = |track: &Track| [track.id.to_string()])]
    async fn get(&self, id: u32) -> Answer<Track> {
        Ok(Track { id })
    }

    #[cached_query(key(id, self.add.into()))]
    fn with<'a, C: AsRef<str> + ?Sized>(&self, connection: &'a C, id: u32) -> u64
    where
        C: 'a,
    {
        u64::from(id) + connection.as_ref().len() as u64
    }

    #[cached_query]
    fn shared(self: Arc<Self>, (id, name): (u32, &str)) -> String {
        format!("{id}{name}")
    }

    #[cached_query]
    fn alone(number: T) -> u64
    where
        T: std::hash::Hash + Eq,
    {
        number.into()
    }

    #[cached_query]
    fn any(&self, id: impl Into<u64> + std::hash::Hash + Eq + Clone + Send + Sync + 'static) -> u64 {
        id.into()
    }

    #[invalidates(put get(id), put any(id) = |track: &Track| u64::from(track.id))]
    async fn change(&self, id: u32) -> Answer<Track> {
        Ok(Track { id: id + 1 })
    }

    #[invalidates(|track| put get(track.id) = track.clone())]
    fn add(&self) -> Answer<Track> {
        Ok(Track { id: 9 })
    }

    #[invalidates(put self::free(&name) = |length| *length)]
    fn rename(&mut self, name: String) -> usize {
        name.len() + 100
    }
}

#[cached_query]
fn free(name: &str) -> usize {
    name.len()
}

trait Of {
    fn number(&self) -> u32;
    fn change_number(&mut self) -> u32;
}

#[cached_impl]
impl Of for Repo<u8> {
    #[cached_query]
    fn number(&self) -> u32 {
        1
    }

    #[invalidates(put number())]
    fn change_number(&mut self) -> u32 {
        7
    }
}

fn main() {
    let mut repo = Repo { cache: Cache::new(), add: 1_u8 };
    assert!(entry!(repo.odd(1)).get().is_none() && repo.odd(1).is_some());
    assert!(entry!(repo.get(1)).insert(Track { id: 5 }));
    assert_eq!(futures_lite::future::block_on(repo.get(1)), Ok(Track { id: 5 }));
    assert_eq!(repo.with("abc", 1), 4);
    assert!(entry!(repo.with("abc", 1)).is_cached() && entry!(repo.with::<str>("x", 1)).is_cached());
    assert!(!entry!(Repo::<u8>::alone(1)).is_cached());
    assert_eq!((Repo::<u8>::alone(1), entry!(Repo::<u8>::alone(1)).get()), (1, Some(1)));
    assert_eq!((repo.any(7_u8), entry!(repo.any(7_u8)).get(), entry!(repo.any(7_u16)).get()), (7, Some(7), None));
    assert_eq!(futures_lite::future::block_on(repo.change(3)), Ok(Track { id: 4 }));
    assert_eq!((entry!(repo.get(3)).get(), repo.any(3_u32)), (Some(Track { id: 4 }), 4));
    assert!(repo.add().is_ok() && entry!(repo.get(9)).is_cached());
    assert_eq!((repo.rename("abc".into()), free("abc")), (103, 103));
    assert_eq!((repo.change_number(), repo.number(), entry!(repo.number()).get()), (7, 7, Some(7)));
    let repo = Arc::new(repo);
    assert_eq!(repo.clone().shared((1, "a")), "1a");
    assert_eq!(entry!(repo.clone().shared((1, "a"))).get().as_deref(), Some("1a"));
}
