//! Queries in `impl<T>`: each instantiation of the type has its own entries.

use std::marker::PhantomData;

use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

trait Table: 'static {
    type Row: Clone + Send + Sync + 'static;
    const NAME: &'static str;

    fn row(id: u32) -> Self::Row;
}

struct Tracks;
struct Artists;

impl Table for Tracks {
    type Row = u32;
    const NAME: &'static str = "tracks";

    fn row(id: u32) -> u32 {
        id
    }
}

impl Table for Artists {
    type Row = String;
    const NAME: &'static str = "artists";

    fn row(id: u32) -> String {
        format!("artist {id}")
    }
}

#[derive(HasCache)]
struct Repo<T> {
    cache: Cache,
    table: PhantomData<fn() -> T>,
}

impl<T: Table> Repo<T> {
    #[cached_query(ttl = "5m", tags(format!("{}:{id}", T::NAME)))]
    fn get(&self, id: u32) -> T::Row {
        T::row(id)
    }

    #[cached_query(ttl = "5m")]
    fn find(&self, id: u32) -> Result<Option<T::Row>, String> {
        Ok(Some(self.get(id)))
    }

    #[invalidates("get", find(id))]
    fn change(&self, id: u32) {}

    #[invalidates("Repo::<Artists>::get")]
    fn change_artists(&self) {}
}

trait Count {
    fn count(&self) -> u32;
}

#[cached_impl]
impl<T: Table> Count for Repo<T> {
    #[cached_query(ttl = "5m")]
    fn count(&self) -> u32 {
        u32::try_from(T::NAME.len()).unwrap()
    }
}

fn main() {
    let cache = Cache::new();
    let tracks = Repo::<Tracks> { cache: cache.clone(), table: PhantomData };
    let artists = Repo::<Artists> { cache: cache.clone(), table: PhantomData };
    assert_eq!((tracks.find(1), artists.find(1)), (Ok(Some(1)), Ok(Some("artist 1".to_owned()))));
    assert_eq!((tracks.count(), artists.count()), (6, 7));
    assert_eq!(cache.len(), 6);
    tracks.change(1);
    assert_eq!(cache.len(), 4);
    tracks.change_artists();
    // `find` of the artists was made from `get`, and is forgotten with it.
    assert_eq!(cache.len(), 2);
    assert_eq!((tracks.get(2), artists.find(1)), (2, Ok(Some("artist 1".to_owned()))));
    assert_eq!(cache.len(), 5);
    tracks.change_artists();
    assert_eq!(cache.len(), 3, "those of the tracks stay");
}
