impl<D: Database> Tracks for Library<D> {
    type Id = u32;
    fn get(&self, id: Self::Id) -> Option<Track> {
        let __cache_miss = ::cache_core::private::look_up_or_return!(
            < Self as __Cached_Tracks_for_Library_D < D > > ::__cached_query_get,
            ::cache_core::HasCache::cache(self), ((&& &&
            ::cache_core::private::argument(& id)).__cache_part(), ()),
            ::cache_core::private::plain:: < Option < Track > > (),
            (::core::marker::PhantomData:: < D >,)
        );
        __cache_miss.load(move || -> Option<Track> { self.database.get(id) })
    }
    fn remove(&self, id: Self::Id) {
        let __cache_pending = ::cache_core::private::of_method(
                ::cache_core::private::mutation_facts!(
                    "remove", key("", "get", "get(id)")
                ),
                ::cache_core::private::plain(),
                ::cache_core::HasCache::cache(self),
                self,
            )
            .target(<Self as __Cached_Tracks_for_Library_D<D>>::__cached_key_get(id))
            .when_ended();
        __cache_pending
            .run(move || {
                let _ = &self;
                let id = id;
                let _ = (&id,);
                self.database.remove(id);
            })
    }
}
#[doc(hidden)]
#[allow(
    dead_code,
    non_camel_case_types,
    private_bounds,
    private_interfaces,
    clippy::all,
    clippy::pedantic,
    reason = "it repeats the head of the block"
)]
pub(crate) trait __Cached_Tracks_for_Library_D<D: Database>: Tracks {
    ::cache_core::private::items! {
        const __cached_query_get : InSelf; key[fn __cached_key_get(_ : Self::Id)];
        entry[fn __cached_entry_get(& self, _ : Self::Id)] -> [Option < Track >];
    }
}
#[doc(hidden)]
#[allow(
    dead_code,
    non_camel_case_types,
    private_bounds,
    private_interfaces,
    clippy::all,
    clippy::pedantic,
    reason = "it repeats the head of the block"
)]
impl<D: Database> __Cached_Tracks_for_Library_D<D> for Library<D> {
    ::cache_core::private::items! {
        const __cached_query_get = [InSelf, Self, "get", ["id"], line = ::core::line!(),
        ttl = ::core::time::Duration::new(300u64, 0u32)]; key[fn __cached_key_get(id :
        Self::Id)] = (< Self as __Cached_Tracks_for_Library_D < D > >
        ::__cached_query_get, ((&& && ::cache_core::private::argument(& id))
        .__cache_part(), ()), (::core::marker::PhantomData:: < D >,)); entry[fn
        __cached_entry_get(& self, id : Self::Id)] -> [Option < Track >] = ([< Self as
        __Cached_Tracks_for_Library_D < D > > ::__cached_query_get,
        ::cache_core::HasCache::cache(self), ((&& && ::cache_core::private::argument(&
        id)).__cache_part(), ()), ::cache_core::private::plain:: < Option < Track > > (),
        (::core::marker::PhantomData:: < D >,)]);
    }
}
const _: () = {
    #[allow(unused_imports, reason = "the import is used by the attribute")]
    use cached_query as _;
    #[allow(unused_imports, reason = "the import is used by the attribute")]
    use invalidates as _;
};
