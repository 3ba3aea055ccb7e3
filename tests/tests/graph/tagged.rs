//! Targets that are tags.

use cache_core::{Cache, HasCache, cached_query, graph, invalidates};

use super::{assert_targets, query};

#[derive(HasCache)]
#[allow(dead_code, reason = "nobody makes one")]
struct Albums {
    cache: Cache,
}

fn tag_of(id: u32) -> String {
    format!("album:{id}")
}

#[allow(dead_code, reason = "nobody calls it")]
impl Albums {
    #[cached_query(tags("albums", "artist:{artist}:albums"))]
    fn of_artist(&self, artist: u32) -> Vec<u32> {
        vec![artist]
    }

    #[cached_query(tags(format!("artist:{}", id % 10)))]
    fn of_digit(&self, id: u32) -> u32 {
        id
    }

    #[cached_query(tags("kind:{{x}}", tag_of(id)), tags_from = |album| [format!("label:{album}")])]
    fn of_value(&self, id: u32) -> u32 {
        id
    }

    #[invalidates(tags("artist:{artist_id}", "albums"))]
    fn rename(&self, artist_id: u32) {
        let _ = artist_id;
    }

    #[invalidates(|new| tags(format!("artist:{}", new)))]
    fn add(&self) -> u32 {
        1
    }

    #[invalidates(tags(tag_of(id)))]
    fn change(&self, id: u32) {
        let _ = id;
    }
}

#[test]
fn a_tag_reaches_the_queries_with_its_text_before_the_first_placeholder() {
    assert_eq!(query(&graph(), "tagged::of_artist").tags, ["albums", "artist:{artist}:albums"]);
    assert_eq!(query(&graph(), "tagged::of_digit").tags, ["artist:{}"]);
    let of_value = query(&graph(), "tagged::of_value").clone();
    assert!(of_value.tags == ["kind:{{x}}"] && of_value.has_other_tags);
    let of_artist = &["tagged::of_artist", "tagged::of_digit"];
    assert_targets(
        "tagged::rename",
        &[
            ("tags(\"artist:{artist_id}\")", of_artist, &["tagged::of_value"]),
            ("tags(\"albums\")", &["tagged::of_artist"], &["tagged::of_value"]),
        ],
    );
    assert_targets("tagged::add", &[("|new| tags(format!(\"artist:{}\", new))", of_artist, &["tagged::of_value"])]);
}

#[test]
fn a_tag_from_an_expression_perhaps_reaches_every_query_with_tags() {
    let with_tags = &["provided::required", "tagged::of_artist", "tagged::of_digit", "tagged::of_value"];
    assert_targets("tagged::change", &[("tags(tag_of(id))", &[], with_tags)]);
}
