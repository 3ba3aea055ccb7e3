impl Library {
    pub async fn get(self: Arc<Self>, id: u32) -> Result<Track, DbError> {
        let __cache_miss = ::cache_core::private::look_up_or_return!(
            < Self > ::__cached_query_get,
            ::cache_core::HasCache::cache(::cache_core::private::receiver:: < Self > (&
            self)), (::cache_core::private::Part::shown(& id), ()),
            ::cache_core::private::Returned:: < Result < Track, DbError > > ::new()
            .__cache_outcome(), ()
        )
            .cache_if(|__cache_value| Track::is_complete(__cache_value));
        __cache_miss
            .load_in_background_async(async move {
                ::cache_core::private::returns!(Result < Track, DbError >);
                self.database.get(id).await
            })
            .await
    }
    ::cache_core::private::items! {
        pub const __cached_query_get = [InSelf, Self, "get", ["id"], line =
        ::core::line!(), ttl = ::core::time::Duration::new(300u64, 0u32),
        stale_while_revalidate = ::core::time::Duration::new(30u64, 0u32), soft_timeout =
        ::core::time::Duration::new(0u64, 200000000u32)]; key pub [fn __cached_key_get(id
        : u32)] = (< Self > ::__cached_query_get, (::cache_core::private::Part::shown(&
        id), ()), ()); entry pub [fn __cached_entry_get(self : Arc < Self >, id : u32)]
        -> [Result < Track, DbError >] = ([< Self > ::__cached_query_get,
        ::cache_core::HasCache::cache(::cache_core::private::receiver:: < Self > (&
        self)), (::cache_core::private::Part::shown(& id), ()),
        ::cache_core::private::Returned:: < Result < Track, DbError > > ::new()
        .__cache_outcome(), ()].cache_if(| __cache_value |
        Track::is_complete(__cache_value)));
    }
}
