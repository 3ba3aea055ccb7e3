//! Shares such as `"10%"`, `"2.5%"`.

use syn::{Error, Expr, ExprLit, Lit};

use crate::parse::tokens::ungrouped;

const EXAMPLES: &str = "write it like \"10%\" or \"2.5%\"";

/// Reads a share of more than 0 and less than 100 %, as parts per million.
pub(crate) fn parse(given: &Expr) -> syn::Result<u32> {
    let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = ungrouped(given) else {
        return Err(Error::new_spanned(given, format!("a jitter is a share of the time to live: {EXAMPLES}")));
    };
    of_text(&text.value()).map_err(|message| Error::new(text.span(), message))
}

/// The error says what to write instead.
fn of_text(text: &str) -> Result<u32, String> {
    let Some(number) = text.trim().strip_suffix('%').map(str::trim_end) else {
        return Err(format!("`{text}` has no percent sign: {EXAMPLES}"));
    };
    if number.starts_with('-') {
        return Err("a jitter cannot be negative".to_owned());
    }
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return Err(format!("`{text}` is not a share: {EXAMPLES}"));
    }
    if fraction.len() > 4 {
        return Err(format!("`{text}` is too exact: use at most four digits after the point"));
    }
    // One percent is 10,000 parts per million. A number that is too large for the type is also too large here.
    match format!("{whole}{fraction:0<4}").parse() {
        Ok(0) => Err("a jitter of 0% changes nothing: remove `jitter`, or use a share like \"10%\"".to_owned()),
        Ok(parts @ ..1_000_000) => Ok(parts),
        _ => Err(format!("a jitter of {number}% could leave no time to live: use less than 100%")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read() {
        let cases = [
            ("10%", 100_000),
            ("2.5%", 25_000),
            (" 1 % ", 10_000),
            ("0.0001%", 1),
            ("99.9999%", 999_999),
            ("007.50%", 75_000),
        ];
        for (text, parts) in cases {
            assert_eq!(of_text(text), Ok(parts), "{text}");
        }
    }

    #[test]
    fn what_is_no_share_is_refused_with_a_remedy() {
        let cases = [
            ("0%", "remove `jitter`"),
            ("0.0%", "remove `jitter`"),
            ("100%", "use less than 100%"),
            ("100.0001%", "use less than 100%"),
            ("99999999999999999999%", "use less than 100%"),
            ("-5%", "cannot be negative"),
            ("10", "has no percent sign"),
            ("", "has no percent sign"),
            ("%", "is not a share"),
            (".5%", "is not a share"),
            ("5.%", "is not a share"),
            ("1.2.3%", "is not a share"),
            ("ten%", "is not a share"),
            ("+5%", "is not a share"),
            ("0.00001%", "at most four digits"),
        ];
        for (text, remedy) in cases {
            let error = of_text(text).expect_err(text);
            assert!(error.contains(remedy), "{text}: {error}");
        }
    }
}
