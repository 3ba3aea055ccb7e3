//! P9: the last handle of a cache frees all it holds: entries, tags, scopes and loads in flight.

use std::sync::{Arc, Barrier};
use std::thread;

use cache_core::{Cache, EntryOptions, HasCache, Tag, TaggedCache, cached_query};

use super::mode::block_on;

/// References to it are counted; keys, values and tags are made of it. It must be long: short tags are stored inline.
type Counted = Arc<str>;

#[test]
fn p9_the_last_handle_frees_everything() {
    block_on(async {
        let [key, value, tag, late] =
            ["key", "value", "a tag too long to be stored inline", "a late tag too long to be stored inline"]
                .map(Counted::from);
        let all = || [&key, &value, &tag, &late].map(Arc::strong_count);
        let cache: TaggedCache<Counted, Counted> = TaggedCache::builder().capacity(8).build();
        let scope = cache.scope("tenant");
        for cache in [&cache, &scope] {
            let options = || EntryOptions::new().tag(Tag::from(tag.clone()));
            let late_tag = |_: &Counted| [Tag::from(late.clone())];
            cache.entry(&key).with(options).tags_from(late_tag).or_load_async(async || value.clone()).await;
            cache.invalidate_tags(["a tag that no entry ever had"]);
        }
        assert!(all().iter().all(|&count| count > 2), "the cache holds all of them: {:?}", all());

        let clone = scope.clone();
        drop((cache, scope));
        assert_eq!(clone.len(), 1, "a handle of a scope holds the whole cache");
        drop(clone);
        assert_eq!(all(), [1; 4]);
    });
}

#[test]
fn p9_a_load_that_outlives_all_other_handles_frees_everything_when_it_ends() {
    let [key, value, tag] = ["key", "value", "a tag too long to be stored inline"].map(Counted::from);
    for fails in [false, true] {
        let cache = TaggedCache::<Counted, Counted>::new();
        let (loading, dropped) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            let load = {
                let cache = cache.clone();
                let (key, value, tag, loading, dropped) = (&key, &value, &tag, &loading, &dropped);
                move || {
                    let options = || EntryOptions::new().tag(Tag::from(tag.clone()));
                    let body = async || {
                        loading.wait();
                        dropped.wait();
                        if fails { Err(()) } else { Ok(value.clone()) }
                    };
                    drop(block_on(cache.entry(key).with(options).or_try_load_async(body)));
                }
            };
            scope.spawn(load);
            loading.wait();
            assert!(Arc::strong_count(&key) > 1 && Arc::strong_count(&tag) > 1, "the load in flight holds them");
            drop(cache);
            dropped.wait();
        });
        assert_eq!([&key, &value, &tag].map(Arc::strong_count), [1; 3]);
    }
}

#[derive(HasCache)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(capacity = 2)]
    async fn get(&self, key: &Counted) -> Counted {
        key.clone()
    }
}

#[test]
fn p9_a_cache_of_queries_frees_everything() {
    block_on(async {
        let key = Counted::from("key");
        let repo = Repo { cache: Cache::new() };
        Repo { cache: repo.cache.scope("tenant") }.get(&key).await;
        repo.get(&key).await;
        assert_eq!(Arc::strong_count(&key), 5, "two keys and two values");
        drop(repo);
        assert_eq!(Arc::strong_count(&key), 1);
    });
}
