#![doc = include_str!("index.md")]

#[doc = include_str!("by_name.md")]
pub mod by_name {}

#[doc = include_str!("by_key.md")]
pub mod by_key {}

#[doc = include_str!("by_tag.md")]
pub mod by_tag {}

#[doc = include_str!("targets.md")]
pub mod targets {}

#[doc = include_str!("transactions.md")]
pub mod transactions {}

#[doc = include_str!("one_entry.md")]
pub mod one_entry {}

#[doc = include_str!("composition.md")]
pub mod composition {}

#[doc = include_str!("errors.md")]
pub mod errors {}

#[doc = include_str!("outages.md")]
pub mod outages {}

#[doc = include_str!("lists.md")]
pub mod lists {}

#[doc = include_str!("scopes.md")]
pub mod scopes {}

#[doc = include_str!("traits.md")]
pub mod traits {}

#[doc = include_str!("by_hand.md")]
pub mod by_hand {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("seeing.md")]
pub mod seeing {}

#[doc = include_str!("audit.md")]
pub mod audit {}

#[doc = include_str!("metrics.md")]
pub mod metrics {}

#[doc = include_str!("tracing.md")]
pub mod tracing {}

#[cfg(feature = "shared")]
#[doc = include_str!("several_processes.md")]
pub mod several_processes {}

#[doc = include_str!("how_it_works.md")]
pub mod how_it_works {}

#[doc = include_str!("memory.md")]
pub mod memory {}
