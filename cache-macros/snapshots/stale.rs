impl Library {
    pub fn fetch(&self, url: &str) -> Result<Answer, HttpError> {
        ::cache_core::private::needs_result!(
            ::cache_core::private::Returned:: < Result < Answer, HttpError > > ::new()
            .__cache_outcome()
        );
        let __cache_miss = ::cache_core::private::look_up_or_return!(
            < Self > ::__cached_query_fetch, ::cache_core::HasCache::cache(self),
            (::cache_core::private::Part::shown(& * url), ()),
            ::cache_core::private::Returned:: < Result < Answer, HttpError > > ::new()
            .__cache_outcome(), ()
        )
            .ttl_from(|answer| answer.max_age)
            .weight(Answer::size);
        __cache_miss
            .load(move || -> Result<Answer, HttpError> { self.client.fetch(url) })
    }
    ::cache_core::private::items! {
        pub const __cached_query_fetch = [InSelf, Self, "fetch", ["url"], line =
        ::core::line!(), value_ttl = true, jitter = 100000u32, stale_if_error =
        ::core::time::Duration::new(3600u64, 0u32), retry_after =
        ::core::time::Duration::new(5u64, 0u32), refresh_ahead = AHEAD,
        stale_while_revalidate = ::core::time::Duration::new(30u64, 0u32)]; key pub [fn
        __cached_key_fetch(url : & str)] = (< Self > ::__cached_query_fetch,
        (::cache_core::private::Part::shown(& * url), ()), ()); entry pub [fn
        __cached_entry_fetch(& self, url : & str)] -> [Result < Answer, HttpError >] =
        ([< Self > ::__cached_query_fetch, ::cache_core::HasCache::cache(self),
        (::cache_core::private::Part::shown(& * url), ()),
        ::cache_core::private::Returned:: < Result < Answer, HttpError > > ::new()
        .__cache_outcome(), ()].ttl_from(| answer | answer.max_age).weight(|
        __cache_value | Answer::size(__cache_value)));
    }
}
