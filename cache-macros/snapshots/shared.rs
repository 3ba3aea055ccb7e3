impl Library {
    pub async fn search(
        &self,
        filter: Filter<'_>,
        genre: Option<&str>,
        limit: u32,
    ) -> Result<Page, DbError> {
        ::cache_core::private::needs_tier!("shared");
        let __cache_miss = ::cache_core::private::look_up_or_return!(
            @ shared < Self > ::__cached_query_search,
            ::cache_core::HasCache::cache(self),
            (::core::option::Option::map(::core::option::Option::as_ref(& genre), |
            __cache_item | ::cache_core::private::Part::shown(& * * __cache_item)),
            (::cache_core::private::Part::shown(& limit), ())),
            ::cache_core::private::Returned:: < Result < Page, DbError > > ::new()
            .__cache_outcome(), ()
        )
            .formatted_tag(::core::format_args!("genre:{genre}"));
        __cache_miss
            .load_async(async move {
                ::cache_core::private::returns!(Result < Page, DbError >);
                self.database.search(filter, genre, limit).await
            })
            .await
    }
    ::cache_core::private::items! {
        pub const __cached_query_search = [InSelf, Self, "search", ["genre", "limit"],
        line = ::core::line!(), ttl = ::core::time::Duration::new(300u64, 0u32),
        formatted_tags = & ["genre:{genre}"], shared = true]; key pub [fn
        __cached_key_search(filter : Filter < '_ >, genre : Option < & str >, limit :
        u32)] = (@ shared < Self > ::__cached_query_search,
        (::core::option::Option::map(::core::option::Option::as_ref(& genre), |
        __cache_item | ::cache_core::private::Part::shown(& * * __cache_item)),
        (::cache_core::private::Part::shown(& limit), ())), ()); key pub [fn
        __cached_key_without_skipped_arguments_of_search(_ :
        ::cache_core::private::UnderscoreForSkippedArgument, genre : Option < & str >,
        limit : u32)] = (@ shared < Self > ::__cached_query_search,
        (::core::option::Option::map(::core::option::Option::as_ref(& genre), |
        __cache_item | ::cache_core::private::Part::shown(& * * __cache_item)),
        (::cache_core::private::Part::shown(& limit), ())), ()); entry pub [fn
        __cached_entry_search(& self, filter : Filter < '_ >, genre : Option < & str >,
        limit : u32)] -> [Result < Page, DbError >] = ([@ shared < Self >
        ::__cached_query_search, ::cache_core::HasCache::cache(self),
        (::core::option::Option::map(::core::option::Option::as_ref(& genre), |
        __cache_item | ::cache_core::private::Part::shown(& * * __cache_item)),
        (::cache_core::private::Part::shown(& limit), ())),
        ::cache_core::private::Returned:: < Result < Page, DbError > > ::new()
        .__cache_outcome(), ()].formatted_tag(::core::format_args!("genre:{genre}")));
    }
}
