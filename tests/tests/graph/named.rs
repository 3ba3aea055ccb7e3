//! Several queries of one name.

use cache_core::{Cache, HasCache, cached_query, invalidates};

use super::assert_targets;

mod artists {
    use super::{Cache, HasCache, cached_query, invalidates};

    #[derive(HasCache)]
    #[allow(dead_code, reason = "nobody makes one")]
    pub(super) struct Artists {
        pub(super) cache: Cache,
    }

    #[allow(dead_code, reason = "nobody calls it")]
    impl Artists {
        #[cached_query]
        pub(super) fn find(&self, id: u32) -> u32 {
            id
        }

        #[invalidates(find(id), super::albums::find)]
        fn change(&self, id: u32) {
            let _ = id;
        }
    }
}

mod albums {
    #[cache_core::cached_query]
    pub(super) fn find(id: u32) -> u32 {
        id
    }
}

#[derive(HasCache)]
#[allow(dead_code, reason = "nobody makes one")]
struct Both {
    artists: Artists,
    cache: Cache,
}

#[allow(dead_code, reason = "nobody calls it")]
impl Both {
    #[invalidates(artists::Artists::find(1), "albums::find")]
    fn by_path(&self) {}
}

use artists::Artists;

#[allow(dead_code, reason = "nobody calls it")]
impl Both {
    #[invalidates(Artists::find(albums::find(1)))]
    fn by_import(&self) {}

    #[invalidates(for id in ids { Artists::find(*id), albums::find(*id) })]
    fn many(&self, ids: &[u32]) {}
}

#[test]
fn one_of_two_modules_is_found_by_the_path_or_by_the_own_module() {
    assert_targets(
        "named::artists::change",
        &[("find(id)", &["named::artists::find"], &[]), ("super::albums::find", &["named::albums::find"], &[])],
    );
    assert_targets(
        "named::by_path",
        &[
            ("artists::Artists::find(1)", &["named::artists::find"], &[]),
            ("albums::find", &["named::albums::find"], &[]),
        ],
    );
}

#[test]
fn a_path_that_tells_no_module_may_be_any_of_them() {
    let both = &["named::albums::find", "named::artists::find"];
    assert_targets("named::by_import", &[("Artists::find(albums::find(1))", both, &[])]);
    let list = "for id in ids";
    let [of_artist, of_album] = ["Artists::find(*id)", "albums::find(*id)"].map(|key| format!("{list} {{ {key} }}"));
    assert_targets("named::many", &[(of_artist.leak(), both, &[]), (of_album.leak(), &["named::albums::find"], &[])]);
}
