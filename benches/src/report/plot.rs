//! Bars, for people: contenders down, one bar for each case.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::markdown::{in_order, number};
use crate::results::Table;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const WIDTH: i32 = 960;
/// Where the bars begin: the names of the contenders are before it.
const LEFT: i32 = 330;
/// Where the longest bar ends: its number is after it.
const RIGHT: i32 = WIDTH - 90;
const TOP: i32 = 70;
const BAR: i32 = 11;
const GAP: i32 = 9;

/// Told apart also by people who see few colours, and on white as well as in print.
const COLOURS: [RGBColor; 5] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
];

/// If the longest bar were so many times the shortest, the short ones could not be compared: then it is a logarithmic
/// scale.
const TOO_LONG: f64 = 30.0;

/// Draws a table into an SVG file, on white: it is to be read on dark pages too.
///
/// # Errors
///
/// If it cannot be written.
pub fn draw(path: &Path, table: &Table) -> Result<(), Failure> {
    let contenders = in_order(table.figures.iter().map(|figure| figure.contender.as_str()));
    let cases = in_order(table.figures.iter().map(|figure| figure.case.as_str()));
    let bars = i32::try_from(cases.len())?;
    let group = bars * BAR + GAP;
    let height = TOP + group * i32::try_from(contenders.len())? + 12;
    let size = (u32::try_from(WIDTH)?, u32::try_from(height)?);
    let area = SVGBackend::new(path, size).into_drawing_area();
    area.fill(&WHITE)?;

    let scale = Scale::of(table);
    let title =
        format!("{} ({}{})", table.title, table.unit, if scale.logarithmic { ", logarithmic scale" } else { "" });
    area.draw(&Text::new(title, (16, 14), ("sans-serif", 20).into_font().color(&BLACK)))?;
    let mut x = 16;
    for (case, colour) in cases.iter().zip(COLOURS.iter().cycle()) {
        area.draw(&Rectangle::new([(x, 46), (x + 12, 58)], colour.filled()))?;
        area.draw(&Text::new((*case).to_owned(), (x + 18, 46), ("sans-serif", 14).into_font().color(&BLACK)))?;
        x += 44 + 8 * i32::try_from(case.len())?;
    }

    let name_style = ("sans-serif", 14).into_font().color(&BLACK).pos(Pos::new(HPos::Right, VPos::Center));
    let number_style = ("sans-serif", 11).into_font().color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
    for (row, contender) in (0_i32..).zip(&contenders) {
        let y = TOP + row * group;
        area.draw(&Text::new((*contender).to_owned(), (LEFT - 8, y + bars * BAR / 2), name_style.clone()))?;
        for ((bar, case), colour) in (0_i32..).zip(&cases).zip(COLOURS.iter().cycle()) {
            let Some(figure) = table.figure(contender, case) else { continue };
            let (y, end) = (y + bar * BAR, scale.end(figure.median()));
            area.draw(&Rectangle::new([(LEFT, y), (end, y + BAR - 1)], colour.filled()))?;
            area.draw(&Text::new(number(figure.median()), (end + 4, y + BAR / 2), number_style.clone()))?;
        }
    }
    area.present()?;
    Ok(())
}

/// How long bars are.
struct Scale {
    from: f64,
    to: f64,
    logarithmic: bool,
}

impl Scale {
    fn of(table: &Table) -> Self {
        let medians = || table.figures.iter().map(crate::results::Figure::median);
        let to = medians().fold(0.0, f64::max);
        let least = medians().filter(|&median| median > 0.0).fold(f64::INFINITY, f64::min);
        let logarithmic = to / least > TOO_LONG;
        // The shortest bar is still to be seen.
        Self { from: if logarithmic { least / 2.0 } else { 0.0 }, to, logarithmic }
    }

    #[expect(clippy::cast_possible_truncation, reason = "within the picture")]
    fn end(&self, value: f64) -> i32 {
        let part =
            if self.logarithmic { (value / self.from).ln() / (self.to / self.from).ln() } else { value / self.to };
        // Without a finite part, as where all are 0, there is no bar.
        LEFT + (part.clamp(0.0, 1.0) * f64::from(RIGHT - LEFT)) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_end_within_the_picture() {
        for scale in [
            Scale { from: 0.0, to: 80.0, logarithmic: false },
            Scale { from: 0.5, to: 50_000.0, logarithmic: true },
            Scale { from: 0.0, to: 0.0, logarithmic: false },
        ] {
            assert_eq!(scale.end(scale.from).clamp(LEFT, RIGHT), scale.end(scale.from));
            assert!(scale.to == 0.0 || scale.end(scale.to) == RIGHT);
            assert_eq!(scale.end(0.0), LEFT);
        }
    }
}
