impl Library {
    fn session(
        &self,
        user: u32,
        token: &str,
        device: Option<&Device>,
    ) -> Option<Session> {
        let __cache_miss = ::cache_core::private::look_up_or_return!(
            < Self > ::__cached_query_session, ::cache_core::HasCache::cache(self),
            (::cache_core::private::Part::shown(& user),
            (::cache_core::private::Secret(::cache_core::private::Part::shown(& *
            token)),
            (::cache_core::private::Secret(::core::option::Option::map(::core::option::Option::as_ref(&
            device), | __cache_item | (&& && ::cache_core::private::argument(& * *
            __cache_item)).__cache_part())), ()))), ::cache_core::private::plain:: <
            Option < Session > > (), ()
        );
        __cache_miss.load(move || -> Option<Session> { self.find(user, token, device) })
    }
    #[doc(hidden)]
    #[allow(dead_code, non_upper_case_globals, reason = "its name is an advice")]
    const __session_is_cached_so_put_cached_impl_on_the_impl_or_trait_around_it: () = ();
    ::cache_core::private::items! {
        const __cached_query_session = [InSelf, Self, "session", ["user", "token",
        "device"], line = ::core::line!()]; key[fn __cached_key_session(user : u32, token
        : & str, device : Option < & Device >)] = (< Self > ::__cached_query_session,
        (::cache_core::private::Part::shown(& user),
        (::cache_core::private::Secret(::cache_core::private::Part::shown(& * token)),
        (::cache_core::private::Secret(::core::option::Option::map(::core::option::Option::as_ref(&
        device), | __cache_item | (&& && ::cache_core::private::argument(& * *
        __cache_item)).__cache_part())), ()))), ()); entry[fn __cached_entry_session(&
        self, user : u32, token : & str, device : Option < & Device >)] -> [Option <
        Session >] = ([< Self > ::__cached_query_session,
        ::cache_core::HasCache::cache(self), (::cache_core::private::Part::shown(& user),
        (::cache_core::private::Secret(::cache_core::private::Part::shown(& * token)),
        (::cache_core::private::Secret(::core::option::Option::map(::core::option::Option::as_ref(&
        device), | __cache_item | (&& && ::cache_core::private::argument(& * *
        __cache_item)).__cache_part())), ()))), ::cache_core::private::plain:: < Option <
        Session > > (), ()]);
    }
}
