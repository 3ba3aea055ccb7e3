//! says: `__cached_query_exchange_rate`

use cache_core::{cached_query, invalidates};

#[cached_query]
fn exchange_rate(day: u32) -> u32 {
    day
}

#[invalidates("exchange_rates")]
fn publish() {}

fn main() {
    publish();
    exchange_rate(1);
}
