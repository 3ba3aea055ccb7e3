impl Library {
    pub async fn update(&self, id: u32, changes: &Changes) -> Result<Track, DbError> {
        ::cache_core::private::suggest!(
            add_cached_query_to_the_method__or_for_a_function_write_self__get_track :
            __cached_key_get_track;
        );
        let __cache_pending = ::cache_core::private::of_method(
                ::cache_core::private::mutation_facts!(
                    "update", key("", "get_track", "get_track(id)")
                ),
                ::cache_core::private::outcome!(Result < Track, DbError >),
                ::cache_core::HasCache::cache(self),
                self,
            )
            .target(<Self>::__cached_key_get_track(id))
            .when_ok();
        __cache_pending
            .run_async(
                ::cache_core::private::holder!(Result < Track, DbError >),
                async move {
                    ::cache_core::private::returns!(Result < Track, DbError >);
                    let _ = &self;
                    let id = id;
                    let changes = changes;
                    let _ = (&id,);
                    self.database.update(id, changes).await
                },
            )
            .await
    }
}
