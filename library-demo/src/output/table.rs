//! Tables in plain text.

use std::{
    io::{self, Write},
    time::Duration,
};

/// Prints a title, the headings and the rows in columns, followed by an empty line, and sees to it
/// that they can be read at once: the next table may take its time.
///
/// The first `labels` cells of a row say what it is about, and are set to the left; the figures
/// after them to the right.
pub(crate) fn print_table<const COLUMNS: usize>(
    out: &mut impl Write,
    title: &str,
    labels: usize,
    headings: [&str; COLUMNS],
    rows: &[[String; COLUMNS]],
) -> io::Result<()> {
    let headings = headings.map(str::to_owned);
    let mut widths = [0; COLUMNS];
    for row in [&headings].into_iter().chain(rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    writeln!(out, "{title}\n")?;
    for row in [&headings].into_iter().chain(rows) {
        for (column, (width, cell)) in widths.iter().zip(row).enumerate() {
            if column < labels {
                write!(out, "  {cell:<width$}")?;
            } else {
                write!(out, "  {cell:>width$}")?;
            }
        }
        writeln!(out)?;
    }
    writeln!(out)?;
    out.flush()
}

/// A part of a whole, such as `98.9 %`.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    // In whole numbers, rounded to the nearest tenth.
    let tenths = (part * 2000 + whole) / (whole * 2).max(1);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// A time, such as `1.250 s`.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::{percent, print_table};

    #[test]
    fn columns_line_up() {
        let mut out = Vec::new();
        let rows = [["é".to_owned(), "1234".to_owned()], ["long".to_owned(), "5".to_owned()]];
        print_table(&mut out, "Title", 1, ["a", "b"], &rows).unwrap();
        let expected = "Title\n\n  a        b\n  é     1234\n  long     5\n\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn percentages_are_rounded_to_the_nearest_tenth() {
        assert_eq!(percent(89, 90), "98.9 %");
        assert_eq!(percent(1, 2000), "0.1 %");
        assert_eq!(percent(40, 40), "100.0 %");
        assert_eq!(percent(0, 0), "0.0 %");
    }
}
