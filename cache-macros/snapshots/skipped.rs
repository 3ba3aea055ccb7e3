impl Library {
    pub async fn get<'c, E: Executor<'c>>(
        &self,
        executor: E,
        id: u32,
    ) -> Result<Track, DbError> {
        let __cache_miss = ::cache_core::private::look_up_or_return!(
            < Self > ::__cached_query_get, ::cache_core::HasCache::cache(self),
            (::cache_core::private::Part::shown(& id), ()),
            ::cache_core::private::Returned:: < Result < Track, DbError > > ::new()
            .__cache_outcome(), ()
        );
        __cache_miss
            .load_async(async move {
                ::cache_core::private::returns!(Result < Track, DbError >);
                fetch(executor, id).await
            })
            .await
    }
    ::cache_core::private::items! {
        pub const __cached_query_get = [InSelf, Self, "get", ["id"], line =
        ::core::line!()]; key pub [fn __cached_key_get < 'c, E : Executor < 'c > >
        (executor : E, id : u32)] = (< Self > ::__cached_query_get,
        (::cache_core::private::Part::shown(& id), ()), ()); key pub [fn
        __cached_key_without_skipped_arguments_of_get(_ :
        ::cache_core::private::UnderscoreForSkippedArgument, id : u32)] = (< Self >
        ::__cached_query_get, (::cache_core::private::Part::shown(& id), ()), ()); entry
        pub [fn __cached_entry_get < 'c, E : Executor < 'c > > (& self, executor : E, id
        : u32)] -> [Result < Track, DbError >] = ([< Self > ::__cached_query_get,
        ::cache_core::HasCache::cache(self), (::cache_core::private::Part::shown(& id),
        ()), ::cache_core::private::Returned:: < Result < Track, DbError > > ::new()
        .__cache_outcome(), ()]);
    }
}
