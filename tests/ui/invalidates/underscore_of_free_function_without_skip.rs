//! says: cannot find function `__cached_key_without_skipped_arguments_of_rate` in this scope

use cache_core::{cached_query, invalidates};

#[cached_query]
fn rate(day: u32) -> u32 {
    day
}

#[invalidates(rate(_))]
fn publish() {}

fn main() {}
