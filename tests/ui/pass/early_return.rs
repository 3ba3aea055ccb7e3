//! `return` in bodies, from within closures and loops too.

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m", tags("id:{id}"))]
    fn get(&self, id: u32) -> Result<Option<u32>, String> {
        if id == 0 {
            return Err("there is no such track".to_owned());
        }
        for each in 1..id {
            if each == 5 {
                return Ok(None);
            }
        }
        let doubled = (|| {
            if id > 3 {
                return id;
            }
            id * 2
        })();
        return Ok(Some(doubled));
    }

    #[cached_query(ttl = "5m")]
    fn never_ends_normally(&self, id: u32) -> u32 {
        loop {
            if id > 0 {
                return id;
            }
        }
    }

    #[invalidates("get")]
    fn change(&self, id: u32) -> u32 {
        if id == 0 {
            return 1;
        }
        id
    }

    #[invalidates(never_ends_normally(id))]
    fn change_nothing(&self, id: u32) {
        if id > 0 {
            return;
        }
        unreachable!()
    }
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    assert!(repo.get(0).is_err());
    assert_eq!((repo.get(2), repo.get(4), repo.get(6)), (Ok(Some(4)), Ok(Some(4)), Ok(None)));
    assert_eq!(repo.never_ends_normally(7), 7);
    assert_eq!(repo.cache.len(), 4);
    assert_eq!(repo.change(0), 1);
    assert_eq!(repo.cache.len(), 1);
    repo.change_nothing(7);
    assert!(repo.cache.is_empty());
}
