//! How much larger the future of an annotated function is than that of its body.
//!
//! A future contains those that it awaits, so each level of callers pays for what the attributes add. What is rarely
//! needed, such as the state of a waiter, is boxed when it is needed; so are the targets of a mutation.
//!
//! The arguments are stored twice: an `async fn` keeps them until it ends, and the future of the body contains them
//! too. As with any `async fn`, large arguments are better passed by reference or in an `Arc`.

use std::hint::black_box;
use std::mem::size_of_val;
use std::sync::LazyLock;

use super::*;

/// The most bytes that may be added.
const LIMIT: usize = 256;

/// A function with an attribute, and the same without in `plain`.
macro_rules! functions {
    ($(
        $(#[$attribute:meta])*
        fn $name:ident($($argument:ident: $type:ty),*) $(-> $returned:ty)? $body:block
    )*) => {
        $(
            $(#[$attribute])*
            async fn $name($($argument: $type),*) $(-> $returned)? $body
        )*

        #[allow(unused_variables, reason = "some arguments are only stored, or only name a target")]
        mod plain {
            use super::*;

            $(
                pub(super) async fn $name($($argument: $type),*) $(-> $returned)? $body
            )*
        }
    };
}

static CACHE: LazyLock<Cache> = LazyLock::new(Cache::new);

type Large = [u64; 512];

functions! {
    #[cached_query(cache = &CACHE)]
    fn without_arguments() -> u32 {
        yield_now().await;
        1
    }

    #[cached_query(cache = &CACHE)]
    fn by_id(id: u32) -> u32 {
        yield_now().await;
        id
    }

    #[cached_query(cache = &CACHE, tags("id:{id}", "one", "two", "three"))]
    fn tagged(id: u32) -> u32 {
        yield_now().await;
        id
    }

    #[cached_query(
        cache = &CACHE,
        tags_from = |texts| texts,
        cache_if = |texts| !texts.is_empty()
    )]
    fn judged(id: u32) -> Result<Vec<String>, String> {
        yield_now().await;
        if id > 0 { Ok(vec![id.to_string()]) } else { Err("none".into()) }
    }

    #[cached_query(cache = &CACHE, key(name, other), ttl = "5m")]
    fn by_texts(name: String, other: &str, numbers: &[u32]) -> String {
        yield_now().await;
        format!("{name}{other}{numbers:?}")
    }

    #[cached_query(cache = &CACHE)]
    fn large_value(id: u64) -> Large {
        yield_now().await;
        [id; 512]
    }

    #[cached_query(cache = &CACHE)]
    fn large_body(id: u32) -> usize {
        let buffer = [id; 2000];
        yield_now().await;
        black_box(&buffer).len()
    }

    #[cached_query(cache = &CACHE, key(large[0]))]
    fn large_argument(large: Large) -> u64 {
        yield_now().await;
        large[1]
    }

    #[cached_query(cache = &CACHE)]
    fn ready(id: u32) -> u32 {
        id
    }

    #[invalidates("by_id", cache = &CACHE)]
    fn invalidate_one() {
        yield_now().await;
    }

    #[invalidates(by_id(id), "tagged", tags("id:{id}", name), cache = &CACHE)]
    fn invalidate_four(id: u32, name: &str) -> Result<(), String> {
        yield_now().await;
        Err(name.into())
    }

    #[invalidates(
        by_id(id), by_id(id + 1), by_texts(name.into(), name, &[]), large_value(1),
        "judged", tags("id:{id}", "name:{name}", name),
        cache = &CACHE
    )]
    fn invalidate_eight(id: u32, name: &str) -> usize {
        yield_now().await;
        name.len()
    }

    #[invalidates(|id| by_id(*id), |id| tagged(*id), on = "ok", cache = &CACHE)]
    fn invalidate_by_result(id: u32) -> Result<u32, String> {
        yield_now().await;
        Ok(id)
    }

    #[invalidates(large_argument(large), cache = &CACHE)]
    fn invalidate_large_argument(large: Large) -> u64 {
        yield_now().await;
        large[1]
    }
}

/// Prints a row of the table, and returns the added bytes.
fn added(name: &str, annotated: usize, plain: usize) -> usize {
    let added = annotated.saturating_sub(plain);
    println!("{name:24} {plain:6} {annotated:6} {added:+6}");
    added
}

macro_rules! measure {
    ($($name:ident($($argument:expr),*) keeps $kept:expr;)*) => {
        $({
            let (annotated, plain) = (size_of_val(&$name($($argument),*)), size_of_val(&plain::$name($($argument),*)));
            let added = added(stringify!($name), annotated, plain);
            assert!(added <= LIMIT + $kept, "{}: {added} bytes more", stringify!($name));
        })*
    };
}

#[test]
fn little_is_added_to_the_future_of_a_body() {
    println!("bytes                     plain  annot.  added");
    measure! {
        without_arguments() keeps 0;
        by_id(1) keeps 0;
        tagged(1) keeps 0;
        judged(1) keeps 0;
        by_texts("a".into(), "b", &[1]) keeps 0;
        large_value(1) keeps 0;
        large_body(1) keeps 0;
        large_argument([1; 512]) keeps size_of::<Large>();
        ready(1) keeps 0;
        invalidate_one() keeps 0;
        invalidate_four(1, "a") keeps 0;
        invalidate_eight(1, "a") keeps 0;
        invalidate_by_result(1) keeps 0;
        invalidate_large_argument([1; 512]) keeps size_of::<Large>();
    }
}

/// A load's future is in its closure, and counts here only once it runs.
#[test]
fn little_is_added_to_the_future_of_a_direct_load() {
    let cache: TaggedCache<String, Large> = TaggedCache::new();
    let load = async || {
        let buffer = [1_u32; 2000];
        yield_now().await;
        [black_box(&buffer).len() as u64; 512]
    };
    let plain = size_of_val(&load());
    let name = String::from("a");
    let added = [
        added("get_or_load_async", size_of_val(&cache.get_or_load_async(&name, load)), plain),
        added(
            "or_load_async, with a tag",
            size_of_val(&cache.entry(&name).tags_from(|_| ["tag"]).or_load_async(load)),
            plain,
        ),
        added(
            "or_try_load_async",
            size_of_val(&cache.entry(&name).or_try_load_async(async || Ok::<_, String>(load().await))),
            plain,
        ),
    ];
    assert!(added.iter().all(|added| *added <= LIMIT), "{added:?} bytes more");
}
