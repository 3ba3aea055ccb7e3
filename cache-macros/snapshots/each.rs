impl Library {
    pub fn tracks(&self, ids: &[TrackId], language: String) -> HashMap<TrackId, Track> {
        ::cache_core::private::suggest!(
            a_query_with_each_has_no_entries__so_call_it : __cached_entry_tracks;
        );
        let mut __cache_batch = {
            #[allow(unused_imports, reason = "whether it is needed depends on the type")]
            use ::cache_core::private::probing::*;
            ::cache_core::private::Batch::new(
                ::cache_core::private::Returned::<HashMap<TrackId, Track>>::new()
                    .__cache_outcome(),
            )
        };
        for id in ids.iter() {
            if __cache_batch.is_new(id) {
                let __cache_found = ::cache_core::private::look_up_one!(
                    < Self > ::__cached_query_tracks,
                    ::cache_core::HasCache::cache(self), ((&& &&
                    ::cache_core::private::argument(& * id)).__cache_part(),
                    (::cache_core::private::Part::shown(& language), ())), __cache_batch
                    .outcome(), ()
                )
                    .map_err(|__cache_miss| {
                        ::cache_core::private::inspected!(__cache_miss)
                            .formatted_tag(::core::format_args!("track:{id}"))
                            .cache_if(|track| track.is_some())
                    });
                __cache_batch.add(id, __cache_found);
            }
        }
        while let ::core::option::Option::Some(__cache_ids) = __cache_batch.to_load() {
            let __cache_context = __cache_batch.context();
            let __cache_result: HashMap<TrackId, Track> = __cache_context
                .within(|| -> HashMap<TrackId, Track> {
                    let ids = &__cache_ids[..];
                    let _ = &ids;
                    let language = ::core::clone::Clone::clone(&language);
                    let _ = &language;
                    self.database.tracks(ids, language)
                });
            if let ::core::option::Option::Some(__cache_returned) = __cache_batch
                .end(__cache_result)
            {
                return __cache_returned;
            }
        }
        __cache_batch.into_returned()
    }
    ::cache_core::private::items! {
        pub const __cached_query_tracks = [InSelf, Self, "tracks", ["id", "language"],
        line = ::core::line!(), ttl = ::core::time::Duration::new(300u64, 0u32),
        formatted_tags = & ["track:{id}"]]; key pub [fn __cached_key_tracks(id : TrackId,
        language : String)] = (& id, < Self > ::__cached_query_tracks, ((&& &&
        ::cache_core::private::argument(& * id)).__cache_part(),
        (::cache_core::private::Part::shown(& language), ())), ());
    }
}
