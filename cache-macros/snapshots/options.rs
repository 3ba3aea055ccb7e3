impl Library {
    pub fn search(&self, filter: Filter<'_>) -> Page<Track> {
        let __cache_miss = ::cache_core::private::look_up_or_return!(
            < Self > ::__cached_query_search, ::cache_core::HasCache::cache(self), ((&&
            && ::cache_core::private::argument(& (self.tenant))).__cache_part(), ((&& &&
            ::cache_core::private::argument(& (filter.text()))).__cache_part(), ())),
            ::cache_core::private::Returned:: < Page < Track > > ::new()
            .__cache_outcome(), ()
        )
            .formatted_tag(::core::format_args!("tenant:{tenant}"))
            .cache_if(|page| !page.is_empty())
            .tags_from(|__cache_value| ::cache_core::private::tags_of(
                __cache_value,
                |page| page.tracks(),
            ));
        __cache_miss.load(move || -> Page<Track> { self.database.search(filter) })
    }
    ::cache_core::private::items! {
        pub const __cached_query_search = [InSelf, Self, "search", ["self.tenant",
        "filter.text()"], line = ::core::line!(), capacity = 100, ttl =
        ::core::time::Duration::new(3600u64, 0u32), own_ttl = true, tags = & ["search"],
        formatted_tags = & ["tenant:{tenant}"], other_tags = true]; key pub [fn
        __cached_key_search(filter : Filter < '_ >)] of self = (| __cache_self | < Self >
        ::__cached_query_search, ((&& && ::cache_core::private::argument(& (__cache_self
        .tenant))).__cache_part(), ((&& && ::cache_core::private::argument(& (filter
        .text()))).__cache_part(), ())), ()); entry pub [fn __cached_entry_search(& self,
        filter : Filter < '_ >)] -> [Page < Track >] = ([< Self >
        ::__cached_query_search, ::cache_core::HasCache::cache(self), ((&& &&
        ::cache_core::private::argument(& (self.tenant))).__cache_part(), ((&& &&
        ::cache_core::private::argument(& (filter.text()))).__cache_part(), ())),
        ::cache_core::private::Returned:: < Page < Track > > ::new().__cache_outcome(),
        ()].formatted_tag(::core::format_args!("tenant:{tenant}")).cache_if(| page | !
        page.is_empty()).tags_from(| __cache_value |
        ::cache_core::private::tags_of(__cache_value, | page | page.tracks())));
    }
}
