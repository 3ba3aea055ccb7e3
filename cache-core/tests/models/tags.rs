//! P1 for tags from the result of a load, while nodes of tags are created and released.

use cache_core::EntryOptions;

use crate::support::{Database, Numbers, Thread, cache, explore, read_against_write};

const KEY: u32 = 1;
const OTHER: u32 = 2;

fn read(cache: &Numbers, database: &Database) -> u32 {
    cache.get_or_load_tagged(&KEY, EntryOptions::new, || database.read(), |_| ["late"])
}

/// Loads whose values have the tag `late`, against a write that invalidates the tag, and a third thread.
fn late_tag_against(before: fn(&Numbers), meanwhile: fn(&Numbers, &Database)) {
    explore(move || {
        let state = (cache(), Database::default());
        before(&state.0);
        let other = {
            let (cache, database) = state.clone();
            Box::new(move || meanwhile(&cache, &database))
        };
        let read = |(cache, database): &(Numbers, Database)| read(cache, database);
        read_against_write(&state, 1, [other as Thread], read, |(cache, database)| {
            database.write(1);
            cache.invalidate_tags(["late"]);
        });
        state.0.check_invariants();
    });
}

/// Guards: in `Registry::raise`, the record of an orphan; in `Registry::attach`, that a node starts at it; in
/// `Context::end`, `shareable_before`.
#[test]
fn p1_a_tag_from_the_result_against_its_invalidation() {
    late_tag_against(|_| {}, |cache, database| assert!(read(cache, database) <= 1));
}

/// Guards: in `Registry::release`, that the version of a released node is recorded; in `Registry::raise`, that a node is
/// raised under the lock.
#[test]
fn p1_a_tag_from_the_result_against_the_release_of_its_node() {
    late_tag_against(
        |cache| cache.insert_with(OTHER, 0, EntryOptions::new().tag("late")),
        |cache, _| _ = cache.invalidate_key(&OTHER),
    );
}

/// Guards: in `Registry::attach`, one lock for reading the records and listing the node.
#[test]
fn p1_a_tag_from_the_result_against_the_creation_of_its_node() {
    late_tag_against(|_| {}, |cache, _| cache.insert_with(OTHER, 0, EntryOptions::new().tag("late")));
}

/// The load is in a scope, and its tag is invalidated in all scopes.
///
/// Guards: in `Engine::tag_node`, the node of the tag in all scopes.
#[test]
fn p1_a_tag_from_the_result_in_a_scope_against_its_invalidation_in_all_scopes() {
    explore(|| {
        let (cache, database) = (cache(), Database::default());
        let state = (cache.clone(), cache.scope("a"), database);
        let read = |(_, scope, database): &(Numbers, Numbers, Database)| read(scope, database);
        read_against_write(&state, 2, [], read, |(cache, _, database)| {
            database.write(1);
            cache.invalidate_tags(["late"]);
        });
        cache.check_invariants();
    });
}
