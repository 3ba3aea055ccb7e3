//! Every shape that an annotated function can have: what holds for one of them holds for all.
#![forbid(unsafe_code)]

#[macro_use]
mod check;
mod corners;

mod bodies;
mod by_macros;
mod chosen_keys;
mod forgetting;
mod from_results;
mod generics;
mod in_flight;
mod keys;
mod more;
mod peers;
mod scopes;
mod shadowing;
mod tags;
mod traits;
mod traits_provided;
mod wheres;
