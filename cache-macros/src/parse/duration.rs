//! Durations such as `"5m"`, `"1h30m"`, `"250ms"`.

use std::time::Duration;

/// The units in nanoseconds, longest first.
const UNITS: [(&str, u128); 7] = [
    ("d", 24 * 3600 * 1_000_000_000),
    ("h", 3600 * 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

const EXAMPLES: &str = "write it like \"5m\", \"1h30m\" or \"250ms\"";

/// Parses a duration other than zero. The error says what to write instead.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(format!("the time to live is empty: {EXAMPLES}"));
    }
    if rest.starts_with('-') {
        return Err("a time to live cannot be negative".to_owned());
    }
    let mut nanos = 0_u128;
    let mut longest_allowed = 0;
    while !rest.is_empty() {
        let (number, unit, tail) = split(rest).ok_or_else(|| format!("`{text}` is not a duration: {EXAMPLES}"))?;
        if unit.is_empty() {
            return Err(format!("`{number}` has no unit: write `{number}s` for seconds, or `{number}m` for minutes"));
        }
        if number.contains('.') {
            return Err(format!("`{number}{unit}` is not whole: use a smaller unit, as in \"1h30m\""));
        }
        let Some(position) = UNITS.iter().position(|(name, _)| *name == unit) else {
            return Err(format!("`{unit}` is not a unit of time: use d, h, m, s, ms, us or ns"));
        };
        if position < longest_allowed {
            return Err(format!("`{text}` is out of order: name each unit once, the longest first, as in \"1h30m\""));
        }
        longest_allowed = position + 1;
        nanos = number
            .parse::<u128>()
            .ok()
            .and_then(|number| number.checked_mul(UNITS[position].1))
            .and_then(|part| nanos.checked_add(part))
            .ok_or_else(|| too_long(text))?;
        rest = tail.trim_start();
    }
    if nanos == 0 {
        return Err(zero());
    }
    let seconds = u64::try_from(nanos / 1_000_000_000).map_err(|_| too_long(text))?;
    let rest = u32::try_from(nanos % 1_000_000_000).expect("less than a second");
    Ok(Duration::new(seconds, rest))
}

pub(crate) fn zero() -> String {
    "a time to live of 0 would cache nothing: remove the attribute, or use a positive time".to_owned()
}

fn too_long(text: &str) -> String {
    format!("`{text}` is more than a `Duration` holds: use at most {} seconds", u64::MAX)
}

/// Splits off a number and its unit.
fn split(text: &str) -> Option<(&str, &str, &str)> {
    let (number, rest) = text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()));
    let rest = rest.trim_start();
    let (unit, rest) = rest.split_at(rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len()));
    (!number.is_empty()).then_some((number, unit, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        let cases = [
            ("5m", Duration::from_secs(300)),
            ("1h30m", Duration::from_secs(5400)),
            ("1h 30m", Duration::from_secs(5400)),
            (" 2 d ", Duration::from_secs(172_800)),
            ("250ms", Duration::from_millis(250)),
            ("1s1ns", Duration::new(1, 1)),
            ("7us", Duration::from_micros(7)),
            ("18446744073709551615s", Duration::from_secs(u64::MAX)),
            ("18446744073709551615s999999999ns", Duration::MAX),
        ];
        for (text, duration) in cases {
            assert_eq!(parse(text), Ok(duration), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_a_remedy() {
        let cases = [
            ("", "is empty"),
            ("  ", "is empty"),
            ("0s", "cache nothing"),
            ("0h0m", "cache nothing"),
            ("-5m", "negative"),
            ("300", "write `300s` for seconds"),
            ("1h30", "`30` has no unit"),
            ("1.5h", "use a smaller unit"),
            ("5min", "use d, h, m, s, ms, us or ns"),
            ("5M", "`M` is not a unit"),
            ("five minutes", "is not a duration"),
            ("30m1h", "the longest first"),
            ("1m1m", "name each unit once"),
            ("5m,", "is not a duration"),
            ("18446744073709551616s", "more than a `Duration` holds"),
            ("99999999999999999999999999999999999999999999s", "more than a `Duration` holds"),
            ("340282366920938463463374607431768211455d", "more than a `Duration` holds"),
        ];
        for (text, remedy) in cases {
            let error = parse(text).expect_err(text);
            assert!(error.contains(remedy), "{text}: {error}");
        }
    }
}
