//! What the README and the guide show of several processes, on the server of the environment's `REDIS_URL`.

use std::error::Error;

use cache_core::{Cache, HasCache, cached_query, invalidates};
use cache_redis::RedisTier;

#[derive(HasCache)]
struct Library {
    cache: Cache,
}

impl Library {
    #[cached_query(ttl = "5m", shared)] // what one process has loaded, others take
    fn get_track(&self, id: u32) -> Option<String> {
        Some(format!("track {id}")) // think of a database
    }

    #[invalidates(get_track(id))] // all processes hear of it before this returns, or within half a second
    fn rename_track(&self, id: u32) {
        let _ = id;
    }
}

/// Runs it, for a test.
///
/// # Errors
///
/// If the server cannot be used.
pub(crate) fn run(url: &str) -> Result<(), Box<dyn Error>> {
    let tier = RedisTier::builder(url).namespace("library").connect_blocking()?;
    let cache = Cache::builder().shared(tier).build();
    let library = Library { cache };
    library.get_track(1);
    library.rename_track(1);
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    run(&std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1".to_owned()))
}
