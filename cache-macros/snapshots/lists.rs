impl Library {
    pub fn update(&self, ids: &[u32], album: Option<u32>) -> Vec<u32> {
        ::cache_core::private::suggest!(
            add_cached_query_to_the_method__or_for_a_function_write_self__by_album :
            __cached_key_by_album, __cached_query_by_album;
            an_underscore_is_for_a_skipped_argument__and_get_track_skips_none__so_write_a_value
            : __cached_key_without_skipped_arguments_of_get_track;
        );
        let __cache_pending = {
            #[allow(unused_imports, reason = "whether it is needed depends on types")]
            use ::cache_core::private::probing::*;
            ::cache_core::private::of_method(
                    ::cache_core::private::mutation_facts!(
                        "update", key("", "get_track",
                        "for id in ids { get_track(_, *id) }"), key("", "by_album",
                        "by_album(album?)"), tag("artist:{track}",
                        "|tracks| for track in tracks { tags(\"artist:{track}\") }")
                    ),
                    ::cache_core::private::outcome!(Vec < u32 >),
                    ::cache_core::HasCache::cache(self),
                    self,
                )
                .targets({
                    let mut __cache_targets = ::cache_core::private::list_of_method(
                        self,
                    );
                    for id in (&&&&::cache_core::private::list(&(ids))).__cache_items() {
                        __cache_targets
                            .target(
                                <Self>::__cached_key_without_skipped_arguments_of_get_track(
                                    ::cache_core::private::UnderscoreForSkippedArgument,
                                    *id,
                                ),
                            );
                    }
                    __cache_targets
                })
                .targets({
                    let mut __cache_targets = ::cache_core::private::list_of_method(
                        self,
                    );
                    let __cache_is_none = '__cache_none_0: {
                        __cache_targets
                            .target(
                                <Self>::__cached_key_by_album(
                                    (match (&&&&::cache_core::private::question(&(album)))
                                        .__cache_item()
                                    {
                                        ::core::option::Option::Some(__cache_item) => __cache_item,
                                        ::core::option::Option::None => break '__cache_none_0 true,
                                    }),
                                ),
                            );
                        false
                    };
                    if __cache_is_none {
                        __cache_targets.target(&<Self>::__cached_query_by_album);
                    }
                    __cache_targets
                })
                .from_value(
                    {
                        let mut __cache_targets = ::cache_core::private::list_of_method(
                            self,
                        );
                        __cache_targets.all();
                        __cache_targets
                    },
                    |tracks, mut __cache_targets| {
                        for track in (&&&&::cache_core::private::list(&(tracks)))
                            .__cache_items()
                        {
                            __cache_targets
                                .formatted_tag(::core::format_args!("artist:{track}"));
                        }
                        __cache_targets
                    },
                )
                .when_ended()
        };
        __cache_pending
            .run(move || -> Vec<u32> {
                let _ = &self;
                let ids = ids;
                let album = album;
                let _ = (&ids, &album);
                self.database.update(ids, album)
            })
    }
}
