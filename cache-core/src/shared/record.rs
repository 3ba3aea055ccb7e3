//! What is written to the log, and beside a value of the second level. Both begin with the number of their format.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::shared::error::TierError;

const FORMAT: u8 = 1;

/// A place in a log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LogPosition {
    /// A random number. Positions of different epochs have no order.
    pub epoch: u64,
    /// The number of a record. Consecutive, from 1; 0 is before the first.
    pub id: u64,
}

/// What is invalidated, or what a value depends on.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Of an invalidation: `None` is every scope. Of a value: `None` is no scope.
    pub(crate) scope: Option<Box<str>>,
    /// A [mark](crate::shared::mark), or a tag of the user's.
    pub(crate) mark: Box<str>,
}

/// One write of a process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Of the cache that publishes it.
    pub(crate) origin: u64,
    pub(crate) token: u64,
    /// If it announces a write: how long it may take, in milliseconds.
    pub(crate) intent: Option<u64>,
    /// The token of the intent whose outcome it is.
    pub(crate) ends: Option<u64>,
    pub(crate) places: Vec<Place>,
}

/// What is stored before a value.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct ValueHead {
    pub(crate) epoch: u64,
    /// The last record that its process had heard when its load began.
    pub(crate) born: u64,
    /// What it depends on.
    pub(crate) places: Vec<Place>,
}

pub(crate) fn encode<T: Serialize>(of: &T) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    rmp_serde::encode::write(&mut bytes, of).expect("numbers and texts can be written to memory");
    bytes
}

/// Returns what follows, too.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), TierError> {
    let Some((&FORMAT, mut rest)) = bytes.split_first() else {
        return Err(TierError::new("it has another format: another version of cache-core has written it"));
    };
    let decoded = rmp_serde::from_read(&mut rest).map_err(|error| TierError::new(error.to_string()))?;
    Ok((decoded, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_the_rest_is_left() {
        let places = vec![Place { scope: Some("tenant".into()), mark: "artist:22".into() }];
        let head = ValueHead { epoch: u64::MAX, born: 7, places };
        let mut bytes = encode(&head);
        bytes.extend(b"value");
        assert_eq!(decode::<ValueHead>(&bytes), Ok((head, &b"value"[..])));
    }

    #[test]
    fn another_format_and_a_cut_off_record_are_errors() {
        let record = Record { origin: 1, token: 2, intent: None, ends: Some(1), places: vec![] };
        let bytes = encode(&record);
        assert_eq!(decode::<Record>(&bytes), Ok((record, &[][..])));
        assert!(decode::<Record>(&bytes[..bytes.len() - 1]).is_err() && decode::<Record>(&[]).is_err());
        assert!(decode::<Record>(&[&[FORMAT + 1], &bytes[1..]].concat()).is_err());
    }
}
