//! Functions, closures, items and queries within bodies, and queries within functions.

use cache_core::{Cache, HasCache, cached_query, invalidates};

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn get(&self, id: u32) -> u32 {
        const STEP: u32 = 2;

        #[derive(Clone, Copy)]
        struct Inner(u32);

        impl Inner {
            fn doubled(self) -> u32 {
                self.0 * STEP
            }
        }

        #[cached_query(ttl = "5m")]
        fn within(id: u32) -> u32 {
            id + 1
        }

        #[invalidates("within")]
        fn forget() {}

        macro_rules! triple {
            ($value:expr) => {
                $value * 3
            };
        }

        let add = |more: u32| move |other: u32| Inner(id).doubled() + more + other;
        let sum = add(triple!(1))(within(1));
        assert_eq!(Cache::global().len(), 1);
        if id == 1 {
            forget();
        }
        sum
    }

    #[invalidates("get")]
    fn change(&self, id: u32) -> impl Fn(u32) -> u32 {
        fn identity<T>(of: T) -> T {
            of
        }
        move |more| identity(id + more)
    }
}

fn main() {
    #[cached_query(ttl = "5m")]
    fn local(id: u32) -> u32 {
        id
    }

    #[invalidates(local(id))]
    fn change_local(id: u32) {}

    let repo = Repo { cache: Cache::new() };
    assert_eq!(repo.get(1), 7);
    assert_eq!((repo.cache.len(), Cache::global().len()), (0, 0), "its body forgot what it had read");
    assert_eq!(repo.get(2), 9);
    assert_eq!((repo.cache.len(), Cache::global().len()), (1, 1));
    assert_eq!(repo.change(1)(2), 3);
    assert!(repo.cache.is_empty());
    assert_eq!((local(1), local(2)), (1, 2));
    change_local(1);
    // One of `within`, and one of `local`.
    assert_eq!(Cache::global().len(), 2);
}
