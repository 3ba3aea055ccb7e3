//! A second level on Redis for caches of [`cache_core`], and a log of their invalidations.

#![forbid(unsafe_code)]
