//! Methods, types, names, options and whole impls that come through a `macro_rules!`.

use cache_core::{Cache, HasCache, cached_impl, cached_query, invalidates};

const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);

trait Count {
    fn count(&self, of: u32) -> usize;
}

macro_rules! repository {
    ($name:ident, $id:ty, $value:ty, $ttl:expr, $text:literal, $arg:ident, $vis:vis) => {
        #[derive(HasCache)]
        $vis struct $name {
            cache: Cache,
        }

        impl $name {
            #[cached_query(ttl = $ttl, name = $text, tags("id:{id}", $text))]
            $vis fn get(&self, id: $id) -> $value {
                id.into()
            }

            #[cached_query(ttl = "5m", tags(format!("arg:{}", $arg)), cache_if = |found| found.is_some())]
            $vis fn find(&self, $arg: &$id, other: &[$id]) -> Option<$value> {
                Some($arg.clone().into()).filter(|_| other.is_empty())
            }

            #[cached_query(key($arg.clone()), capacity = 5)]
            $vis fn keyed(&self, $arg: Option<$id>, other: f64) -> ($value, i64) {
                ($arg.unwrap().into(), other as i64)
            }

            #[invalidates("find", get(id.clone()), |value| keyed(value.clone(), 1.0))]
            $vis fn change(&self, id: $id) -> Option<$id> {
                Some(id.clone())
            }

            #[invalidates(tags($text))]
            $vis fn change_tag(&self) {}
        }

        #[cached_impl]
        impl Count for $name {
            #[cached_query(ttl = $ttl)]
            fn count(&self, $arg: u32) -> usize {
                $arg as usize
            }
        }
    };
}

repository!(Small, u8, u32, "5m", "small", id, pub(crate));
repository!(Long, String, Box<str>, MINUTE, "long", by, pub);

macro_rules! methods {
    ($($name:ident => $value:expr),*) => {
        impl Small {
            $(
                #[cached_query(ttl = "5m")]
                fn $name(&self) -> u32 {
                    $value
                }
            )*

            #[invalidates($($name),*)]
            fn change_all(&self) {}
        }
    };
}

methods!(one => 1, two => 2);

macro_rules! body {
    ($body:block) => {
        impl Small {
            #[cached_query(ttl = "5m")]
            fn block(&self, id: u32) -> u32 {
                let _ = id;
                $body
            }
        }
    };
}

body!({ 7 });

fn main() {
    let cache = Cache::new();
    let small = Small { cache: cache.clone() };
    assert_eq!((small.get(1), small.find(&1, &[]), small.keyed(Some(1), 2.0)), (1, Some(1), (1, 2)));
    assert_eq!((small.one(), small.two(), small.block(1), small.count(3)), (1, 2, 7, 3));
    assert_eq!(cache.len(), 7);
    small.change_all();
    assert_eq!(cache.len(), 5);
    assert_eq!(small.change(1), Some(1));
    assert_eq!(cache.len(), 2);
    small.get(1);
    small.change_tag();
    assert_eq!(cache.len(), 2);

    let long = Long { cache: Cache::new() };
    assert_eq!((&*long.get("a".to_owned()), long.find(&"b".to_owned(), &["c".to_owned()])), ("a", None));
    assert_eq!((&*long.keyed(Some("a".to_owned()), 2.0).0, long.count(3)), ("a", 3));
    assert_eq!(long.cache.len(), 3);
    long.change_tag();
    assert_eq!(long.change("a".to_owned()), Some("a".to_owned()));
    assert_eq!(long.cache.len(), 1);
}
