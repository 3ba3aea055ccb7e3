//! Where an annotated function may be, and what `self` may be.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::{Arc, LazyLock};

use cache_core::{Cache, HasCache, cached_query, invalidates};

mod rates {
    use super::{Cache, LazyLock, cached_query, invalidates};

    pub(super) fn cache() -> &'static Cache {
        static CACHE: LazyLock<Cache> = LazyLock::new(Cache::new);
        &CACHE
    }

    #[cached_query(cache = cache())]
    pub(super) fn rate(from: &str, to: u32) -> String {
        format!("{from}/{to}")
    }

    #[invalidates(rate(from, to), cache = cache())]
    pub(super) fn forget_one(from: &str, to: u32) {}

    #[invalidates("rate", cache = cache())]
    pub(super) fn forget() {}
}

#[test]
fn a_free_function_in_a_module() {
    #[invalidates(rates::rate(from, to), cache = rates::cache())]
    fn forget_one(from: &str, to: u32) {}

    #[invalidates("rates::rate", cache = rates::cache())]
    fn forget() {}

    check!(
        rates::cache();
        rates::rate("a", 1) => "rate(from = \"a\", to = 1)",
        rates::rate("a", 2) => "rate(from = \"a\", to = 2)",
        rates::rate("b", 1) => "rate(from = \"b\", to = 1)";
        one: rates::forget_one("a", 1);
        all: rates::forget()
    );
    rates::forget();
    check!(
        rates::cache();
        rates::rate("a", 1) => "rate(from = \"a\", to = 1)",
        rates::rate("b", 1) => "rate(from = \"b\", to = 1)";
        one: forget_one("a", 1);
        all: forget()
    );
}

#[test]
fn a_free_function_whose_cache_is_a_lazy_static() {
    static CACHE: LazyLock<Cache> = LazyLock::new(Cache::new);

    #[cached_query(cache = &CACHE)]
    fn square(n: u32) -> u32 {
        n * n
    }

    #[invalidates(square(n), cache = &CACHE)]
    fn forget_one(n: u32) {}

    #[invalidates(all, cache = &CACHE)]
    fn forget() {}

    check!(&CACHE; square(1) => "square(n = 1)", square(2) => "square(n = 2)"; one: forget_one(1); all: forget());
}

#[test]
fn a_function_in_a_function_in_the_global_cache() {
    #[cached_query]
    fn nested_in_a_test(id: u32) -> u32 {
        id * 2
    }

    #[invalidates(nested_in_a_test(id))]
    fn forget_one(id: u32) {}

    #[invalidates("nested_in_a_test")]
    fn forget() {}

    check!(
        Cache::global();
        nested_in_a_test(1) => "nested_in_a_test(id = 1)",
        nested_in_a_test(2) => "nested_in_a_test(id = 2)";
        one: forget_one(1);
        all: forget()
    );
}

#[test]
fn a_generic_free_function() {
    #[cached_query]
    fn free_and_generic<T: Default + Debug + 'static>(id: u32) -> String {
        format!("{:?} {id}", T::default())
    }

    #[invalidates(free_and_generic::<T>(id))]
    fn forget_one<T: Default + Debug + 'static>(id: u32) {}

    #[invalidates(free_and_generic)]
    fn forget() {}

    check!(
        Cache::global();
        free_and_generic::<u8>(1) => "free_and_generic(id = 1)",
        free_and_generic::<String>(1) => "free_and_generic(id = 1)",
        free_and_generic::<u8>(2) => "free_and_generic(id = 2)";
        one: forget_one::<u8>(1);
        all: forget()
    );
}

struct Plain;
struct OfAnotherType;

fn own_cache() -> &'static Cache {
    static CACHE: LazyLock<Cache> = LazyLock::new(Cache::new);
    &CACHE
}

impl Plain {
    #[cached_query]
    fn without_receiver(id: u32) -> u32 {
        id + 1
    }

    #[invalidates(Self::without_receiver(id))]
    fn forget_one(id: u32) {}

    #[invalidates("Self::without_receiver")]
    fn forget() {}

    #[cached_query(cache = own_cache())]
    fn total(id: u32) -> String {
        format!("plain {id}")
    }

    #[invalidates("Self::total", cache = own_cache())]
    fn forget_total() {}
}

impl OfAnotherType {
    #[cached_query(cache = own_cache())]
    fn total(id: u32) -> String {
        format!("other {id}")
    }

    #[invalidates(Plain::total(id), "OfAnotherType::total", cache = own_cache())]
    fn forget_one_there_and_all_here(id: u32) {}

    #[invalidates("Plain::total", "Self::total", cache = own_cache())]
    fn forget_both() {}
}

#[test]
fn an_associated_function_without_receiver() {
    check!(
        Cache::global();
        Plain::without_receiver(1) => "without_receiver(id = 1)",
        Plain::without_receiver(2) => "without_receiver(id = 2)";
        one: Plain::forget_one(1);
        all: Plain::forget()
    );
}

#[test]
fn p10_associated_functions_of_equal_names_in_two_types() {
    check!(
        own_cache();
        OfAnotherType::total(1) => "total(id = 1)",
        Plain::total(1) => "total(id = 1)",
        Plain::total(2) => "total(id = 2)";
        one: OfAnotherType::forget_one_there_and_all_here(7);
        all: OfAnotherType::forget_both()
    );
    OfAnotherType::forget_one_there_and_all_here(1);
    assert_eq!(crate::check::shown(own_cache()), ["total(id = 2)"]);
    OfAnotherType::total(2);
    Plain::forget_total();
    assert_eq!(OfAnotherType::total(2), "other 2");
    assert_eq!(crate::check::shown(own_cache()), ["total(id = 2)"], "the other type's stays");
}

struct Store<T>(PhantomData<T>);

impl<T: Default + Debug + 'static> Store<T> {
    #[cached_query]
    fn of_generic_type(id: u32) -> String {
        format!("{:?} {id}", T::default())
    }

    #[invalidates(Self::of_generic_type(id))]
    fn forget_one(id: u32) {}

    #[invalidates("Self::of_generic_type")]
    fn forget() {}
}

struct StoreByName<T>(PhantomData<T>);

impl<T: Default + Debug + 'static> StoreByName<T> {
    #[cached_query]
    fn by_name(id: u32) -> String {
        format!("{:?} {id}", T::default())
    }

    #[invalidates("Self::by_name")]
    fn forget() {}
}

#[test]
fn p10_an_associated_function_in_a_generic_impl() {
    check!(
        Cache::global();
        Store::<u8>::of_generic_type(1) => "of_generic_type(id = 1)",
        Store::<u8>::of_generic_type(2) => "of_generic_type(id = 2)",
        Store::<String>::of_generic_type(1) => "of_generic_type(id = 1)";
        one: Store::<u8>::forget_one(1);
        all: { Store::<u8>::forget(); Store::<String>::forget() }
    );
}

#[test]
fn p10_an_associated_function_in_a_generic_impl_by_name() {
    let of_types = || [StoreByName::<u8>::by_name(1), StoreByName::<String>::by_name(1)];
    let loads = || {
        let stats = Cache::global().query_stats();
        stats.iter().filter(|query| query.query == "by_name").map(|query| query.loads).sum::<u64>()
    };
    let expected = ["0 1", "\"\" 1"].map(String::from);
    assert_eq!((of_types(), loads()), (expected.clone(), 2));
    StoreByName::<u8>::forget();
    assert_eq!((of_types(), loads()), (expected, 3), "that of the other type was to stay");
}

#[derive(HasCache, Default)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    fn by_reference(&self, id: u32) -> u32 {
        id
    }

    #[cached_query(ttl = "5m")]
    fn by_arc(self: Arc<Self>, id: u32) -> String {
        format!("arc {id}")
    }

    #[cached_query(ttl = "5m")]
    fn by_reference_to_arc(self: &Arc<Self>, id: u32) -> String {
        format!("&arc {id}")
    }

    #[invalidates(by_reference(id))]
    fn forget_one(&self, id: u32) {}

    #[invalidates("by_reference")]
    fn forget(&mut self) {}

    #[invalidates(by_arc(id))]
    fn forget_one_by_arc(self: Arc<Self>, id: u32) {}

    #[invalidates("by_arc")]
    fn forget_by_arc(self: Arc<Self>) {}

    #[invalidates(by_reference_to_arc(id))]
    fn forget_one_by_reference_to_arc(self: &Arc<Self>, id: u32) {}

    #[invalidates(by_reference_to_arc)]
    fn forget_by_reference_to_arc(self: &Arc<Self>) {}

    #[invalidates(by_reference(id))]
    fn end_with(self, id: u32) -> Cache {
        self.cache
    }
}

#[test]
fn a_method_by_reference() {
    let cache = Cache::new();
    let repo = Repo { cache: cache.clone() };
    check!(
        &cache;
        repo.by_reference(1) => "by_reference(id = 1)", repo.by_reference(2) => "by_reference(id = 2)";
        one: repo.forget_one(1);
        all: Repo { cache: cache.clone() }.forget()
    );
    repo.end_with(1);
    assert_eq!(crate::check::shown(&cache), ["by_reference(id = 2)"]);
}

#[test]
fn methods_by_arc() {
    let repo = Arc::new(Repo::default());
    check!(
        &repo.cache;
        repo.clone().by_arc(1) => "by_arc(id = 1)", repo.clone().by_arc(2) => "by_arc(id = 2)";
        one: repo.clone().forget_one_by_arc(1);
        all: repo.clone().forget_by_arc()
    );
    check!(
        &repo.cache;
        repo.by_reference_to_arc(1) => "by_reference_to_arc(id = 1)",
        repo.by_reference_to_arc(2) => "by_reference_to_arc(id = 2)";
        one: repo.forget_one_by_reference_to_arc(1);
        all: repo.forget_by_reference_to_arc()
    );
}

#[derive(HasCache)]
struct OtherRepo {
    cache: Cache,
}

impl OtherRepo {
    #[cached_query]
    fn by_reference(&self, id: u32) -> u32 {
        id + 100
    }

    #[invalidates(by_reference(id))]
    fn forget_one(&self, id: u32) {}

    #[invalidates("by_reference")]
    fn forget(&self) {}
}

#[test]
fn p10_methods_of_equal_names_in_two_types() {
    let repo = Repo::default();
    let other = OtherRepo { cache: repo.cache.clone() };
    check!(
        &repo.cache;
        repo.by_reference(1) => "by_reference(id = 1)", other.by_reference(1) => "by_reference(id = 1)";
        one: repo.forget_one(1);
        all: { repo.forget_one(1); other.forget() }
    );
    other.forget_one(1);
    assert_eq!((repo.by_reference(1), repo.cache.len()), (1, 1), "that of the other type stays");
    assert_eq!((other.by_reference(1), repo.cache.len()), (101, 2));
}
