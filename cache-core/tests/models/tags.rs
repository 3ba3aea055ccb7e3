//! P1 for tags of a load's result, while nodes of tags are made and released.

use std::sync::Arc;

use cache_core::EntryOptions;

use crate::{Database, Numbers, cache, concurrently, explore};

const KEY: u32 = 1;
const OTHER: u32 = 2;

fn read(cache: &Numbers, database: &Database) -> u32 {
    cache.get_or_load_tagged(&KEY, EntryOptions::new, || database.read(), |_| ["late"])
}

/// Loads of a key whose values have the tag, a writer that invalidates the tag, and a third thread.
fn late_tag_against(before: fn(&Numbers), meanwhile: fn(&Numbers, &Database)) {
    explore(move || {
        let (cache, database) = (cache(), Arc::new(Database::default()));
        before(&cache);
        let reader = {
            let (cache, database) = (cache.clone(), database.clone());
            move || assert!(read(&cache, &database) <= 1)
        };
        let other = {
            let (cache, database) = (cache.clone(), database.clone());
            move || meanwhile(&cache, &database)
        };
        let writer = {
            let (cache, database) = (cache.clone(), database.clone());
            move || {
                database.write(1);
                cache.invalidate_tags(["late"]);
                assert_eq!(read(&cache, &database), 1, "what was read before the write was served after it");
            }
        };
        concurrently([Box::new(reader), Box::new(other), Box::new(writer)]);
        assert_eq!(read(&cache, &database), 1, "what was read before the write has stayed");
        cache.check_invariants();
    });
}

/// Guards: in `Registry::raise`, the record of an orphan; in `Registry::attach`, that a node starts at it; in
/// `Context::end`, `shareable_before`.
#[test]
fn p1_a_tag_from_the_result_against_its_invalidation() {
    late_tag_against(|_| {}, |cache, database| assert!(read(cache, database) <= 1));
}

/// Guards: in `Registry::release`, that a node which leaves is recorded; in `Registry::raise`, that a node is raised under
/// the lock.
#[test]
fn p1_a_tag_from_the_result_against_a_node_that_leaves() {
    late_tag_against(
        |cache| cache.insert_with(OTHER, 0, EntryOptions::new().tag("late")),
        |cache, _| _ = cache.invalidate_key(&OTHER),
    );
}

/// Guards: in `Registry::attach`, one lock for the look at the records and the listing of the node.
#[test]
fn p1_a_tag_from_the_result_against_a_node_that_comes() {
    late_tag_against(|_| {}, |cache, _| cache.insert_with(OTHER, 0, EntryOptions::new().tag("late")));
}

/// The load is in a scope, and its tag is invalidated in all.
///
/// Guards: in `Engine::tag_node`, the node of the tag everywhere.
#[test]
fn p1_a_tag_from_the_result_in_a_scope_against_its_invalidation_everywhere() {
    explore(|| {
        let (cache, database) = (cache(), Arc::new(Database::default()));
        let scope = cache.scope("a");
        let reader = || {
            let (scope, database) = (scope.clone(), database.clone());
            Box::new(move || assert!(read(&scope, &database) <= 1))
        };
        let writer = {
            let (cache, scope, database) = (cache.clone(), scope.clone(), database.clone());
            move || {
                database.write(1);
                cache.invalidate_tags(["late"]);
                assert_eq!(read(&scope, &database), 1, "what was read before the write was served after it");
            }
        };
        concurrently([reader(), reader(), Box::new(writer)]);
        assert_eq!(read(&scope, &database), 1, "what was read before the write has stayed");
        cache.check_invariants();
    });
}
