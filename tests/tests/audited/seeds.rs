//! Copies of the demo's manager, each with one row of its table changed. The replay finds each change, and blames that
//! mutation alone.
//!
//! | copy                               | row                    | is changed to                    | wrong                                        |
//! |------------------------------------|------------------------|----------------------------------|----------------------------------------------|
//! | `delete_track_without_search`      | `delete_track`         | lacks the search                 | `search_tracks`                              |
//! | `play_without_popular`             | `record_track_play`    | lacks popular                    | `get_popular_tracks`                         |
//! | `play_of_another_id`               | `record_track_play`    | names the key of the next id     | `get_track`                                  |
//! | `favorite_names_the_search`        | `set_track_favorite`   | names the search, not favourites | `get_favorite_tracks`                        |
//! | `add_track_without_recent`         | `add_track`            | lacks recent                     | `get_recent_tracks`                          |
//! | `update_without_the_track`         | `update_track`         | lacks that track                 | `get_track`                                  |
//! | `favorites_only_if_all_succeed`    | `add_favorites`        | `on = "ok"`                      | `get_favorite_tracks`                        |
//! | `purchase_without_recent`          | `play_bought`          | lacks recent                     | `get_recent_tracks`, after the commit        |
//! | `purchase_that_names_the_search`   | `add_bought`           | names the search, not favourites | `get_favorite_tracks`, after the commit      |
//! | `import_names_one_query`           | `import`               | names all tracks alone           | `get_track`, `search_tracks`, `get_recent_tracks` |

/// A copy of the manager for each seed. The table is written once, and `$seeded` is the row that is changed.
macro_rules! copies {
    ($table:tt $($copy:ident: $seeded:ident $targets:tt $finds:tt)*) => {
        $(copy! { $copy $seeded $targets $finds $table })*
    };
}

macro_rules! copy {
    (
        $copy:ident $seeded:ident $changed:tt { $($found:literal: $($query:literal),+;)? }
        { $($mutation:ident $arguments:tt -> $returned:ty { invalidates $targets:tt } $body:tt)* }
    ) => {
        pub(crate) mod $copy {
            use cache_core::{Cache, HasCache, cached_query, invalidates};
            use indicatif::ProgressBar;
            use library_demo::workload::{Mutation, PAGE, Read};
            use library_demo::{
                CsvFiles, Database, DbError, ImportError, ImportSummary, NewPurchase, NewTrack, Page, Track, TrackChanges,
                TrackId, TrackInfo,
            };

            use crate::findings::pairs;
            use crate::library::{Shop, library};
            use crate::replay::Replay;

            type Result<T, E = DbError> = std::result::Result<T, E>;

            #[derive(HasCache)]
            pub(crate) struct Manager {
                database: Database,
                cache: Cache,
            }

            macro_rules! mutation {
                // `changed` is an argument, too: the names in it are those of the arguments of the function.
                ($seeded $given:tt $output:ty, $right:tt $wrong:tt $code:tt) => {
                    #[invalidates $wrong]
                    fn $seeded $given -> $output $code
                };
                ($other:ident $given:tt $output:ty, $right:tt $wrong:tt $code:tt) => {
                    #[invalidates $right]
                    fn $other $given -> $output $code
                };
            }

            impl Manager {
                pub(crate) fn new(database: Database, cache: Cache) -> Self {
                    Self { database, cache }
                }

                pub(crate) fn database(&self) -> &Database {
                    &self.database
                }

                #[cached_query(ttl = "5m")]
                fn get_all_tracks(&self, limit: u32, offset: u32) -> Result<Page<Track>> {
                    self.database.get_all_tracks(limit, offset)
                }

                #[cached_query(ttl = "5m")]
                fn get_track(&self, id: TrackId) -> Result<Option<Track>> {
                    self.database.get_track(id)
                }

                #[cached_query(ttl = "5m")]
                fn search_tracks(&self, query: &str, limit: u32, offset: u32) -> Result<Page<TrackInfo>> {
                    self.database.search_tracks(query, limit, offset)
                }

                #[cached_query(ttl = "5m")]
                fn get_favorite_tracks(&self, limit: u32, offset: u32) -> Result<Page<TrackInfo>> {
                    self.database.get_favorite_tracks(limit, offset)
                }

                #[cached_query(ttl = "5m")]
                fn get_recent_tracks(&self, limit: u32, offset: u32) -> Result<Page<Track>> {
                    self.database.get_recent_tracks(limit, offset)
                }

                #[cached_query(ttl = "5m")]
                fn get_popular_tracks(&self, limit: u32, offset: u32) -> Result<Page<Track>> {
                    self.database.get_popular_tracks(limit, offset)
                }

                $(mutation! { $mutation $arguments $returned, $targets $changed $body })*
            }

            library!(Manager);

            impl Shop for Manager {
                fn purchase(&self, new: &NewPurchase) -> Result<()> {
                    let transaction = self.cache.transaction();
                    let inside = Self::new(self.database.clone(), transaction.cache());
                    for &id in &new.tracks {
                        inside.play_bought(id)?;
                        inside.add_bought(id)?;
                    }
                    transaction.commit();
                    Ok(())
                }

                fn add_favorites(&self, ids: &[TrackId]) -> Result<()> {
                    Manager::add_favorites(self, ids)
                }

                fn import(&self, files: &CsvFiles) -> Result<(), ImportError> {
                    Manager::import(self, files).map(drop)
                }
            }

            #[test]
            fn the_audit_finds_what_is_wrong_and_nothing_else() {
                let mut replay = Replay::<Manager>::new();
                replay.run_eventful_visits();
                replay.run_rest();
                assert_eq!(replay.end().wrong, pairs([$($(($found, $query)),+)?]));
            }
        }
    };
}

copies! {
    {
        add_track(&self, new: &NewTrack) -> Result<Track> {
            invalidates("get_all_tracks", "search_tracks", "get_recent_tracks", |track| get_track(track.info.id))
        } {
            self.database.add_track(new)
        }

        set_track_favorite(&self, id: TrackId, favorite: bool) -> Result<()> {
            invalidates("get_favorite_tracks")
        } {
            self.database.set_track_favorite(id, favorite)
        }

        record_track_play(&self, id: TrackId) -> Result<Track> {
            invalidates("get_popular_tracks", "get_recent_tracks", "get_all_tracks", get_track(id))
        } {
            self.database.record_track_play(id)
        }

        update_track(&self, id: TrackId, changes: &TrackChanges) -> Result<Track> {
            invalidates(
                get_track(id),
                "search_tracks",
                "get_all_tracks",
                "get_favorite_tracks",
                "get_recent_tracks",
                "get_popular_tracks"
            )
        } {
            self.database.update_track(id, changes)
        }

        delete_track(&self, id: TrackId) -> Result<()> {
            invalidates(
                "get_all_tracks",
                get_track(id),
                "search_tracks",
                "get_favorite_tracks",
                "get_recent_tracks",
                "get_popular_tracks"
            )
        } {
            self.database.delete_track(id)
        }

        add_favorites(&self, ids: &[TrackId]) -> Result<()> {
            invalidates("get_favorite_tracks")
        } {
            ids.iter().try_for_each(|&id| self.database.set_track_favorite(id, true))
        }

        play_bought(&self, id: TrackId) -> Result<Track> {
            invalidates("get_popular_tracks", "get_recent_tracks", "get_all_tracks", get_track(id))
        } {
            self.database.record_track_play(id)
        }

        add_bought(&self, id: TrackId) -> Result<()> {
            invalidates("get_favorite_tracks")
        } {
            self.database.set_track_favorite(id, true)
        }

        import(&self, files: &CsvFiles) -> Result<ImportSummary, ImportError> {
            invalidates(all)
        } {
            self.database.import(files, &ProgressBar::hidden())
        }
    }

    // No row has this name.
    unchanged: nothing () {}

    delete_track_without_search: delete_track(
        "get_all_tracks", get_track(id), "get_favorite_tracks", "get_recent_tracks", "get_popular_tracks"
    ) { "delete_track": "search_tracks"; }

    play_without_popular: record_track_play("get_recent_tracks", "get_all_tracks", get_track(id)) {
        "record_track_play": "get_popular_tracks";
    }

    play_of_another_id: record_track_play(
        "get_popular_tracks", "get_recent_tracks", "get_all_tracks", get_track(TrackId(id.0 + 1))
    ) { "record_track_play": "get_track"; }

    favorite_names_the_search: set_track_favorite("search_tracks") { "set_track_favorite": "get_favorite_tracks"; }

    add_track_without_recent: add_track("get_all_tracks", "search_tracks", |track| get_track(track.info.id)) {
        "add_track": "get_recent_tracks";
    }

    update_without_the_track: update_track(
        "search_tracks", "get_all_tracks", "get_favorite_tracks", "get_recent_tracks", "get_popular_tracks"
    ) { "update_track": "get_track"; }

    favorites_only_if_all_succeed: add_favorites("get_favorite_tracks", on = "ok") {
        "add_favorites": "get_favorite_tracks";
    }

    purchase_without_recent: play_bought("get_popular_tracks", "get_all_tracks", get_track(id)) {
        "commit of add_bought and play_bought": "get_recent_tracks";
    }

    purchase_that_names_the_search: add_bought("search_tracks") {
        "commit of add_bought and play_bought": "get_favorite_tracks";
    }

    import_names_one_query: import("get_all_tracks") {
        "import": "get_track", "search_tracks", "get_recent_tracks";
    }
}
