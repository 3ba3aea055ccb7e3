//! Repositories whose answers soon expire, with and without the option for outages.
//!
//! The body of each read calls another repository, through a handle that bypasses the cache: what this read counts as
//! read by the body, and so its mutations invalidate the answers here. Their targets are named once, in `sqlite.rs`.

use std::sync::Arc;

use async_trait::async_trait;
use cache_core::{Cache, HasCache, cached_impl, cached_query};

use super::{MusicRepository, SqliteRepository};
use crate::{
    error::DbError,
    model::{NewPurchase, NewTrack, Page, Track, TrackChanges, TrackId, TrackInfo},
};

/// Options are literals: each set of them needs a type.
macro_rules! caching_repository {
    ($(#[$doc:meta])* $name:ident: $($options:tt)*) => {
        $(#[$doc])*
        #[derive(HasCache)]
        pub struct $name {
            library: Arc<SqliteRepository>,
            cache: Cache,
        }

        impl $name {
            /// Caches the reads of a library that was opened with [`cache.bypass()`](Cache::bypass).
            pub fn new(library: Arc<SqliteRepository>, cache: Cache) -> Self {
                Self { library, cache }
            }
        }

        #[cached_impl]
        #[async_trait]
        impl MusicRepository for $name {
            #[cached_query($($options)*)]
            async fn get_all_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<Track>>, DbError> {
                self.library.get_all_tracks(limit, offset).await
            }

            #[cached_query($($options)*)]
            async fn get_track(&self, id: TrackId) -> Result<Option<Track>, DbError> {
                self.library.get_track(id).await
            }

            #[cached_query($($options)*)]
            async fn search_tracks(
                &self,
                query: &str,
                limit: u32,
                offset: u32,
            ) -> Result<Arc<Page<TrackInfo>>, DbError> {
                self.library.search_tracks(query, limit, offset).await
            }

            #[cached_query($($options)*)]
            async fn get_favorite_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<TrackInfo>>, DbError> {
                self.library.get_favorite_tracks(limit, offset).await
            }

            #[cached_query($($options)*)]
            async fn get_recent_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<Track>>, DbError> {
                self.library.get_recent_tracks(limit, offset).await
            }

            #[cached_query($($options)*)]
            async fn get_popular_tracks(&self, limit: u32, offset: u32) -> Result<Arc<Page<Track>>, DbError> {
                self.library.get_popular_tracks(limit, offset).await
            }

            async fn add_track(&self, new: &NewTrack) -> Result<Track, DbError> {
                self.library.add_track(new).await
            }

            async fn set_track_favorite(&self, id: TrackId, favorite: bool) -> Result<(), DbError> {
                self.library.set_track_favorite(id, favorite).await
            }

            async fn record_track_play(&self, id: TrackId) -> Result<Track, DbError> {
                self.library.record_track_play(id).await
            }

            async fn update_track(&self, id: TrackId, changes: &TrackChanges) -> Result<Track, DbError> {
                self.library.update_track(id, changes).await
            }

            async fn delete_track(&self, id: TrackId) -> Result<(), DbError> {
                self.library.delete_track(id).await
            }

            async fn purchase(&self, new: &NewPurchase) -> Result<Vec<Track>, DbError> {
                self.library.purchase(new).await
            }
        }
    };
}

caching_repository! {
    /// Caches each answer for one second.
    ShortLived: ttl = "1s"
}

caching_repository! {
    /// Caches each answer for one second. When the database fails, it serves expired answers for an hour.
    StaleIfError: ttl = "1s", stale_if_error = "1h"
}
