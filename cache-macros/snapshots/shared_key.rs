impl Library {
    fn plays(&self, filter: &Filter<'_>) -> u64 {
        ::cache_core::private::needs_tier!("shared");
        let __cache_miss = ::cache_core::private::look_up_or_return!(
            @ shared < Self > ::__cached_query_plays,
            ::cache_core::HasCache::cache(self), (::cache_core::private::shared_part!((&&
            && ::cache_core::private::argument(& (self.tenant))).__cache_part()),
            (::cache_core::private::shared_part!((&& && ::cache_core::private::argument(&
            (filter.text))).__cache_part()), ())), ::cache_core::private::plain:: < u64 >
            (), ()
        );
        __cache_miss.load(move || -> u64 { self.database.plays(filter) })
    }
    #[doc(hidden)]
    #[allow(dead_code, non_upper_case_globals, reason = "its name is an advice")]
    const __plays_is_cached_so_put_cached_impl_on_the_impl_or_trait_around_it: () = ();
    ::cache_core::private::items! {
        const __cached_query_plays = [InSelf, Self, "plays", ["self.tenant",
        "filter.text"], line = ::core::line!(), shared = true]; key[fn
        __cached_key_plays(filter : & Filter < '_ >)] of self = (@ shared | __cache_self
        | < Self > ::__cached_query_plays, (::cache_core::private::shared_part!((&& &&
        ::cache_core::private::argument(& (__cache_self.tenant))).__cache_part()),
        (::cache_core::private::shared_part!((&& && ::cache_core::private::argument(&
        (filter.text))).__cache_part()), ())), ()); entry[fn __cached_entry_plays(& self,
        filter : & Filter < '_ >)] -> [u64] = ([@ shared < Self > ::__cached_query_plays,
        ::cache_core::HasCache::cache(self), (::cache_core::private::shared_part!((&& &&
        ::cache_core::private::argument(& (self.tenant))).__cache_part()),
        (::cache_core::private::shared_part!((&& && ::cache_core::private::argument(&
        (filter.text))).__cache_part()), ())), ::cache_core::private::plain:: < u64 > (),
        ()]);
    }
}
