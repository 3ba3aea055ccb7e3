impl Library {
    pub fn search(&self, filter: Filter<'_>) -> Page<Track> {
        let __cache_missed = match {
            #[allow(unused_imports, reason = "whether it is needed depends on types")]
            use ::cache_core::private::probing::*;
            #[allow(
                clippy::used_underscore_binding,
                reason = "what is not used in the body is still part of the key"
            )]
            ::cache_core::private::lookup(
                &Self::__cached_query_search,
                ::cache_core::HasCache::cache(self),
                &(
                    (&&&&::cache_core::private::argument(&(self.tenant))).__cache_part(),
                    (
                        (&&&&::cache_core::private::argument(&(filter.text())))
                            .__cache_part(),
                        (),
                    ),
                ),
                ::cache_core::private::Returned::<Page<Track>>::new().__cache_outcome(),
                ::cache_core::private::function(|| ()),
                ::cache_core::private::instance(()),
                &mut |__cache_entry: &mut ::cache_core::EntryOptions| {
                    ::cache_core::private::add_formatted_tag(
                        __cache_entry,
                        ::core::format_args!("tenant:{tenant}"),
                    );
                },
            )
        } {
            ::core::result::Result::Ok(__cache_hit) => return __cache_hit,
            ::core::result::Result::Err(__cache_missed) => __cache_missed,
        };
        __cache_missed
            .load_judged(
                move || -> Page<Track> { self.database.search(filter) },
                |__cache_value| {
                    (::cache_core::private::is_kept(
                        __cache_value,
                        |page| !page.is_empty(),
                    ))
                        .then(|| ::cache_core::private::tags_of(
                            __cache_value,
                            |page| page.tracks(),
                        ))
                },
            )
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
    pub const __cached_query_search: ::cache_core::private::Located<
        ::cache_core::private::InSelf,
    > = ::cache_core::private::query!(
        ::cache_core::private::InSelf, Self, "search", ["self.tenant", "filter.text()"],
        capacity = 100, ttl = ::core::time::Duration::new(3600u64, 0u32), own_ttl = true,
        tags = & ["search"]
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
    pub fn __cached_key_search(
        filter: Filter<'_>,
    ) -> ::cache_core::private::KeyedBy<
        Self,
        impl FnOnce(&Self) -> ::cache_core::private::Keyed<::cache_core::private::InSelf>,
    > {
        use ::cache_core::private::probing::*;
        ::cache_core::private::keyed_by(move |__cache_self: &Self| ::cache_core::private::keyed(
            &Self::__cached_query_search,
            &(
                (&&&&::cache_core::private::argument(&(__cache_self.tenant)))
                    .__cache_part(),
                (
                    (&&&&::cache_core::private::argument(&(filter.text())))
                        .__cache_part(),
                    (),
                ),
            ),
            (),
        ))
    }
}
