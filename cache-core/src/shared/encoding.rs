//! Values as bytes: `MessagePack`, with the names of fields, so that two releases of a program read each other's as far as
//! `serde` allows.
//!
//! It writes an `Option` in an `Option`, and an `Option<()>`, as if there were one fewer. Queries whose values show that in their
//! type are not in the second level.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::shared::error::TierError;

/// How the values of a query become bytes. User code runs in both.
#[derive(Debug)]
pub struct ValueEncoding<V> {
    pub(crate) encode: fn(&V, &mut Vec<u8>) -> Result<(), TierError>,
    pub(crate) decode: fn(&[u8]) -> Result<V, TierError>,
}

impl<V> Clone for ValueEncoding<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for ValueEncoding<V> {}

impl<V: Serialize + DeserializeOwned> ValueEncoding<V> {
    /// Of one type.
    pub fn new() -> Self {
        Self {
            encode: |value, bytes| {
                rmp_serde::encode::write_named(bytes, value).map_err(|error| TierError::new(error.to_string()))
            },
            decode: |bytes| rmp_serde::from_slice(bytes).map_err(|error| TierError::new(error.to_string())),
        }
    }
}

impl<V: Serialize + DeserializeOwned> Default for ValueEncoding<V> {
    fn default() -> Self {
        Self::new()
    }
}

/// Appends one part of a key. The bytes of a value are the same in each process and release.
pub(crate) fn write_part<T: Serialize + ?Sized>(part: &T, bytes: &mut Vec<u8>) -> Result<(), TierError> {
    rmp_serde::encode::write(bytes, part).map_err(|error| TierError::new(error.to_string()))
}
