impl Library {
    pub async fn get_track(&self, id: u32) -> Result<Option<Track>, DbError> {
        let __cache_missed = match {
            #[allow(unused_imports, reason = "whether it is needed depends on types")]
            use ::cache_core::private::probing::*;
            #[allow(
                clippy::used_underscore_binding,
                reason = "what is not used in the body is still part of the key"
            )]
            ::cache_core::private::lookup_async(
                &Self::__cached_query_get_track,
                ::cache_core::HasCache::cache(self),
                &(::cache_core::private::Part::shown(&id), ()),
                ::cache_core::private::Returned::<Result<Option<Track>, DbError>>::new()
                    .__cache_outcome(),
                ::cache_core::private::function(|| ()),
                ::cache_core::private::instance(()),
                &mut ::cache_core::private::nothing,
            )
        } {
            ::core::result::Result::Ok(__cache_hit) => return __cache_hit,
            ::core::result::Result::Err(__cache_missed) => __cache_missed,
        };
        __cache_missed
            .load_async(async move {
                if let ::core::option::Option::Some(__cache_returned) = ::core::option::Option::None::<
                    Result<Option<Track>, DbError>,
                > {
                    return __cache_returned;
                }
                self.database.get_track(id).await
            })
            .await
    }
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
    pub const __cached_query_get_track: ::cache_core::private::Located<
        ::cache_core::private::InSelf,
    > = ::cache_core::private::query!(
        ::cache_core::private::InSelf, Self, "get_track", ["id"], ttl =
        ::core::time::Duration::new(300u64, 0u32)
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
    pub fn __cached_key_get_track(
        id: u32,
    ) -> ::cache_core::private::Keyed<::cache_core::private::InSelf> {
        ::cache_core::private::keyed(
            &Self::__cached_query_get_track,
            &(::cache_core::private::Part::shown(&id), ()),
            (),
        )
    }
}
