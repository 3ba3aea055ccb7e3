//! P12: a hit allocates nothing, whatever its key, synchronous or not.
//!
//! Allocations are counted per thread, so concurrent tests do not count each other's.
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use cache_core::{Cache, EntryOptions, HasCache, TaggedCache, cached_impl, cached_query, invalidates};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Id(u32);

/// The value of all queries: its clones allocate nothing.
type Value = Arc<str>;

/// The second call must be a hit without allocations.
fn assert_free<R>(cache: &Cache, call: impl Fn() -> R) {
    let before = cache.stats();
    let load = measure(|| drop(call()));
    assert!(load.count_total > 0, "a load must allocate: otherwise nothing is counted");
    // The first hit of a thread may allocate per-thread state, such as counters.
    call();
    let hit = measure(|| drop(call()));
    let after = cache.stats();
    assert_eq!((after.loads - before.loads, after.hits - before.hits), (1, 2), "the measured call was not a hit");
    assert_eq!(hit.count_total, 0, "{} bytes were allocated on a hit", hit.bytes_total);
}

/// The output of a future that is ready at once. Without an executor, whose allocations would count.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// A test of two queries, one of them async, with one argument of the type in brackets.
macro_rules! free {
    ($test:ident: [$($t:tt)+] => $argument:expr) => {
        #[test]
        fn $test() {
            #[derive(HasCache, Default)]
            struct Repo {
                cache: Cache,
            }

            #[allow(
                unused_variables,
                clippy::ptr_arg,
                clippy::trivially_copy_pass_by_ref,
                clippy::option_option,
                reason = "the test needs such arguments"
            )]
            impl Repo {
                #[cached_query]
                fn get(&self, argument: $($t)+) -> Value {
                    "value".into()
                }

                #[cached_query]
                async fn get_async(&self, argument: $($t)+) -> Value {
                    "value".into()
                }
            }

            let repo = Repo::default();
            // Owned arguments are made outside of the measurement.
            let argument: $($t)+ = $argument;
            assert_free(&repo.cache, || repo.get(argument));
            assert_free(&repo.cache, || ready(repo.get_async(argument)));
        }
    };
}

free!(p12_a_number: [u64] => 1);
free!(p12_a_bool: [bool] => true);
free!(p12_a_char: [char] => 'a');
free!(p12_a_newtype: [Id] => Id(1));
free!(p12_a_tuple: [(u8, Id, [char; 2])] => (1, Id(1), ['a', 'b']));
free!(p12_an_array: [[u8; 3]] => [1, 2, 3]);
free!(p12_an_option: [Option<Option<Id>>] => Some(Some(Id(1))));
free!(p12_a_str: [&str] => "text");
free!(p12_a_reference_to_a_string: [&String] => &String::from("text"));
free!(p12_a_slice: [&[u32]] => &[1, 2]);
free!(p12_a_reference_to_a_vec: [&Vec<String>] => &vec![String::from("text")]);
free!(p12_a_reference_to_a_newtype: [&Id] => &Id(1));
free!(p12_a_reference_to_a_tuple: [&(String, u8)] => &(String::from("text"), 1));
free!(p12_a_reference_to_an_arc: [&Arc<str>] => &Arc::from("text"));
free!(p12_a_reference_to_a_reference: [&&str] => &"text");
free!(p12_a_path: [&Path] => Path::new("text"));
free!(p12_an_option_of_a_str: [Option<&str>] => Some("text"));
free!(p12_an_option_of_a_newtype_by_reference: [Option<&Id>] => Some(&Id(1)));
free!(p12_an_option_of_a_slice: [Option<&[u32]>] => Some(&[1, 2]));
free!(p12_an_option_of_an_option_of_a_str: [Option<Option<&str>>] => Some(Some("text")));
free!(p12_a_pair_with_a_str: [(&str, u32)] => ("text", 1));
free!(p12_a_str_with_a_newtype: [(&str, Id)] => ("text", Id(1)));
free!(p12_nested_tuples: [(u8, (&str, Option<&Id>), &[u8])] => (1, ("text", None), &[1]));
free!(p12_a_slice_of_strs: [&[&str]] => &["text", "more"]);
free!(p12_a_slice_of_options_of_strs: [&[Option<&str>]] => &[Some("text"), None]);
free!(p12_a_slice_of_pairs: [&[(&str, u8)]] => &[("text", 1)]);
free!(p12_an_array_of_strs: [[&str; 2]] => ["text", "more"]);
free!(p12_a_reference_to_a_vec_of_strs: [&Vec<&str>] => &vec!["text"]);

#[derive(HasCache, Default)]
struct Repo {
    name: String,
    #[cache]
    cache: Cache,
}

impl Repo {
    #[cached_query]
    fn none(&self) -> Value {
        "value".into()
    }

    #[cached_query]
    #[expect(
        clippy::too_many_arguments,
        clippy::many_single_char_names,
        clippy::trivially_copy_pass_by_ref,
        reason = "the test needs this many arguments"
    )]
    fn eight(&self, a: u8, b: &str, c: &[u8], d: Option<&str>, e: (u8, u8), f: Id, g: &Id, h: char) -> Value {
        format!("{a}{b}{c:?}{d:?}{e:?}{f:?}{g:?}{h}").into()
    }

    #[cached_query]
    fn fallible(&self, text: &str) -> Result<Value, String> {
        Ok(text.into())
    }

    #[cached_query]
    fn option(&self, text: &str) -> Option<Value> {
        Some(text.into())
    }

    #[cached_query]
    fn owned(&self, text: String, numbers: Vec<u32>) -> Value {
        format!("{text}{numbers:?}").into()
    }

    #[cached_query]
    fn cow(&self, text: Cow<'_, str>) -> Value {
        text.into()
    }

    #[cached_query(tags("text:{text}", "plain", format!("id:{id}")), tags_from = |value| [value.to_string()])]
    fn tagged(&self, text: &str, id: u32) -> Value {
        format!("{text}{id}").into()
    }

    #[cached_query(key(&self.name, id), cache_if = |value| !value.is_empty())]
    fn chosen(&self, id: u32, scale: f64) -> Value {
        format!("{id}{scale}").into()
    }

    #[cached_query(skip(scale), ttl = "5m")]
    fn skipped(&self, (id, text): (u32, &str), scale: f64) -> Value {
        format!("{id}{text}{scale}").into()
    }

    #[cached_query]
    fn generic<K: std::hash::Hash + Eq + Clone + Send + Sync + 'static>(&self, key: &K) -> Value {
        std::any::type_name_of_val(key).into()
    }

    #[invalidates(tagged(text, id), tagged_async(text, &[id]))]
    fn by_key(&self, text: &str, id: u32) {}

    #[cached_query(
        tags("text:{text}", "plain", format!("ids:{ids:?}")),
        tags_from = |value| [value.to_string()],
        cache_if = |value| !value.is_empty()
    )]
    async fn tagged_async(&self, text: &str, ids: &[u32]) -> Result<Value, String> {
        Ok(format!("{text}{ids:?}").into())
    }

    #[cached_query]
    async fn owned_async(&self, text: String, numbers: Vec<u32>) -> Value {
        format!("{text}{numbers:?}").into()
    }

    #[cached_query(key(&self.name, id))]
    async fn by_arc_async(self: &Arc<Self>, id: u32, scale: f64) -> Value {
        format!("{id}{scale}").into()
    }
}

trait TracksAsync {
    async fn track_async(&self, name: &str) -> Value;
}

#[cached_impl]
impl TracksAsync for Repo {
    #[cached_query(tags("track:{name}"))]
    async fn track_async(&self, name: &str) -> Value {
        name.into()
    }
}

trait Tracks {
    fn track(&self, name: &str) -> Value;
}

#[cached_impl]
impl Tracks for Repo {
    #[cached_query(tags("track:{name}"))]
    fn track(&self, name: &str) -> Value {
        name.into()
    }
}

#[cached_query]
fn global(text: &str, id: u32) -> Value {
    format!("{text}{id}").into()
}

#[test]
fn p12_any_number_of_arguments() {
    let repo = Repo::default();
    assert_free(&repo.cache, || repo.none());
    assert_free(&repo.cache, || repo.eight(1, "b", &[2], Some("d"), (3, 4), Id(5), &Id(6), 'h'));
}

#[test]
fn p12_a_result_and_an_option() {
    let repo = Repo::default();
    assert_free(&repo.cache, || repo.fallible("text"));
    assert_free(&repo.cache, || repo.option("text"));
}

#[test]
fn p12_tags() {
    let repo = Repo::default();
    assert_free(&repo.cache, || repo.tagged("text", 1));
    // Another invalidation has completed since, so the tags are checked again.
    repo.tagged("text", 2);
    repo.by_key("text", 2);
    repo.cache.invalidate_tags(["id:2"]);
    let hit = measure(|| drop(repo.tagged("text", 1)));
    assert_eq!((hit.count_total, repo.cache.stats().loads), (0, 2));
}

#[test]
fn p12_tags_asynchronously() {
    let repo = Repo::default();
    assert_free(&repo.cache, || ready(repo.tagged_async("text", &[1])));
    ready(repo.tagged_async("text", &[2])).unwrap();
    repo.by_key("text", 2);
    repo.cache.invalidate_tags(["ids:[2]"]);
    let hit = measure(|| drop(ready(repo.tagged_async("text", &[1]))));
    assert_eq!((hit.count_total, repo.cache.stats().loads), (0, 2));
}

#[test]
fn p12_a_method_by_arc_and_one_of_a_trait_asynchronously() {
    let repo = Arc::new(Repo { name: "text".into(), ..Repo::default() });
    assert_free(&repo.cache, || ready(repo.by_arc_async(1, 0.5)));
    assert_free(&repo.cache, || ready(repo.track_async("text")));
}

/// Not even a call that would miss.
#[test]
fn p12_a_future_that_is_not_polled() {
    let repo = Repo::default();
    assert_eq!(measure(|| drop(repo.tagged_async("text", &[1]))).count_total, 0);
}

#[test]
fn p12_direct() {
    let cache: TaggedCache<String, Value> = TaggedCache::new();
    let options = || EntryOptions::new().tag("one").tag("two");
    let sync = || cache.get_or_load_with("sync", options, || "value".into());
    let plain = || ready(cache.get_or_load_async("plain", async || "value".into()));
    let tagged = || {
        ready(
            cache
                .entry("tagged")
                .with(options)
                .tags_from(|value: &Value| [value.to_string()])
                .or_load_async(async || "value".into()),
        )
    };
    let fallible = || ready(cache.entry("fallible").or_try_load_async(async || Ok::<Value, String>("value".into())));
    let calls: [&dyn Fn() -> Value; 4] = [&sync, &plain, &tagged, &|| fallible().unwrap()];
    for call in calls {
        assert!(measure(|| drop(call())).count_total > 0, "a load must allocate");
        call();
        assert_eq!(measure(|| drop(call())).count_total, 0);
    }
    assert_eq!((cache.stats().loads, cache.stats().hits), (4, 8));
}

#[test]
fn p12_chosen_keys() {
    let repo = Repo { name: "text".into(), ..Repo::default() };
    assert_free(&repo.cache, || repo.chosen(1, 0.5));
    assert_free(&repo.cache, || repo.skipped((1, "text"), 0.5));
}

#[test]
fn p12_generic_functions_and_traits() {
    let repo = Repo::default();
    assert_free(&repo.cache, || repo.generic(&1_u8));
    assert_free(&repo.cache, || repo.track("text"));
    let tracks: &dyn Tracks = &repo;
    assert_free(&repo.cache, || tracks.track("more"));
}

#[test]
fn p12_scopes() {
    let repo = Repo { cache: Cache::new().scope("tenant:1"), ..Repo::default() };
    assert_free(&repo.cache, || repo.tagged("text", 1));
}

/// The only test here with the global cache.
#[test]
fn p12_a_free_function() {
    assert_free(Cache::global(), || global("text", 1));
}

/// Only the caller's own allocations are counted.
#[test]
fn p12_owned_arguments_are_not_copied() {
    let repo = Repo::default();
    let call = || repo.owned("text".into(), vec![1, 2]);
    call();
    call();
    assert_eq!(measure(|| drop(call())).count_total, 2);
    let call = || repo.cow("text".into());
    call();
    call();
    assert_eq!(measure(|| drop(call())).count_total, 0);
    let call = || ready(repo.owned_async("text".into(), vec![1, 2]));
    call();
    call();
    assert_eq!(measure(|| drop(call())).count_total, 2);
    assert_eq!((repo.cache.stats().loads, repo.cache.stats().hits), (3, 6));
}
