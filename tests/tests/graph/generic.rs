//! Generic types, and functions that nobody calls.

use std::hash::Hash;
use std::marker::PhantomData;

use cache_core::{Cache, HasCache, cached_query, graph, invalidates};

use super::{assert_targets, mutation, query};

#[derive(HasCache)]
#[allow(dead_code, reason = "nobody makes one")]
struct Store<T: 'static> {
    items: PhantomData<fn() -> T>,
    cache: Cache,
}

#[allow(dead_code, reason = "nobody calls it")]
impl<T: Clone + Hash + Eq + Send + Sync + 'static> Store<T> {
    #[cached_query(name = "an_item", ttl = "5m", skip(connection))]
    async fn item<const N: usize>(&self, id: T, connection: &[u8; N]) -> Option<T> {
        let _ = connection;
        Some(id)
    }

    #[invalidates(item(id.clone(), _), on = "ok")]
    #[invalidates("item")]
    async fn replace(&self, id: T) -> Result<(), ()> {
        drop(id);
        Ok(())
    }
}

#[allow(dead_code, reason = "nobody calls it")]
fn outer() {
    #[cached_query]
    fn inner(number: u32) -> u32 {
        number
    }

    #[invalidates(|number| inner(*number))]
    fn change() -> u32 {
        1
    }

    inner(change());
}

#[test]
fn a_method_of_a_generic_type_that_nobody_makes_is_there() {
    let graph = graph();
    let item = query(&graph, "generic::item");
    assert_eq!((item.name, item.arguments), ("an_item", &["id"][..]));
    let replace = mutation(&graph, "generic::replace");
    // That of the function, not that of one of the attributes.
    let line_of = |text: &str| include_str!("generic.rs").lines().position(|line| line.contains(text)).unwrap() + 1;
    assert_eq!((replace.file, replace.line as usize), (file!(), line_of("async fn replace")));
    assert_eq!(item.file, file!());
    assert_targets(
        "generic::replace",
        &[("item", &["generic::item"], &[]), ("item(id.clone(), _)", &["generic::item"], &[])],
    );
}

#[test]
fn functions_in_functions_are_there() {
    assert_targets("generic::change", &[("|number| inner(*number)", &["generic::inner"], &[])]);
}
