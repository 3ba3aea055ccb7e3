//! Arguments of every type that can be part of a key.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::num::NonZeroU8;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use cache_core::{Cache, HasCache, cached_query, invalidates};

use super::mode::{block_on, pause, run};
use crate::check::shown;

/// A user's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Id(u32);

/// A test of a query with one argument of the type in brackets, called with different values.
macro_rules! argument {
    ($test:ident [$($t:tt)+] $first:expr => $first_shown:literal $(, $other:expr => $other_shown:literal)+) => {
        #[test]
        fn $test() {
    block_on(async {
            #[derive(HasCache, Default)]
            struct Repo {
                cache: Cache,
            }

            #[allow(
                clippy::ptr_arg,
                clippy::needless_pass_by_value,
                clippy::trivially_copy_pass_by_ref,
                clippy::redundant_allocation,
                clippy::ref_option,
                clippy::option_option,
                clippy::box_collection,
                reason = "the test needs such arguments"
            )]
            impl Repo {
                #[cached_query]
                async fn get(&self, argument: $($t)+) -> String {
                    pause().await;
                    format!("{argument:?}")
                }

                #[invalidates(get(Clone::clone(&argument)))]
                async fn invalidate_one(&self, argument: $($t)+) {
                    let _taken = argument;
                }

                #[invalidates("get")]
                async fn invalidate(&self) {}
            }

            let repo = Repo::default();
            check!(
                &repo.cache;
                repo.get($first).await => concat!("get(argument = ", $first_shown, ")"),
                $(repo.get($other).await => concat!("get(argument = ", $other_shown, ")")),+;
                one: repo.invalidate_one($first).await;
                all: repo.invalidate().await
            );
            assert_eq!(repo.get($first).await, $first_shown);
    });
}
    };
}

argument!(a_str [&str] "a" => r#""a""#, "" => r#""""#, "b" => r#""b""#);
argument!(a_static_str [&'static str] "a" => r#""a""#, "b" => r#""b""#);
argument!(a_string [String] "a".into() => r#""a""#, "b".into() => r#""b""#);
argument!(a_reference_to_a_string [&String] &"a".into() => r#""a""#, &"b".into() => r#""b""#);
argument!(a_reference_to_a_vec [&Vec<u8>] &vec![1] => "[1]", &Vec::new() => "[]");
argument!(a_slice [&[u32]] &[1, 2] => "[1, 2]", &[] => "[]", &[12] => "[12]");
argument!(a_reference_to_an_array [&[u32; 2]] &[1, 2] => "[1, 2]", &[2, 1] => "[2, 1]");
argument!(a_reference_to_a_newtype [&Id] &Id(1) => "Id(1)", &Id(2) => "Id(2)");
argument!(a_reference_to_a_tuple [&(u8, char)] &(1, 'a') => "(1, 'a')", &(1, 'b') => "(1, 'b')");
argument!(a_reference_to_an_option [&Option<String>] &None => "None", &Some("a".into()) => r#"Some("a")"#);
argument!(a_reference_to_a_reference [&&str] &"a" => r#""a""#, &"b" => r#""b""#);
argument!(a_reference_to_a_reference_to_a_reference [&&&u32] &&&1 => "1", &&&2 => "2");
argument!(a_slice_of_newtypes [&[Id]] &[Id(1)] => "[Id(1)]", &[Id(2)] => "[Id(2)]");

argument!(a_bool [bool] true => "true", false => "false");
argument!(a_char [char] 'a' => "'a'", 'b' => "'b'");
argument!(an_integer [i8] -1 => "-1", 1 => "1");
argument!(a_wide_integer [u128] 1 => "1", u128::MAX => "340282366920938463463374607431768211455");
argument!(a_number_that_is_not_zero [NonZeroU8] NonZeroU8::MIN => "1", NonZeroU8::MAX => "255");
argument!(a_duration [Duration] Duration::from_secs(1) => "1s", Duration::from_secs(2) => "2s");
argument!(a_unit_and_a_number [((), u8)] ((), 1) => "((), 1)", ((), 2) => "((), 2)");
argument!(a_newtype [Id] Id(1) => "Id(1)", Id(2) => "Id(2)");
argument!(
    a_tuple [(u8, (i64, String))]
    (1, (2, "a".into())) => r#"(1, (2, "a"))"#,
    (1, (2, "b".into())) => r#"(1, (2, "b"))"#
);
argument!(an_array [[u8; 3]] [1, 2, 3] => "[1, 2, 3]", [3, 2, 1] => "[3, 2, 1]");
argument!(a_vec [Vec<Id>] vec![Id(1)] => "[Id(1)]", vec![] => "[]");
argument!(an_option [Option<Id>] Some(Id(1)) => "Some(Id(1))", None => "None");
argument!(
    an_option_of_an_option [Option<Option<u8>>]
    None => "None",
    Some(None) => "Some(None)",
    Some(Some(1)) => "Some(Some(1))"
);
argument!(a_result [Result<u8, String>] Ok(1) => "Ok(1)", Err("a".into()) => r#"Err("a")"#);
argument!(a_map [BTreeMap<String, u8>] BTreeMap::new() => "{}", [("a".into(), 1)].into() => r#"{"a": 1}"#);
argument!(a_boxed_str [Box<str>] "a".into() => r#""a""#, "b".into() => r#""b""#);
argument!(a_boxed_slice [Box<[u8]>] Box::new([1]) => "[1]", Box::new([]) => "[]");
argument!(an_arc_of_a_str [Arc<str>] "a".into() => r#""a""#, "b".into() => r#""b""#);
argument!(an_arc_of_a_newtype [Arc<Id>] Arc::new(Id(1)) => "Id(1)", Arc::new(Id(2)) => "Id(2)");
argument!(a_reference_to_an_arc [&Arc<Id>] &Arc::new(Id(1)) => "Id(1)", &Arc::new(Id(2)) => "Id(2)");
argument!(a_path_buf [PathBuf] "a".into() => r#""a""#, "b".into() => r#""b""#);
argument!(a_path [&Path] Path::new("a") => r#""a""#, Path::new("b") => r#""b""#);

argument!(an_option_of_a_str [Option<&str>] Some("a") => r#"Some("a")"#, Some("") => r#"Some("")"#, None => "None");
argument!(an_option_of_a_newtype_by_reference [Option<&Id>] Some(&Id(1)) => "Some(Id(1))", None => "None");
argument!(an_option_of_a_slice [Option<&[u32]>] Some(&[1]) => "Some([1])", Some(&[]) => "Some([])", None => "None");
argument!(
    an_option_of_an_option_of_a_str [Option<Option<&str>>]
    None => "None",
    Some(None) => "Some(None)",
    Some(Some("a")) => r#"Some(Some("a"))"#
);
argument!(
    an_option_of_a_pair_with_a_str [Option<(&str, u32)>]
    Some(("a", 1)) => r#"Some(("a", 1))"#,
    None => "None"
);
argument!(
    a_pair_with_a_str [(&str, u32)]
    ("a", 1) => r#"("a", 1)"#,
    ("a", 2) => r#"("a", 2)"#,
    ("b", 1) => r#"("b", 1)"#
);
argument!(a_str_with_a_newtype [(&str, Id)] ("a", Id(1)) => r#"("a", Id(1))"#, ("b", Id(1)) => r#"("b", Id(1))"#);
argument!(two_strs [(&str, &str)] ("a", "bc") => r#"("a", "bc")"#, ("ab", "c") => r#"("ab", "c")"#);
argument!(
    three_of_which_one_is_nested [(u8, (&str, Option<&Id>), bool)]
    (1, ("a", None), true) => r#"(1, ("a", None), true)"#,
    (1, ("a", Some(&Id(1))), true) => r#"(1, ("a", Some(Id(1))), true)"#
);
argument!(
    a_slice_of_strs [&[&str]]
    &["a", "bc"] => r#"["a", "bc"]"#,
    &["ab", "c"] => r#"["ab", "c"]"#,
    &["abc"] => r#"["abc"]"#
);
argument!(a_slice_of_options_of_strs [&[Option<&str>]] &[None] => "[None]", &[Some("a")] => r#"[Some("a")]"#);
argument!(a_slice_of_pairs [&[(&str, u8)]] &[("a", 1)] => r#"[("a", 1)]"#, &[] => "[]");
argument!(an_array_of_strs [[&str; 2]] ["a", "bc"] => r#"["a", "bc"]"#, ["ab", "c"] => r#"["ab", "c"]"#);
argument!(an_array_of_options_of_strs [[Option<&str>; 1]] [None] => "[None]", [Some("a")] => r#"[Some("a")]"#);
argument!(
    a_vec_of_strs [Vec<&str>]
    vec!["a", "bc"] => r#"["a", "bc"]"#,
    vec!["ab", "c"] => r#"["ab", "c"]"#,
    vec![] => "[]"
);
argument!(a_reference_to_a_vec_of_strs [&Vec<&str>] &vec!["a"] => r#"["a"]"#, &vec![] => "[]");
argument!(a_cow_of_a_str [Cow<'_, str>] "a".into() => r#""a""#, Cow::Owned("b".into()) => r#""b""#);
argument!(a_cow_of_a_slice [Cow<'_, [u32]>] Cow::Borrowed(&[1]) => "[1]", Cow::Owned(vec![2]) => "[2]");
argument!(an_option_of_a_cow [Option<Cow<'_, str>>] Some("a".into()) => r#"Some("a")"#, None => "None");
argument!(a_boxed_reference [Box<&str>] Box::new("a") => r#""a""#, Box::new("b") => r#""b""#);

#[derive(HasCache, Default)]
struct Repo {
    cache: Cache,
}

/// Neither `Debug` nor `Copy`.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Secret(u8);

#[allow(
    clippy::too_many_arguments,
    clippy::many_single_char_names,
    clippy::needless_pass_by_value,
    reason = "the test needs such arguments; async functions take them by value"
)]
impl Repo {
    #[cached_query(tags("all"))]
    async fn none(&self) -> u32 {
        pause().await;
        7
    }

    #[invalidates(none())]
    async fn invalidate_none(&self) {}

    #[cached_query]
    async fn fourteen(
        &self,
        a: u8,
        b: u8,
        c: u8,
        d: u8,
        e: u8,
        f: u8,
        g: u8,
        h: u8,
        i: u8,
        j: u8,
        k: u8,
        l: u8,
        m: &str,
        n: Option<&str>,
    ) -> String {
        pause().await;
        format!("{}{m}{n:?}", a + b + c + d + e + f + g + h + i + j + k + l)
    }

    #[invalidates(fourteen(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, l, "m", n))]
    async fn invalidate_fourteen(&self, l: u8, n: Option<&str>) {}

    #[cached_query]
    async fn secret(&self, secret: Secret, option: Option<&Secret>) -> u32 {
        pause().await;
        u32::from(secret.0) * 10 + option.map_or(0, |secret| secret.0.into())
    }

    #[invalidates(secret(Secret(number), None))]
    async fn invalidate_secret(&self, number: u8) {}

    #[cached_query]
    async fn generic<K: Hash + Eq + Clone + Debug + Send + Sync + 'static>(&self, key: &K, n: u8) -> String {
        pause().await;
        format!("{key:?} {n}")
    }

    #[invalidates(generic(key, n))]
    async fn invalidate_generic<K: Hash + Eq + Clone + Debug + Send + Sync + 'static>(&self, key: &K, n: u8) {}

    /// An argument that is not part of the key need not be `Send`.
    #[cached_query(key(*local))]
    async fn local(&self, local: Rc<u8>) -> u8 {
        pause().await;
        *local
    }
}

#[test]
fn no_arguments() {
    block_on(async {
        let repo = Repo::default();
        check!(
            &repo.cache;
            repo.none().await => "none() [all]";
            one: repo.invalidate_none().await;
            all: repo.cache.invalidate_tags(["all"])
        );
    });
}

#[test]
fn fourteen_arguments() {
    block_on(async {
        let repo = Repo::default();
        let get = |l, n| run!(repo.fourteen(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, l, "m", n).await);
        check!(
            &repo.cache;
            get(12, None) => "fourteen(a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8, i = 9, j = 10, k = 11, \
                              l = 12, m = \"m\", n = None)",
            get(12, Some("n")) => "fourteen(a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8, i = 9, j = 10, \
                                   k = 11, l = 12, m = \"m\", n = Some(\"n\"))",
            get(13, None) => "fourteen(a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8, i = 9, j = 10, k = 11, \
                              l = 13, m = \"m\", n = None)";
            one: repo.invalidate_fourteen(12, None).await;
            all: repo.cache.invalidate(["fourteen"])
        );
    });
}

#[test]
fn arguments_without_debug() {
    block_on(async {
        let repo = Repo::default();
        check!(
            &repo.cache;
            repo.secret(Secret(1), None).await => "secret(secret = _, option = None)",
            repo.secret(Secret(2), None).await => "secret(secret = _, option = None)",
            repo.secret(Secret(1), Some(&Secret(2))).await => "secret(secret = _, option = Some(_))";
            one: repo.invalidate_secret(1).await;
            all: repo.cache.invalidate(["secret"])
        );
    });
}

#[test]
fn a_generic_key_by_reference() {
    block_on(async {
        let repo = Repo::default();
        check!(
            &repo.cache;
            repo.generic(&1_u8, 1).await => "generic(key = 1, n = 1)",
            repo.generic(&String::from("a"), 1).await => "generic(key = \"a\", n = 1)",
            repo.generic(&1_u8, 2).await => "generic(key = 1, n = 2)";
            one: repo.invalidate_generic(&1_u8, 1).await;
            all: repo.cache.invalidate(["generic"])
        );
        assert_eq!((repo.generic(&1_u16, 1).await, repo.cache.len()), ("1 1".into(), 4));
    });
}

#[test]
fn an_argument_that_stays_on_its_thread() {
    block_on(async {
        let repo = Repo::default();
        assert_eq!(
            (repo.local(Rc::new(1)).await, repo.local(Rc::new(1)).await, repo.local(Rc::new(2)).await),
            (1, 1, 2)
        );
        assert_eq!(shown(&repo.cache), ["local(*local = 1)", "local(*local = 2)"]);
    });
}
