impl<D: Database> Tracks for Library<D> {
    type Id = u32;
    fn get(&self, id: Self::Id) -> Option<Track> {
        let __cache_missed = match {
            #[allow(unused_imports, reason = "whether it is needed depends on types")]
            use ::cache_core::private::probing::*;
            #[allow(
                clippy::used_underscore_binding,
                reason = "what is not used in the body is still part of the key"
            )]
            ::cache_core::private::lookup(
                &<Self as __Cached_Tracks_for_Library_D<D>>::__cached_query_get,
                ::cache_core::HasCache::cache(self),
                &((&&&&::cache_core::private::argument(&id)).__cache_part(), ()),
                ::cache_core::private::plain::<Option<Track>>(),
                ::cache_core::private::function(|| ()),
                ::cache_core::private::instance((::core::marker::PhantomData::<D>,)),
                &mut ::cache_core::private::nothing,
            )
        } {
            ::core::result::Result::Ok(__cache_hit) => return __cache_hit,
            ::core::result::Result::Err(__cache_missed) => __cache_missed,
        };
        __cache_missed.load(move || -> Option<Track> { self.database.get(id) })
    }
    fn remove(&self, id: Self::Id) {
        #[allow(
            unused_qualifications,
            reason = "a target keeps its path in another name, of which less may do"
        )]
        let __cache_due = ::cache_core::private::when_ended(
            ::cache_core::HasCache::cache(self),
            (
                ::cache_core::private::of_method(
                    <Self as __Cached_Tracks_for_Library_D<D>>::__cached_key_get(id),
                    self,
                ),
                (),
            ),
        );
        ::cache_core::private::invalidating(
            __cache_due,
            ::cache_core::private::plain(),
            move || {
                let _ = &self;
                let id = id;
                let _ = &id;
                self.database.remove(id);
            },
        )
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
    reason = "it repeats what the block that it stands for says"
)]
pub(crate) trait __Cached_Tracks_for_Library_D<D: Database>: Tracks {
    #[doc(hidden)]
    #[allow(
        unused,
        deprecated,
        nonstandard_style,
        private_interfaces,
        private_bounds,
        clippy::all,
        clippy::pedantic,
        reason = "it repeats the signature of the query, and is there to be used"
    )]
    const __cached_query_get: ::cache_core::private::Located<
        ::cache_core::private::InSelf,
    >;
    #[doc(hidden)]
    #[allow(
        unused,
        deprecated,
        nonstandard_style,
        private_interfaces,
        private_bounds,
        clippy::all,
        clippy::pedantic,
        reason = "it repeats the signature of the query, and is there to be used"
    )]
    fn __cached_key_get(
        _: Self::Id,
    ) -> ::cache_core::private::Keyed<::cache_core::private::InSelf>;
}
#[doc(hidden)]
#[allow(
    dead_code,
    non_camel_case_types,
    private_bounds,
    private_interfaces,
    clippy::all,
    clippy::pedantic,
    reason = "it repeats what the block that it stands for says"
)]
impl<D: Database> __Cached_Tracks_for_Library_D<D> for Library<D> {
    #[doc(hidden)]
    #[allow(
        unused,
        deprecated,
        nonstandard_style,
        private_interfaces,
        private_bounds,
        clippy::all,
        clippy::pedantic,
        reason = "it repeats the signature of the query, and is there to be used"
    )]
    const __cached_query_get: ::cache_core::private::Located<
        ::cache_core::private::InSelf,
    > = ::cache_core::private::query!(
        ::cache_core::private::InSelf, Self, "get", ["id"], ttl =
        ::core::time::Duration::from_secs(300)
    );
    #[doc(hidden)]
    #[allow(
        unused,
        deprecated,
        nonstandard_style,
        private_interfaces,
        private_bounds,
        clippy::all,
        clippy::pedantic,
        reason = "it repeats the signature of the query, and is there to be used"
    )]
    #[inline]
    fn __cached_key_get(
        id: Self::Id,
    ) -> ::cache_core::private::Keyed<::cache_core::private::InSelf> {
        use ::cache_core::private::probing::*;
        ::cache_core::private::keyed(
            &<Self as __Cached_Tracks_for_Library_D<D>>::__cached_query_get,
            &((&&&&::cache_core::private::argument(&id)).__cache_part(), ()),
            (::core::marker::PhantomData::<D>,),
        )
    }
}
const _: () = {
    #[allow(
        unused_imports,
        reason = "so that it is not told to be unused where it is imported"
    )]
    use cached_query as _;
    #[allow(
        unused_imports,
        reason = "so that it is not told to be unused where it is imported"
    )]
    use invalidates as _;
};
