impl Library {
    pub async fn update(&self, id: u32, changes: &Changes) -> Result<Track, DbError> {
        #[allow(
            unused_qualifications,
            reason = "a target keeps its path in another name, of which less may do"
        )]
        let __cache_due = ::cache_core::private::when_ok(
            ::cache_core::HasCache::cache(self),
            (
                ::cache_core::private::of_method(Self::__cached_key_get_track(id), self),
                (),
            ),
        );
        ::cache_core::private::invalidating_async(
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
                async move {
                    if let ::core::option::Option::Some(__cache_returned) = ::core::option::Option::None::<
                        Result<Track, DbError>,
                    > {
                        return __cache_returned;
                    }
                    let _ = &self;
                    let id = id;
                    let changes = changes;
                    let _ = &id;
                    self.database.update(id, changes).await
                },
            )
            .await
    }
}
