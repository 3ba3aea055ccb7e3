fn rate(currency: &str) -> f64 {
    let __cache_missed = match {
        #[allow(
            clippy::used_underscore_binding,
            reason = "what is not used in the body is still part of the key"
        )]
        ::cache_core::private::lookup(
            &::cache_core::private::query!(
                ::cache_core::private::InGlobal, _, "rate", ["currency"]
            ),
            ::cache_core::Cache::global(),
            &(::cache_core::private::Part::shown(&*currency), ()),
            ::cache_core::private::plain::<f64>(),
            ::cache_core::private::function(|| ()),
            ::cache_core::private::instance(()),
            &mut ::cache_core::private::nothing,
        )
    } {
        ::core::result::Result::Ok(__cache_hit) => return __cache_hit,
        ::core::result::Result::Err(__cache_missed) => __cache_missed,
    };
    __cache_missed.load(move || -> f64 { fetch(currency) })
}
#[doc(hidden)]
#[allow(dead_code, non_upper_case_globals, reason = "it is there for its name")]
const __rate_is_cached_so_put_cached_impl_on_the_impl_or_trait_around_it: () = ();
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
const __cached_query_rate: ::cache_core::private::Located<
    ::cache_core::private::InGlobal,
> = ::cache_core::private::query!(
    ::cache_core::private::InGlobal, _, "rate", ["currency"]
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
fn __cached_key_rate(
    currency: &str,
) -> ::cache_core::private::Keyed<::cache_core::private::InGlobal> {
    ::cache_core::private::keyed(
        &::cache_core::private::query!(
            ::cache_core::private::InGlobal, _, "rate", ["currency"]
        ),
        &(::cache_core::private::Part::shown(&*currency), ()),
        (),
    )
}
