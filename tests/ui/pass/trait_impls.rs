//! Queries and writes in the implementation of a trait, also of one that is used through `dyn`.

use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

trait Tracks {
    const LIMIT: u32;
    type Row;

    fn get(&self, id: u32) -> Result<Self::Row, String>;
    fn count(of: u32) -> u32;
    fn change(&self, id: u32);
    fn plain(&self) -> u32 {
        Self::LIMIT
    }
}

trait Titles {
    fn title(&self, id: u32) -> String;
    fn rename(&mut self, id: u32, title: &str);
}

#[derive(HasCache)]
struct Repo {
    suffix: String,
    cache: Cache,
}

#[cached_impl]
impl Tracks for Repo {
    const LIMIT: u32 = 5;
    type Row = (u32, u32);

    #[cached_query(ttl = "5m", tags("track:{id}"))]
    fn get(&self, id: u32) -> Result<Self::Row, String> {
        Ok((id, Self::LIMIT))
    }

    #[cached_query(ttl = "5m")]
    fn count(of: u32) -> u32 {
        of
    }

    #[invalidates("get")]
    #[invalidates("Self::count", cache = Cache::global())]
    fn change(&self, id: u32) {
        let _ = id;
    }
}

#[cached_impl]
impl Titles for Repo {
    #[cached_query(ttl = "5m")]
    fn title(&self, id: u32) -> String {
        format!("{id}{}", self.suffix)
    }

    #[invalidates(title(id), tags("track:{id}"))]
    fn rename(&mut self, id: u32, title: &str) {
        self.suffix = title.to_owned();
    }
}

impl Repo {
    #[invalidates("title", get(id))]
    fn inherent(&self, id: u32) {}
}

fn main() {
    let mut repo = Repo { suffix: "!".to_owned(), cache: Cache::new() };
    assert_eq!((repo.get(1), repo.plain(), Repo::count(3)), (Ok((1, 5)), 5, 3));
    assert_eq!((repo.cache.len(), Cache::global().len()), (1, 1));
    repo.change(1);
    assert_eq!((repo.cache.len(), Cache::global().len()), (0, 0));

    let titles: &mut dyn Titles = &mut repo;
    assert_eq!((titles.title(1), titles.title(2)), ("1!".to_owned(), "2!".to_owned()));
    titles.rename(1, "?");
    assert_eq!((titles.title(1), titles.title(2)), ("1?".to_owned(), "2!".to_owned()));
    assert_eq!(repo.get(1), Ok((1, 5)));
    repo.inherent(1);
    assert!(repo.cache.is_empty());
}
