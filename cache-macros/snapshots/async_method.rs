impl Library {
    pub async fn get_track(&self, id: u32) -> Result<Option<Track>, DbError> {
        let __cache_miss = ::cache_core::private::look_up_or_return!(
            < Self > ::__cached_query_get_track, ::cache_core::HasCache::cache(self),
            (::cache_core::private::Part::shown(& id), ()),
            ::cache_core::private::Returned:: < Result < Option < Track >, DbError > >
            ::new().__cache_outcome(), ()
        );
        __cache_miss
            .load_async(async move {
                ::cache_core::private::returns!(Result < Option < Track >, DbError >);
                self.database.get_track(id).await
            })
            .await
    }
    ::cache_core::private::items! {
        pub const __cached_query_get_track = [InSelf, Self, "get_track", ["id"], line =
        ::core::line!(), ttl = ::core::time::Duration::new(300u64, 0u32)]; key pub [fn
        __cached_key_get_track(id : u32)] = (< Self > ::__cached_query_get_track,
        (::cache_core::private::Part::shown(& id), ()), ()); entry pub [fn
        __cached_entry_get_track(& self, id : u32)] -> [Result < Option < Track >,
        DbError >] = ([< Self > ::__cached_query_get_track,
        ::cache_core::HasCache::cache(self), (::cache_core::private::Part::shown(& id),
        ()), ::cache_core::private::Returned:: < Result < Option < Track >, DbError > >
        ::new().__cache_outcome(), ()]);
    }
}
