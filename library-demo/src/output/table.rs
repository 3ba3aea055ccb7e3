//! Tables in plain text.

use std::{
    io::{self, Write},
    time::Duration,
};

use comfy_table::{CellAlignment, Table, presets::NOTHING};

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    heading: &'static str,
    alignment: CellAlignment,
}

/// A left-aligned column.
pub fn left(heading: &'static str) -> Column {
    Column { heading, alignment: CellAlignment::Left }
}

/// A right-aligned column.
pub fn right(heading: &'static str) -> Column {
    Column { heading, alignment: CellAlignment::Right }
}

/// A table without borders, and without headings if none has text.
pub fn table<const N: usize>(columns: [Column; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).add_rows(rows);
    let headings = columns.map(|column| column.heading);
    if headings.iter().any(|heading| !heading.is_empty()) {
        table.set_header(headings);
    }
    for (cells, column) in table.column_iter_mut().zip(columns) {
        cells.set_padding((2, 0)).set_cell_alignment(column.alignment);
    }
    table.trim_fmt()
}

/// Writes a title, a table and an empty line, and flushes before what takes long.
pub(crate) fn write_table<const N: usize>(
    out: &mut impl Write,
    title: &str,
    columns: [Column; N],
    rows: Vec<[String; N]>,
) -> io::Result<()> {
    writeln!(out, "{title}\n\n{}\n", table(columns, rows))?;
    out.flush()
}

/// A share, such as `98.9 %`.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    // Rounded to the nearest tenth.
    let tenths = (part * 2000 + whole) / (whole * 2).max(1);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// A duration, such as `1.250 s`.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

/// A duration in the unit that fits, such as `1.2µs` or `20.1ms`.
pub(crate) fn short(time: Duration) -> String {
    format!("{time:.1?}")
}

#[cfg(test)]
mod tests {
    use super::{left, percent, right, table};

    #[test]
    fn columns_are_aligned() {
        let rows = [["é", "1234"], ["long", "5"]].map(|row| row.map(str::to_owned));
        assert_eq!(table([left("a"), right("b")], rows.clone()), "  a        b\n  é     1234\n  long     5");
        assert_eq!(table([left(""), left("")], rows), "  é     1234\n  long  5");
    }

    #[test]
    fn percentages_are_rounded_to_the_nearest_tenth() {
        assert_eq!(percent(89, 90), "98.9 %");
        assert_eq!(percent(1, 2000), "0.1 %");
        assert_eq!(percent(40, 40), "100.0 %");
        assert_eq!(percent(0, 0), "0.0 %");
    }
}
