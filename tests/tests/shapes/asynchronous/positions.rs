//! Where an annotated function may be, and what `self` may be.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::{Arc, LazyLock};

use cache_core::{Cache, HasCache, cached_query, invalidates};

use super::mode::{block_on, pause, run};

mod rates {
    use super::{Cache, LazyLock, cached_query, invalidates};

    pub(super) fn cache() -> &'static Cache {
        static CACHE: LazyLock<Cache> = LazyLock::new(Cache::new);
        &CACHE
    }

    #[cached_query(cache = cache())]
    pub(super) async fn rate(from: &str, to: u32) -> String {
        super::pause().await;
        format!("{from}/{to}")
    }

    #[invalidates(rate(from, to), cache = cache())]
    pub(super) async fn invalidate_one(from: &str, to: u32) {}

    #[invalidates("rate", cache = cache())]
    pub(super) async fn invalidate() {}
}

#[test]
fn a_free_function_in_a_module() {
    block_on(async {
        #[invalidates(rates::rate(from, to), cache = rates::cache())]
        async fn invalidate_one(from: &str, to: u32) {}

        #[invalidates("rates::rate", cache = rates::cache())]
        async fn invalidate() {}

        check!(
            rates::cache();
            rates::rate("a", 1).await => "rate(from = \"a\", to = 1)",
            rates::rate("a", 2).await => "rate(from = \"a\", to = 2)",
            rates::rate("b", 1).await => "rate(from = \"b\", to = 1)";
            one: rates::invalidate_one("a", 1).await;
            all: rates::invalidate().await
        );
        rates::invalidate().await;
        check!(
            rates::cache();
            rates::rate("a", 1).await => "rate(from = \"a\", to = 1)",
            rates::rate("b", 1).await => "rate(from = \"b\", to = 1)";
            one: invalidate_one("a", 1).await;
            all: invalidate().await
        );
    });
}

#[test]
fn a_free_function_whose_cache_is_a_lazy_static() {
    block_on(async {
        static CACHE: LazyLock<Cache> = LazyLock::new(Cache::new);

        #[cached_query(cache = &CACHE)]
        async fn square(n: u32) -> u32 {
            pause().await;
            n * n
        }

        #[invalidates(square(n), cache = &CACHE)]
        async fn invalidate_one(n: u32) {}

        #[invalidates(all, cache = &CACHE)]
        async fn invalidate() {}

        check!(
            &CACHE;
            square(1).await => "square(n = 1)", square(2).await => "square(n = 2)";
            one: invalidate_one(1).await;
            all: invalidate().await
        );
    });
}

#[test]
fn a_function_in_a_function_in_the_global_cache() {
    block_on(async {
        #[cached_query]
        async fn nested_in_a_test(id: u32) -> u32 {
            pause().await;
            id * 2
        }

        #[invalidates(nested_in_a_test(id))]
        async fn invalidate_one(id: u32) {}

        #[invalidates("nested_in_a_test")]
        async fn invalidate() {}

        check!(
            Cache::global();
            nested_in_a_test(1).await => "nested_in_a_test(id = 1)",
            nested_in_a_test(2).await => "nested_in_a_test(id = 2)";
            one: invalidate_one(1).await;
            all: invalidate().await
        );
    });
}

#[test]
fn a_generic_free_function() {
    block_on(async {
        #[cached_query]
        async fn free_and_generic<T: Default + Debug + 'static>(id: u32) -> String {
            pause().await;
            format!("{:?} {id}", T::default())
        }

        #[invalidates(free_and_generic::<T>(id))]
        async fn invalidate_one<T: Default + Debug + 'static>(id: u32) {}

        #[invalidates(free_and_generic)]
        async fn invalidate() {}

        check!(
            Cache::global();
            free_and_generic::<u8>(1).await => "free_and_generic(id = 1)",
            free_and_generic::<String>(1).await => "free_and_generic(id = 1)",
            free_and_generic::<u8>(2).await => "free_and_generic(id = 2)";
            one: invalidate_one::<u8>(1).await;
            all: invalidate().await
        );
    });
}

struct Plain;
struct OfAnotherType;

fn own_cache() -> &'static Cache {
    static CACHE: LazyLock<Cache> = LazyLock::new(Cache::new);
    &CACHE
}

impl Plain {
    #[cached_query]
    async fn without_receiver(id: u32) -> u32 {
        pause().await;
        id + 1
    }

    #[invalidates(Self::without_receiver(id))]
    async fn invalidate_one(id: u32) {}

    #[invalidates("Self::without_receiver")]
    async fn invalidate() {}

    #[cached_query(cache = own_cache())]
    async fn total(id: u32) -> String {
        pause().await;
        format!("plain {id}")
    }

    #[invalidates("Self::total", cache = own_cache())]
    async fn invalidate_total() {}
}

impl OfAnotherType {
    #[cached_query(cache = own_cache())]
    async fn total(id: u32) -> String {
        pause().await;
        format!("other {id}")
    }

    #[invalidates(Plain::total(id), "OfAnotherType::total", cache = own_cache())]
    async fn invalidate_one_there_and_all_here(id: u32) {}

    #[invalidates("Plain::total", "Self::total", cache = own_cache())]
    async fn invalidate_both() {}
}

#[test]
fn an_associated_function_without_receiver() {
    block_on(async {
        check!(
            Cache::global();
            Plain::without_receiver(1).await => "without_receiver(id = 1)",
            Plain::without_receiver(2).await => "without_receiver(id = 2)";
            one: Plain::invalidate_one(1).await;
            all: Plain::invalidate().await
        );
    });
}

#[test]
fn p10_associated_functions_of_equal_names_in_two_types() {
    block_on(async {
        check!(
            own_cache();
            OfAnotherType::total(1).await => "total(id = 1)",
            Plain::total(1).await => "total(id = 1)",
            Plain::total(2).await => "total(id = 2)";
            one: OfAnotherType::invalidate_one_there_and_all_here(7).await;
            all: OfAnotherType::invalidate_both().await
        );
        OfAnotherType::invalidate_one_there_and_all_here(1).await;
        assert_eq!(crate::check::shown(own_cache()), ["total(id = 2)"]);
        OfAnotherType::total(2).await;
        Plain::invalidate_total().await;
        assert_eq!(OfAnotherType::total(2).await, "other 2");
        assert_eq!(crate::check::shown(own_cache()), ["total(id = 2)"], "the entry of the other type stays");
    });
}

struct Store<T>(PhantomData<T>);

impl<T: Default + Debug + 'static> Store<T> {
    #[cached_query]
    async fn of_generic_type(id: u32) -> String {
        pause().await;
        format!("{:?} {id}", T::default())
    }

    #[invalidates(Self::of_generic_type(id))]
    async fn invalidate_one(id: u32) {}

    #[invalidates("Self::of_generic_type")]
    async fn invalidate() {}
}

struct StoreByName<T>(PhantomData<T>);

impl<T: Default + Debug + 'static> StoreByName<T> {
    #[cached_query]
    async fn by_name(id: u32) -> String {
        pause().await;
        format!("{:?} {id}", T::default())
    }

    #[invalidates("Self::by_name")]
    async fn invalidate() {}
}

#[test]
fn p10_an_associated_function_in_a_generic_impl() {
    block_on(async {
        check!(
            Cache::global();
            Store::<u8>::of_generic_type(1).await => "of_generic_type(id = 1)",
            Store::<u8>::of_generic_type(2).await => "of_generic_type(id = 2)",
            Store::<String>::of_generic_type(1).await => "of_generic_type(id = 1)";
            one: Store::<u8>::invalidate_one(1).await;
            all: { Store::<u8>::invalidate().await; Store::<String>::invalidate().await }
        );
    });
}

#[test]
fn p10_an_associated_function_in_a_generic_impl_by_name() {
    block_on(async {
        let of_types = || run!([StoreByName::<u8>::by_name(1).await, StoreByName::<String>::by_name(1).await]);
        let loads = || {
            let stats = Cache::global().query_stats();
            let of_this = stats.iter().filter(|query| query.query == "by_name" && query.module == module_path!());
            of_this.map(|query| query.loads).sum::<u64>()
        };
        let expected = ["0 1", "\"\" 1"].map(String::from);
        assert_eq!((of_types(), loads()), (expected.clone(), 2));
        StoreByName::<u8>::invalidate().await;
        assert_eq!((of_types(), loads()), (expected, 3), "the entry of the other type must stay");
    });
}

#[derive(HasCache, Default)]
struct Repo {
    cache: Cache,
}

impl Repo {
    #[cached_query(ttl = "5m")]
    async fn by_reference(&self, id: u32) -> u32 {
        pause().await;
        id
    }

    #[cached_query(ttl = "5m")]
    async fn by_arc(self: Arc<Self>, id: u32) -> String {
        pause().await;
        format!("arc {id}")
    }

    #[cached_query(ttl = "5m")]
    async fn by_reference_to_arc(self: &Arc<Self>, id: u32) -> String {
        pause().await;
        format!("&arc {id}")
    }

    #[invalidates(by_reference(id))]
    async fn invalidate_one(&self, id: u32) {}

    #[invalidates("by_reference")]
    async fn invalidate(&mut self) {}

    #[invalidates(by_arc(id))]
    async fn invalidate_one_by_arc(self: Arc<Self>, id: u32) {}

    #[invalidates("by_arc")]
    async fn invalidate_by_arc(self: Arc<Self>) {}

    #[invalidates(by_reference_to_arc(id))]
    async fn invalidate_one_by_reference_to_arc(self: &Arc<Self>, id: u32) {}

    #[invalidates(by_reference_to_arc)]
    async fn invalidate_by_reference_to_arc(self: &Arc<Self>) {}

    #[invalidates(by_reference(id))]
    async fn end_with(self, id: u32) -> Cache {
        self.cache
    }
}

#[test]
fn a_method_by_reference() {
    block_on(async {
        let cache = Cache::new();
        let repo = Repo { cache: cache.clone() };
        check!(
            &cache;
            repo.by_reference(1).await => "by_reference(id = 1)", repo.by_reference(2).await => "by_reference(id = 2)";
            one: repo.invalidate_one(1).await;
            all: Repo { cache: cache.clone() }.invalidate().await
        );
        repo.end_with(1).await;
        assert_eq!(crate::check::shown(&cache), ["by_reference(id = 2)"]);
    });
}

#[test]
fn methods_by_arc() {
    block_on(async {
        let repo = Arc::new(Repo::default());
        check!(
            &repo.cache;
            repo.clone().by_arc(1).await => "by_arc(id = 1)", repo.clone().by_arc(2).await => "by_arc(id = 2)";
            one: repo.clone().invalidate_one_by_arc(1).await;
            all: repo.clone().invalidate_by_arc().await
        );
        check!(
            &repo.cache;
            repo.by_reference_to_arc(1).await => "by_reference_to_arc(id = 1)",
            repo.by_reference_to_arc(2).await => "by_reference_to_arc(id = 2)";
            one: repo.invalidate_one_by_reference_to_arc(1).await;
            all: repo.invalidate_by_reference_to_arc().await
        );
    });
}

#[derive(HasCache)]
struct OtherRepo {
    cache: Cache,
}

impl OtherRepo {
    #[cached_query]
    async fn by_reference(&self, id: u32) -> u32 {
        pause().await;
        id + 100
    }

    #[invalidates(by_reference(id))]
    async fn invalidate_one(&self, id: u32) {}

    #[invalidates("by_reference")]
    async fn invalidate(&self) {}
}

#[test]
fn p10_methods_of_equal_names_in_two_types() {
    block_on(async {
        let repo = Repo::default();
        let other = OtherRepo { cache: repo.cache.clone() };
        check!(
            &repo.cache;
            repo.by_reference(1).await => "by_reference(id = 1)", other.by_reference(1).await => "by_reference(id = 1)";
            one: repo.invalidate_one(1).await;
            all: { repo.invalidate_one(1).await; other.invalidate().await }
        );
        other.invalidate_one(1).await;
        assert_eq!((repo.by_reference(1).await, repo.cache.len()), (1, 1), "the entry of the other type stays");
        assert_eq!((other.by_reference(1).await, repo.cache.len()), (101, 2));
    });
}
