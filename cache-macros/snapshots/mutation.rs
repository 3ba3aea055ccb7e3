impl Library {
    pub fn update(
        &self,
        id: u32,
        album: u32,
        changes: &Changes,
    ) -> Result<Track, DbError> {
        ::cache_core::private::suggest!(
            add_cached_query_to_the_method__or_for_a_function_write_self__by_artist :
            __cached_key_by_artist, __cached_query_by_artist;
            add_cached_query_to_the_method__or_for_a_function_write_self__get_all_tracks
            : __cached_query_get_all_tracks;
            add_cached_query_to_the_method__or_for_a_function_write_self__get_track :
            __cached_key_get_track;
        );
        let __cache_pending = ::cache_core::private::of_method(
                ::cache_core::private::mutation_facts!(
                    "update", query("", "get_all_tracks", "get_all_tracks"), key("",
                    "get_track", "get_track(id)"), key("", "by_artist",
                    "|track| by_artist(track.artist)"), tag("album:{album}",
                    "tags(\"album:{album}\")")
                ),
                ::cache_core::private::outcome!(Result < Track, DbError >),
                ::cache_core::HasCache::cache(self),
                self,
            )
            .target(&<Self>::__cached_query_get_all_tracks)
            .target(<Self>::__cached_key_get_track(id))
            .from_result(
                &<Self>::__cached_query_by_artist,
                |track| <Self>::__cached_key_by_artist(track.artist),
            )
            .formatted_tag(::core::format_args!("album:{album}"))
            .when_ended();
        __cache_pending
            .run(move || -> Result<Track, DbError> {
                let _ = &self;
                let id = id;
                let album = album;
                let changes = changes;
                let _ = (&id, &album);
                self.database.update(id, album, changes)
            })
    }
}
