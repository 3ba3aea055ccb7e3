fn rate(currency: &str) -> f64 {
    let __cache_miss = ::cache_core::private::look_up_or_return!(
        ::cache_core::private::query!(InGlobal, _, "rate", ["currency"], line =
        ::core::line!()), ::cache_core::Cache::global(),
        (::cache_core::private::Part::shown(& * currency), ()),
        ::cache_core::private::plain:: < f64 > (), ()
    );
    __cache_miss.load(move || -> f64 { fetch(currency) })
}
#[doc(hidden)]
#[allow(dead_code, non_upper_case_globals, reason = "its name is an advice")]
const __rate_is_cached_so_put_cached_impl_on_the_impl_or_trait_around_it: () = ();
::cache_core::private::items! {
    const __cached_query_rate = [InGlobal, _, "rate", ["currency"], line =
    ::core::line!()]; key[fn __cached_key_rate(currency : & str)] =
    (::cache_core::private::query!(InGlobal, _, "rate", ["currency"], line =
    ::core::line!()), (::cache_core::private::Part::shown(& * currency), ()), ());
    entry[fn __cached_entry_rate(currency : & str)] -> [f64] =
    ([::cache_core::private::query!(InGlobal, _, "rate", ["currency"], line =
    ::core::line!()), ::cache_core::Cache::global(),
    (::cache_core::private::Part::shown(& * currency), ()),
    ::cache_core::private::plain:: < f64 > (), ()]);
}
