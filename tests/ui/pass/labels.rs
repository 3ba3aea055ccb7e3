//! Labelled loops and blocks in bodies, also with the labels that generated code might use.

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self, id: u32) -> u32 {
        let mut found = 0;
        'outer: for a in 0..10 {
            for b in 0..10 {
                if a * b == id {
                    found = a + b;
                    break 'outer;
                }
                if b > a {
                    continue 'outer;
                }
            }
        }
        found
    }

    #[cached_query(ttl = "5m", key('key: { if id > 5 { break 'key 0; } id }))]
    fn block(&self, id: u32) -> u32 {
        'body: {
            if id > 5 {
                break 'body 0;
            }
            id
        }
    }

    #[invalidates("get", "block")]
    fn change(&self, id: u32) -> u32 {
        'body: loop {
            loop {
                break 'body id;
            }
        }
    }
}

fn main() {
    let repo = Repo { cache: Cache::new() };
    assert_eq!(repo.get(6), 5);
    assert_eq!((repo.block(3), repo.block(6), repo.block(7)), (3, 0, 0));
    assert_eq!(repo.cache.len(), 3);
    assert_eq!(repo.change(1), 1);
    assert!(repo.cache.is_empty());
}
