async fn rates(
    executor: &Pool,
    currencies: BTreeSet<Currency>,
) -> Result<BTreeMap<Currency, f64>, Error> {
    ::cache_core::private::suggest!(
        a_query_with_each_has_no_entries__so_call_it : __cached_entry_rates;
    );
    ::cache_core::private::needs_result!(
        ::cache_core::private::Returned:: < Result < BTreeMap < Currency, f64 >, Error >
        > ::new().__cache_outcome()
    );
    let mut __cache_batch = {
        #[allow(unused_imports, reason = "whether it is needed depends on the type")]
        use ::cache_core::private::probing::*;
        ::cache_core::private::Batch::new(
            ::cache_core::private::Returned::<
                Result<BTreeMap<Currency, f64>, Error>,
            >::new()
                .__cache_outcome(),
        )
    };
    for id in currencies.iter() {
        if __cache_batch.is_new(id) {
            let __cache_found = ::cache_core::private::look_up_one!(
                ::cache_core::private::query!(InGlobal, _, "rates", ["id.code()"], line =
                ::core::line!(), stale_if_error = ::core::time::Duration::new(3600u64,
                0u32)), ::cache_core::Cache::global(), ((&& &&
                ::cache_core::private::argument(& (id.code()))).__cache_part(), ()),
                __cache_batch.outcome(), ()
            )
                .map_err(|__cache_miss| ::cache_core::private::inspected!(__cache_miss));
            __cache_batch.add(id, __cache_found);
        }
    }
    while let ::core::option::Option::Some(__cache_ids) = __cache_batch
        .to_load_async()
        .await
    {
        let __cache_context = __cache_batch.context();
        let __cache_result: Result<BTreeMap<Currency, f64>, Error> = __cache_context
            .instrument(async {
                ::cache_core::private::returns!(
                    Result < BTreeMap < Currency, f64 >, Error >
                );
                let mut currencies = <BTreeSet<
                    Currency,
                > as ::core::iter::FromIterator<_>>::from_iter(__cache_ids);
                let _ = &currencies;
                currencies.remove(&Currency::EUR);
                fetch(executor, currencies).await
            })
            .await;
        if let ::core::option::Option::Some(__cache_returned) = __cache_batch
            .end(__cache_result)
        {
            return __cache_returned;
        }
    }
    __cache_batch.into_returned()
}
#[doc(hidden)]
#[allow(dead_code, non_upper_case_globals, reason = "its name is an advice")]
const __rates_is_cached_so_put_cached_impl_on_the_impl_or_trait_around_it: () = ();
::cache_core::private::items! {
    const __cached_query_rates = [InGlobal, _, "rates", ["id.code()"], line =
    ::core::line!(), stale_if_error = ::core::time::Duration::new(3600u64, 0u32)]; key[fn
    __cached_key_rates(executor : & Pool, id : Currency)] = (& id,
    ::cache_core::private::query!(InGlobal, _, "rates", ["id.code()"], line =
    ::core::line!(), stale_if_error = ::core::time::Duration::new(3600u64, 0u32)), ((&&
    && ::cache_core::private::argument(& (id.code()))).__cache_part(), ()), ()); key[fn
    __cached_key_without_skipped_arguments_of_rates(_ :
    ::cache_core::private::UnderscoreForSkippedArgument, id : Currency)] = (& id,
    ::cache_core::private::query!(InGlobal, _, "rates", ["id.code()"], line =
    ::core::line!(), stale_if_error = ::core::time::Duration::new(3600u64, 0u32)), ((&&
    && ::cache_core::private::argument(& (id.code()))).__cache_part(), ()), ());
}
