//! The times that options take: seconds, texts such as `"5m"`, `"1h30m"`, `"250ms"`, or expressions.

use std::time::Duration;

use quote::ToTokens;
use syn::{Error, Expr, ExprLit, ExprUnary, Lit, UnOp};

use crate::parse::tokens;
use crate::parse::tokens::ungrouped;

/// An option that takes a time, and the words for it.
pub(crate) struct TimeOption {
    name: &'static str,
    noun: &'static str,
    /// What follows from a time of 0, and what to do instead.
    zero: &'static str,
    /// In seconds, as a text, and as a constant.
    examples: [&'static str; 3],
}

pub(crate) const TTL: TimeOption = TimeOption {
    name: "ttl",
    noun: "time to live",
    zero: "would cache nothing: remove the attribute, or use a positive time",
    examples: ["300", "5m", "TTL"],
};

pub(crate) const STALE_IF_ERROR: TimeOption = TimeOption {
    name: "stale_if_error",
    noun: "time after expiry",
    zero: "would serve no expired value: remove `stale_if_error`, or use a positive time",
    examples: ["3600", "1h", "LONGEST_OUTAGE"],
};

pub(crate) const RETRY_AFTER: TimeOption = TimeOption {
    name: "retry_after",
    noun: "pause",
    zero: "would load again at each call: use a positive time, or remove `retry_after` for one second",
    examples: ["5", "500ms", "PAUSE"],
};

pub(crate) const REFRESH_AHEAD: TimeOption = TimeOption {
    name: "refresh_ahead",
    noun: "time before expiry",
    zero: "would load nothing ahead: remove `refresh_ahead`, or use a positive time",
    examples: ["60", "1m", "AHEAD"],
};

pub(crate) const STALE_WHILE_REVALIDATE: TimeOption = TimeOption {
    name: "stale_while_revalidate",
    noun: "time after expiry",
    zero: "would serve no expired value: remove `stale_while_revalidate`, or use a positive time",
    examples: ["30", "30s", "GRACE"],
};

pub(crate) const SOFT_TIMEOUT: TimeOption = TimeOption {
    name: "soft_timeout",
    noun: "timeout",
    zero: "would wait for no load: remove `soft_timeout`, or use a positive time",
    examples: ["1", "200ms", "PATIENCE"],
};

impl TimeOption {
    /// Refuses a time that is certainly wrong.
    pub(crate) fn check(&self, given: &Expr) -> syn::Result<()> {
        let Self { name, noun, examples: [seconds_example, text_example, constant], .. } = self;
        match ungrouped(given) {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                parse(&text.value(), self).map(drop).map_err(|message| Error::new(text.span(), message))
            }
            Expr::Lit(ExprLit { lit: Lit::Int(seconds), .. }) => match seconds.base10_parse::<u64>() {
                Ok(0) => Err(Error::new(seconds.span(), self.zero())),
                Ok(_) if seconds.suffix().is_empty() => Ok(()),
                Ok(_) => Err(Error::new(
                    seconds.span(),
                    format!("write the seconds without a type, as in `{name} = {seconds_example}`"),
                )),
                Err(_) => Err(Error::new(seconds.span(), "this is longer than a `Duration`")),
            },
            Expr::Lit(ExprLit { lit, .. }) => Err(Error::new(
                lit.span(),
                format!(
                    "write a {noun} like `{name} = {seconds_example}` (seconds), `{name} = \"{text_example}\"` or `{name} = {constant}` (a `Duration`)"
                ),
            )),
            Expr::Unary(ExprUnary { op: UnOp::Neg(minus), .. }) => Err(Error::new(minus.span, self.negative())),
            given if is_arithmetic(given) => {
                let text = tokens::of_expression(given.to_token_stream());
                let message = format!(
                    "a number of seconds is a single literal, as in `{name} = {seconds_example}`, and any other expression is a `Duration`: write `Duration::from_secs({text})`"
                );
                Err(Error::new_spanned(given, message))
            }
            _ => Ok(()),
        }
    }

    fn zero(&self) -> String {
        format!("a {} of 0 {}", self.noun, self.zero)
    }

    fn negative(&self) -> String {
        format!("a {} cannot be negative", self.noun)
    }
}

/// The duration that a right literal stands for, of any option.
pub(crate) fn of_literal(given: &Expr) -> Option<Duration> {
    match ungrouped(given) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => parse(&text.value(), &TTL).ok(),
        Expr::Lit(ExprLit { lit: Lit::Int(seconds), .. }) => seconds.base10_parse().ok().map(Duration::from_secs),
        _ => None,
    }
}

/// Whether it has several literals, and nothing but numbers.
fn is_arithmetic(expression: &Expr) -> bool {
    fn is_number(expression: &Expr) -> bool {
        matches!(ungrouped(expression), Expr::Lit(ExprLit { lit: Lit::Int(_) | Lit::Float(_), .. }))
            || is_arithmetic(expression)
    }
    match ungrouped(expression) {
        Expr::Binary(binary) => is_number(&binary.left) && is_number(&binary.right),
        Expr::Paren(paren) => is_number(&paren.expr),
        Expr::Cast(cast) => is_number(&cast.expr),
        _ => false,
    }
}

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
fn parse(text: &str, option: &TimeOption) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(format!("the {} is empty: {EXAMPLES}", option.noun));
    }
    if rest.starts_with('-') {
        return Err(option.negative());
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
        return Err(option.zero());
    }
    let seconds = u64::try_from(nanos / 1_000_000_000).map_err(|_| too_long(text))?;
    let rest = u32::try_from(nanos % 1_000_000_000).expect("less than a second");
    Ok(Duration::new(seconds, rest))
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
            assert_eq!(parse(text, &TTL), Ok(duration), "{text}");
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
            let error = parse(text, &TTL).expect_err(text);
            assert!(error.contains(remedy), "{text}: {error}");
        }
    }
}
