//! Expansions, compared with the files in `snapshots`.
//!
//! `SNAPSHOTS=overwrite cargo test -p cache-macros` rewrites them.

use std::fs;
use std::path::Path;

use proc_macro2::TokenStream;
use quote::quote;

use crate::attribute::{cached_query, invalidates};
use crate::cached_impl::cached_impl;

fn assert_snapshot(name: &str, expanded: TokenStream) {
    let file = syn::parse2(expanded).expect("an expansion is made of items");
    let pretty = prettyplease::unparse(&file);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots").join(format!("{name}.rs"));
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        fs::write(&path, &pretty).expect("it can be written");
    }
    let expected = fs::read_to_string(&path).expect("there is a snapshot of that name");
    assert!(pretty == expected, "{} has changed:\n{pretty}", path.display());
}

fn in_impl(items: &TokenStream) -> TokenStream {
    quote!(impl Library { #items })
}

#[test]
fn a_method() {
    let function = quote! {
        pub fn get_track(&self, id: u32) -> Result<Option<Track>, DbError> {
            self.database.get_track(id)
        }
    };
    assert_snapshot("method", in_impl(&cached_query(quote!(ttl = "5m"), &function)));
}

/// It repeats the facts of its query, because it may be in an `impl`.
#[test]
fn a_function_without_self() {
    let function = quote! {
        fn rate(currency: &str) -> f64 {
            fetch(currency)
        }
    };
    assert_snapshot("function", cached_query(quote!(), &function));
}

#[test]
fn a_query_with_secrets() {
    let function = quote! {
        fn session(&self, user: u32, token: &str, device: Option<&Device>) -> Option<Session> {
            self.find(user, token, device)
        }
    };
    assert_snapshot("secret", in_impl(&cached_query(quote!(secret(token, device)), &function)));
}

#[test]
fn a_query_that_is_shared() {
    let function = quote! {
        pub async fn search(&self, filter: Filter<'_>, genre: Option<&str>, limit: u32) -> Result<Page, DbError> {
            self.database.search(filter, genre, limit).await
        }
    };
    let options = quote!(ttl = "5m", shared, skip(filter), tags("genre:{genre}"));
    assert_snapshot("shared", in_impl(&cached_query(options, &function)));
}

#[test]
fn a_query_that_is_shared_by_an_expression() {
    let function = quote! {
        fn plays(&self, filter: &Filter<'_>) -> u64 {
            self.database.plays(filter)
        }
    };
    assert_snapshot("shared_key", in_impl(&cached_query(quote!(shared, key(self.tenant, filter.text)), &function)));
}

#[test]
fn a_query_with_many_options() {
    let options = quote! {
        key(self.tenant, filter.text()),
        tags("search", "tenant:{tenant}"),
        tags_from = |page| page.tracks(),
        cache_if = |page| !page.is_empty(),
        capacity = 100,
        ttl = "1h",
        own_ttl
    };
    let function = quote! {
        pub fn search(&self, filter: Filter<'_>) -> Page<Track> {
            self.database.search(filter)
        }
    };
    assert_snapshot("options", in_impl(&cached_query(options, &function)));
}

#[test]
fn a_query_that_serves_expired_values() {
    let options = quote! {
        ttl_from = |answer| answer.max_age,
        jitter = "10%",
        weight = Answer::size,
        stale_if_error = "1h",
        retry_after = 5,
        refresh_ahead = AHEAD,
        stale_while_revalidate = "30s"
    };
    let function = quote! {
        pub fn fetch(&self, url: &str) -> Result<Answer, HttpError> {
            self.client.fetch(url)
        }
    };
    assert_snapshot("stale", in_impl(&cached_query(options, &function)));
}

#[test]
fn a_query_that_loads_in_the_background() {
    let options = quote! {
        ttl = "5m", stale_while_revalidate = "30s", background, soft_timeout = "200ms", cache_if = Track::is_complete
    };
    let function = quote! {
        pub async fn get(self: Arc<Self>, id: u32) -> Result<Track, DbError> {
            self.database.get(id).await
        }
    };
    assert_snapshot("background", in_impl(&cached_query(options, &function)));
}

#[test]
fn a_query_of_each_id_of_a_list() {
    let function = quote! {
        pub fn tracks(&self, ids: &[TrackId], language: String) -> HashMap<TrackId, Track> {
            self.database.tracks(ids, language)
        }
    };
    let options = quote!(each = ids, ttl = "5m", tags("track:{id}"), cache_if = |track| track.is_some());
    assert_snapshot("each", in_impl(&cached_query(options, &function)));
}

#[test]
fn an_async_query_of_each_id_of_a_list() {
    let function = quote! {
        async fn rates(executor: &Pool, mut currencies: BTreeSet<Currency>) -> Result<BTreeMap<Currency, f64>, Error> {
            currencies.remove(&Currency::EUR);
            fetch(executor, currencies).await
        }
    };
    let options = quote!(each = currencies, key(id.code()), stale_if_error = "1h");
    assert_snapshot("async_each", cached_query(options, &function));
}

#[test]
fn a_mutation() {
    let targets = quote!("get_all_tracks", get_track(id), |track| by_artist(track.artist), tags("album:{album}"));
    let function = quote! {
        pub fn update(&self, id: u32, album: u32, changes: &Changes) -> Result<Track, DbError> {
            self.database.update(id, album, changes)
        }
    };
    assert_snapshot("mutation", in_impl(&invalidates(targets, &function)));
}

#[test]
fn a_mutation_that_fails_if_it_cannot_be_published() {
    let function = quote! {
        pub fn update(&self, id: u32, changes: &Changes) -> Result<Track, DbError> {
            self.database.update(id, changes)
        }
    };
    let targets = quote!(get_track(id), on_unreachable = "fail");
    assert_snapshot("announced", in_impl(&invalidates(targets, &function)));
}

#[test]
fn targets_of_lists_and_options() {
    let targets = quote!(
        for id in ids {
            get_track(_, *id)
        },
        by_album(album?),
        |tracks| for track in tracks {
            tags("artist:{track}")
        }
    );
    let function = quote! {
        pub fn update(&self, ids: &[u32], album: Option<u32>) -> Vec<u32> {
            self.database.update(ids, album)
        }
    };
    assert_snapshot("lists", in_impl(&invalidates(targets, &function)));
}

#[test]
fn a_query_with_skipped_arguments() {
    let function = quote! {
        pub async fn get<'c, E: Executor<'c>>(&self, executor: E, id: u32) -> Result<Track, DbError> {
            fetch(executor, id).await
        }
    };
    assert_snapshot("skipped", in_impl(&cached_query(quote!(skip(executor)), &function)));
}

#[test]
fn an_async_method() {
    let function = quote! {
        pub async fn get_track(&self, id: u32) -> Result<Option<Track>, DbError> {
            self.database.get_track(id).await
        }
    };
    assert_snapshot("async_method", in_impl(&cached_query(quote!(ttl = "5m"), &function)));
}

#[test]
fn an_async_mutation() {
    let function = quote! {
        pub async fn update(&self, id: u32, changes: &Changes) -> Result<Track, DbError> {
            self.database.update(id, changes).await
        }
    };
    let targets = quote!(get_track(id), on = "ok");
    assert_snapshot("async_mutation", in_impl(&invalidates(targets, &function)));
}

#[test]
fn an_impl_of_a_trait() {
    let block = quote! {
        impl<D: Database> Tracks for Library<D> {
            type Id = u32;
            #[cached_query(ttl = 300)]
            fn get(&self, id: Self::Id) -> Option<Track> {
                self.database.get(id)
            }
            #[invalidates(get(id))]
            fn remove(&self, id: Self::Id) {
                self.database.remove(id);
            }
        }
    };
    assert_snapshot("trait_impl", cached_impl(&quote!(), &block));
}
