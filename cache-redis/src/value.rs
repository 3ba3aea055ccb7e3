//! How values are written: one byte with the format, eight with the deadline by the server's clock in milliseconds, then
//! the bytes of the cache.

use std::time::Duration;

/// The format of this release.
const FORMAT: u8 = 1;
const HEADER: usize = 9;

/// Longer is not meaningful, and the server's clock must not overflow.
const MAX_EXPIRES_IN: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// What was read.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Decoded {
    Value {
        value: Vec<u8>,
        expires_in: Duration,
    },
    Expired,
    /// Written by a release that knows another format, or by somebody else.
    Unknown,
}

/// The deadline in milliseconds of a value that is put when the server's time is at least `earliest`.
pub(crate) fn deadline(earliest: Duration, expires_in: Duration) -> u64 {
    millis(earliest.saturating_add(expires_in.min(MAX_EXPIRES_IN)))
}

pub(crate) fn encode(value: &[u8], deadline: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + value.len());
    bytes.push(FORMAT);
    bytes.extend_from_slice(&deadline.to_le_bytes());
    bytes.extend_from_slice(value);
    bytes
}

/// `latest`: the server's time is at most this.
pub(crate) fn decode(mut bytes: Vec<u8>, latest: Duration) -> Decoded {
    let Some((header, _)) = bytes.split_first_chunk::<HEADER>() else { return Decoded::Unknown };
    let [FORMAT, deadline @ ..] = *header else { return Decoded::Unknown };
    match Duration::from_millis(u64::from_le_bytes(deadline)).checked_sub(latest) {
        Some(expires_in) if !expires_in.is_zero() => {
            bytes.drain(..HEADER);
            Decoded::Value { value: bytes, expires_in }
        }
        _ => Decoded::Expired,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_with_what_is_left_of_its_time() {
        let start = Duration::from_micros(1_000_000_900);
        let deadline = deadline(start, Duration::from_millis(50));
        let bytes = encode(b"value", deadline);
        let left = decode(bytes.clone(), start + Duration::from_millis(20));
        let Decoded::Value { value, expires_in } = left else { panic!("{left:?}") };
        assert_eq!(value, b"value");
        assert!(expires_in <= Duration::from_millis(30) && expires_in > Duration::from_millis(28), "{expires_in:?}");
        assert_eq!(decode(bytes.clone(), Duration::from_millis(deadline)), Decoded::Expired);
        assert_eq!(decode(bytes, Duration::from_millis(deadline + 1)), Decoded::Expired);
    }

    #[test]
    fn an_empty_value_and_one_without_end_are_values() {
        let start = Duration::from_secs(1_700_000_000);
        let deadline = deadline(start, Duration::MAX);
        assert!(i64::try_from(deadline).is_ok());
        assert_eq!(decode(encode(b"", deadline), start), Decoded::Value { value: vec![], expires_in: MAX_EXPIRES_IN });
    }

    #[test]
    fn bytes_of_others_are_unknown() {
        assert_eq!(decode(vec![], Duration::ZERO), Decoded::Unknown);
        assert_eq!(decode(vec![FORMAT; HEADER - 1], Duration::ZERO), Decoded::Unknown);
        let mut other = encode(b"value", u64::MAX);
        other[0] = FORMAT + 1;
        assert_eq!(decode(other, Duration::ZERO), Decoded::Unknown);
    }
}
