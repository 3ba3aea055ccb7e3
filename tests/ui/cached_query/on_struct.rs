//! says: this attribute goes on a function, not on `struct`

use cache_core::cached_query;

#[cached_query(ttl = "5m")]
struct Repo;

fn main() {
    let _ = Repo;
}
