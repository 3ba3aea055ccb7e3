//! Makes calls of one kind, whose instructions callgrind counts: `calls-of KIND CALLS`.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};

use cache_core::{Audit, Cache, CacheMetrics, HasCache, TaggedCache, cached_query, invalidates};

const KEYS: u32 = 1_000;

static VALUE: LazyLock<Value> = LazyLock::new(|| Arc::new(vec![1, 2, 3]));

type Value = Arc<Vec<u64>>;

#[derive(HasCache)]
struct Ours {
    cache: Cache,
}

impl Ours {
    #[cached_query(ttl = 300, tags("tag"))]
    fn by_id(&self, id: u64) -> Value {
        loaded(id)
    }

    #[cached_query(ttl = 300, tags("tag"))]
    fn by_text(&self, text: &str) -> Value {
        loaded(text)
    }

    #[cached_query(ttl = 300, tags("tag"))]
    fn by_pair(&self, first: u32, second: u32) -> Value {
        loaded((first, second))
    }

    #[cached_query(ttl = 300, tags("tag", "second", "third", "fourth"))]
    fn by_id_with_tags(&self, id: u64) -> Value {
        loaded(id)
    }

    #[cached_query(ttl = 300, tags("tag"))]
    async fn by_id_async(&self, id: u64) -> Value {
        loaded(id)
    }

    #[invalidates(tags("a tag of no entry"))]
    fn invalidate_tag(&self) {}

    #[invalidates("by_text")]
    fn invalidate_query(&self) {}

    #[invalidates(by_id(id))]
    fn invalidate_key(&self, id: u64) {}
}

fn loaded<T>(key: T) -> Value {
    black_box(key);
    VALUE.clone()
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("neither hits nor loads wait"),
    }
}

/// Calls with as many numbers, after two rounds of all keys: every entry is loaded and was hit before.
fn each(calls: u32, mut call: impl FnMut(u32)) {
    (0..2 * KEYS).chain(0..calls).for_each(|number| call(black_box(number)));
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(kind), Some(Ok(calls))) = (arguments.first(), arguments.get(1).map(|calls| calls.parse::<u32>())) else {
        eprintln!("usage: calls-of KIND CALLS");
        return ExitCode::from(2);
    };
    // Only misses evict.
    let ours = Ours { cache: Cache::builder().capacity(KEYS as usize).build() };
    let texts: Vec<String> = (0..KEYS).map(|number| format!("key {number:08}")).collect();
    let text = |number: u32| texts[(number % KEYS) as usize].as_str();
    let id = |number: u32| u64::from(number % KEYS);
    let all_on = || {
        let builder = Cache::builder().capacity(KEYS as usize).observer(CacheMetrics::new("bench"));
        Ours { cache: builder.audit(Audit::sample(0.01)).build() }
    };
    match kind.as_str() {
        "loop" => each(calls, |number| _ = black_box(id(number))),
        "u64" => each(calls, |number| _ = black_box(ours.by_id(id(number)))),
        "u64-all-on" => {
            let ours = all_on();
            each(calls, |number| _ = black_box(ours.by_id(id(number))));
        }
        "str" => each(calls, |number| _ = black_box(ours.by_text(text(number)))),
        "pair" => each(calls, |number| _ = black_box(ours.by_pair(number % KEYS, 7))),
        "tags4" => each(calls, |number| _ = black_box(ours.by_id_with_tags(id(number)))),
        "async" => each(calls, |number| _ = black_box(ready(ours.by_id_async(id(number))))),
        "miss" => {
            let mut next = 0;
            each(calls, |_| {
                next += 1;
                black_box(ours.by_id(next));
            });
        }
        "get" => {
            let numbers = TaggedCache::<u64, Value>::builder().capacity(KEYS as usize).build();
            (0..KEYS).for_each(|number| numbers.insert(id(number), VALUE.clone()));
            each(calls, |number| _ = black_box(numbers.get(&id(number))));
        }
        "invalidate-tag" => each(calls, |_| ours.invalidate_tag()),
        "invalidate-query" => each(calls, |_| ours.invalidate_query()),
        "invalidate-key" => each(calls, |number| ours.invalidate_key(id(number))),
        "quick_cache-u64" => {
            let peer = quick_cache::sync::Cache::<u64, Value>::new(2 * KEYS as usize);
            (0..KEYS).for_each(|number| peer.insert(id(number), VALUE.clone()));
            each(calls, |number| _ = black_box(peer.get(&id(number))));
        }
        "quick_cache-str" => {
            let peer = quick_cache::sync::Cache::<String, Value>::new(2 * KEYS as usize);
            (0..KEYS).for_each(|number| peer.insert(text(number).to_owned(), VALUE.clone()));
            each(calls, |number| _ = black_box(peer.get(text(number))));
        }
        _ => {
            eprintln!("unknown kind {kind:?}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
