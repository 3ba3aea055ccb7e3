//! Constants as generic arguments, which the compiler writes into type names in special forms.

use cache_core::{Cache, HasCache, cached_query, invalidates};

use super::mode::{block_on, pause};

mod free {
    use super::{cached_query, invalidates, pause};

    #[cached_query]
    pub(super) async fn sign<const C: char>(id: u32) -> String {
        pause().await;
        format!("{C} {id}")
    }

    #[cached_query]
    pub(super) async fn number<const N: i8, const B: bool>(id: u32) -> String {
        pause().await;
        format!("{N} {B} {id}")
    }

    #[cached_query]
    pub(super) async fn of_type<T: ?Sized + 'static>(id: u32) -> String {
        pause().await;
        format!("{} {id}", std::any::type_name::<T>())
    }

    /// Not invalidated with the others.
    #[cached_query]
    pub(super) async fn other<const C: char>(id: u32) -> String {
        pause().await;
        format!("{C} {id}")
    }

    #[invalidates("sign")]
    pub(super) async fn invalidate_signs() {}

    #[invalidates(sign::<'>'>(id))]
    pub(super) async fn invalidate_one(id: u32) {}

    #[invalidates(number)]
    pub(super) async fn invalidate_numbers() {}

    #[invalidates("of_type")]
    pub(super) async fn invalidate_types() {}
}

/// A type whose queries have no `self`.
struct Signs<const C: char>;

impl<const C: char> Signs<C> {
    #[cached_query]
    async fn plain(id: u32) -> String {
        pause().await;
        format!("{C} {id}")
    }

    #[cached_query]
    async fn both<const D: char>(id: u32) -> String {
        pause().await;
        format!("{C} {D} {id}")
    }

    #[invalidates("Self::plain", "Self::both")]
    async fn invalidate() {}
}

#[derive(HasCache, Default)]
struct Repo<const C: char> {
    cache: Cache,
}

impl<const C: char> Repo<C> {
    #[cached_query]
    async fn get<const D: char>(&self, id: u32) -> String {
        pause().await;
        format!("{C} {D} {id}")
    }

    #[invalidates("get")]
    async fn invalidate(&self) {}
}

fn entries(cache: &Cache, name: &str) -> usize {
    cache.entries().iter().filter(|entry| entry.module.starts_with(module_path!()) && entry.query == name).count()
}

/// Calls a function with each character that has a meaning in a type name, or is escaped there.
macro_rules! with_each_sign {
    ($($call:tt)+) => {{
        $($call)+::<'a'>(1).await;
        $($call)+::<'>'>(1).await;
        $($call)+::<'<'>(1).await;
        $($call)+::<':'>(1).await;
        $($call)+::<'('>(1).await;
        $($call)+::<'}'>(1).await;
        $($call)+::<'-'>(1).await;
        $($call)+::<'_'>(1).await;
        $($call)+::<'"'>(1).await;
        $($call)+::<'\''>(1).await;
        $($call)+::<'\\'>(1).await;
        $($call)+::<'\0'>(1).await;
        $($call)+::<'\u{301}'>(1).await;
        13
    }};
}

#[test]
fn p10_a_name_affects_all_constants_of_a_function() {
    block_on(async {
        let cache = Cache::global();
        let signs = with_each_sign!(free::sign);
        free::other::<'>'>(1).await;
        assert_eq!(entries(cache, "sign"), signs);
        free::invalidate_one(1).await;
        // Keys differ only by constants that are lengths.
        assert_eq!(entries(cache, "sign"), 0);
        with_each_sign!(free::sign);
        free::invalidate_signs().await;
        assert_eq!((entries(cache, "sign"), entries(cache, "other")), (0, 1));

        free::number::<-1, true>(1).await;
        free::number::<{ i8::MIN }, false>(1).await;
        free::number::<1, true>(1).await;
        assert_eq!(entries(cache, "number"), 3);
        free::invalidate_numbers().await;
        assert_eq!(entries(cache, "number"), 0);

        free::of_type::<fn() -> Signs<'<'>>(1).await;
        free::of_type::<fn(&str) -> [Signs<'>'>; 2]>(1).await;
        free::of_type::<(Signs<'\''>, extern "C" fn(u8))>(1).await;
        free::of_type::<dyn Fn(&Signs<'('>) -> Signs<':'>>(1).await;
        assert_eq!(entries(cache, "of_type"), 4);
        free::invalidate_types().await;
        assert_eq!(entries(cache, "of_type"), 0);
    });
}

#[test]
fn p10_a_name_affects_all_constants_of_a_function_of_a_type() {
    block_on(async {
        let cache = Cache::global();
        let signs = with_each_sign!(Signs::<'>'>::both);
        with_each_sign!(Signs::<'\''>::both);
        Signs::<'>'>::plain(1).await;
        Signs::<'\''>::plain(1).await;
        Signs::<'<'>::plain(1).await;
        assert_eq!((entries(cache, "both"), entries(cache, "plain")), (2 * signs, 3));
        Signs::<'>'>::invalidate().await;
        assert_eq!((entries(cache, "both"), entries(cache, "plain")), (signs, 2), "another type keeps its entries");
        Signs::<'\''>::invalidate().await;
        Signs::<'<'>::invalidate().await;
        assert_eq!((entries(cache, "both"), entries(cache, "plain")), (0, 0));
    });
}

#[test]
fn p10_a_name_affects_all_constants_of_a_method() {
    block_on(async {
        let (one, other) = (Repo::<'>'>::default(), Repo::<'\''>::default());
        one.get::<'<'>(1).await;
        one.get::<'>'>(1).await;
        one.get::<'\\'>(1).await;
        other.get::<'>'>(1).await;
        one.invalidate().await;
        assert_eq!((entries(&one.cache, "get"), entries(&other.cache, "get")), (0, 1));
    });
}
