//! Several processes with one cache: each is a [`Cache`](cache_core::Cache) with a tier in memory.

mod announced;
mod apart;
mod lease;
mod library;
mod log;
mod second_level;
mod tier;
mod waits;
