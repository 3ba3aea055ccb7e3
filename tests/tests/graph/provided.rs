//! Methods of traits.

use async_trait::async_trait;
use cache_core::{Cache, HasCache, cached_impl, cached_query, graph, invalidates};

use super::{assert_targets, mutation, query};

#[cached_impl]
#[async_trait]
#[allow(dead_code, reason = "nobody calls it")]
trait Tracks: HasCache + Sync {
    #[cached_query]
    async fn provided(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(provided(id))]
    async fn change_provided(&self, id: u32) {
        let _ = id;
    }

    async fn required(&self, id: u32) -> u32;

    async fn change_required(&self, id: u32);
}

#[derive(HasCache)]
#[allow(dead_code, reason = "nobody makes one")]
struct Library {
    cache: Cache,
}

#[cached_impl]
#[async_trait]
impl Tracks for Library {
    #[cached_query(tags("tracks"))]
    async fn required(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(required(id))]
    #[invalidates(tags("tracks"))]
    async fn change_required(&self, id: u32) {
        let _ = id;
    }
}

#[test]
fn methods_of_traits_are_there() {
    assert_targets("provided::change_provided", &[("provided(id)", &["provided::provided"], &[])]);
    assert_targets(
        "provided::change_required",
        &[
            ("required(id)", &["provided::required"], &[]),
            ("tags(\"tracks\")", &["provided::required"], &["tagged::of_value"]),
        ],
    );
    let graph = graph();
    assert_eq!(query(&graph, "provided::required").tags, ["tracks"]);
    let line_of = |text: &str| include_str!("provided.rs").lines().position(|line| line.contains(text)).unwrap() + 1;
    assert_eq!(mutation(&graph, "provided::change_provided").line as usize, line_of("async fn change_provided"));
    assert_eq!(
        query(&graph, "provided::required").line as usize,
        line_of("async fn required(&self, id: u32) -> u32 {")
    );
}
