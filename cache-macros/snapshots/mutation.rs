impl Library {
    pub fn update(
        &self,
        id: u32,
        album: u32,
        changes: &Changes,
    ) -> Result<Track, DbError> {
        #[allow(
            unused_qualifications,
            reason = "a target keeps its path in another name, of which less may do"
        )]
        let __cache_due = ::cache_core::private::when_ended(
            ::cache_core::HasCache::cache(self),
            (
                ::cache_core::private::of_method(
                    &Self::__cached_query_get_all_tracks,
                    self,
                ),
                (
                    ::cache_core::private::of_method(
                        Self::__cached_key_get_track(id),
                        self,
                    ),
                    (
                        ::cache_core::private::from_result(
                            {
                                #[allow(
                                    unused_imports,
                                    reason = "whether it is needed depends on the type"
                                )]
                                use ::cache_core::private::probing::*;
                                ::cache_core::private::Returned::<
                                    Result<Track, DbError>,
                                >::new()
                                    .__cache_outcome_unshared()
                            },
                            ::cache_core::private::of_method(
                                &Self::__cached_query_by_artist,
                                self,
                            ),
                            #[allow(
                                clippy::redundant_closure,
                                reason = "a target has no other form"
                            )]
                            |track| Self::__cached_key_by_artist(track.artist),
                        ),
                        (
                            ::cache_core::private::Target::tag(
                                ::cache_core::private::tag(
                                    ::core::format_args!("album:{album}"),
                                ),
                            ),
                            (),
                        ),
                    ),
                ),
            ),
        );
        ::cache_core::private::invalidating(
            __cache_due,
            {
                #[allow(
                    unused_imports,
                    reason = "whether it is needed depends on the type"
                )]
                use ::cache_core::private::probing::*;
                ::cache_core::private::Returned::<Result<Track, DbError>>::new()
                    .__cache_outcome_unshared()
            },
            move || -> Result<Track, DbError> {
                let _ = &self;
                let id = id;
                let album = album;
                let changes = changes;
                let _ = &id;
                let _ = &album;
                self.database.update(id, album, changes)
            },
        )
    }
}
