//! Without the feature `redis`: the options that need it are errors.

use std::error::Error;

use cache_core::CacheBuilder;
use library_demo::{ReplayError, replay::Tiers};

const REMEDY: &str = "this program was built without Redis: build it with `--features redis`";

#[expect(clippy::unused_async, reason = "the signature is that with the feature")]
pub(super) async fn share(_: CacheBuilder, _: &str, _: &str) -> Result<CacheBuilder, Box<dyn Error>> {
    Err(REMEDY.into())
}

pub(super) fn tiers(_: usize, _: &str) -> Result<Tiers, ReplayError> {
    Err(ReplayError::Tier(REMEDY.to_owned()))
}
