//! Bar charts: a group of bars for each contender, a bar for each case.

use plotters::coord::combinators::{IntoLogRange, LogCoord};
use plotters::coord::ranged1d::Ranged;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::chart::Chart;
use super::grid::number;
use crate::results::PERCENT;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const WIDTH: i32 = 960;
const MARGIN: i32 = 16;
const BAR: i32 = 11;
const GAP: i32 = 9;
const LINE: i32 = 20;
const LARGE: i32 = 20;
const MEDIUM: i32 = 14;
const SMALL: i32 = 11;

/// Okabe and Ito's palette, which colour-blind readers can tell apart; grey replaces its yellow, pale on white.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(213, 94, 0),
    RGBColor(127, 127, 127),
    RGBColor(0, 0, 0),
];

/// From this series on a white stripe runs along the bars, so that colour is not the only difference.
const STRIPED: usize = 4;

const GRID: RGBColor = RGBColor(221, 221, 221);

/// With a larger ratio between the figures a linear scale hides the short bars.
const LINEAR_UP_TO: f64 = 30.0;

/// Draws a chart as SVG, on white: the page around it may be dark.
///
/// # Errors
///
/// If there are more cases than colours, or the drawing fails.
pub(super) fn svg(chart: &Chart) -> Result<String, Failure> {
    if chart.cases.len() > COLOURS.len() {
        return Err(format!("{:?}: {} cases, {} colours", chart.title, chart.cases.len(), COLOURS.len()).into());
    }
    let mut svg = String::new();
    draw(&mut svg, chart)?;
    Ok(svg)
}

fn draw(svg: &mut String, chart: &Chart) -> Result<(), Failure> {
    let legend = legend(&chart.cases);
    let top = legend.last().map_or(3 * LINE, |(_, y)| y + 3 * LINE / 2);
    let group = i32::try_from(chart.cases.len())? * BAR;
    let bottom = top + (group + GAP) * i32::try_from(chart.rows.len())?;
    let left = 2 * MARGIN + chart.rows.iter().map(|row| width(&row.contender, MEDIUM)).max().unwrap_or(0);
    let figures = || chart.rows.iter().flat_map(|row| row.figures.iter().flatten());
    // The number of a bar is to its right.
    let right = WIDTH - MARGIN - figures().map(|figure| width(&figure.text, SMALL)).max().unwrap_or(0);
    let scale = Scale::of(&chart.unit, figures().map(|figure| figure.value));

    let size = (u32::try_from(WIDTH)?, u32::try_from(bottom + 2 * LINE)?);
    let area = SVGBackend::with_string(svg, size).into_drawing_area();
    area.fill(&WHITE)?;
    area.draw(&text(&chart.title, (MARGIN, LINE), LARGE, HPos::Left))?;
    let subtitle = format!("{}{}", chart.unit, scale.remark());
    area.draw(&text(&subtitle, (MARGIN, 2 * LINE), MEDIUM, HPos::Left))?;
    for (series, (case, &(x, y))) in chart.cases.iter().zip(&legend).enumerate() {
        draw_bar(&area, series, (x, y - BAR / 2), x + SWATCH)?;
        area.draw(&text(case, (x + SWATCH + 6, y), MEDIUM, HPos::Left))?;
    }

    for tick in scale.ticks() {
        let x = scale.position(tick, (left, right));
        area.draw(&PathElement::new([(x, top - GAP / 2), (x, bottom)], GRID))?;
        area.draw(&text(&tick_label(tick), (x, bottom + LINE / 2), SMALL, HPos::Center))?;
    }
    let mut y = top;
    for row in &chart.rows {
        area.draw(&text(&row.contender, (left - MARGIN / 2, y + group / 2), MEDIUM, HPos::Right))?;
        for (series, figure) in row.figures.iter().enumerate() {
            if let Some(figure) = figure {
                let end = scale.position(figure.value, (left, right));
                draw_bar(&area, series, (left, y), end)?;
                area.draw(&text(&figure.text, (end + 4, y + BAR / 2), SMALL, HPos::Left))?;
            }
            y += BAR;
        }
        y += GAP;
    }
    area.present()?;
    Ok(())
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw_bar(area: &Area<'_>, series: usize, (left, top): (i32, i32), right: i32) -> Result<(), Failure> {
    area.draw(&Rectangle::new([(left, top), (right, top + BAR - 1)], COLOURS[series].filled()))?;
    if series >= STRIPED {
        let middle = top + BAR / 2;
        area.draw(&Rectangle::new([(left, middle - 1), (right, middle + 1)], WHITE.filled()))?;
    }
    Ok(())
}

fn text(text: &str, at: (i32, i32), size: i32, horizontal: HPos) -> Text<'static, (i32, i32), String> {
    let style = ("sans-serif", size).into_font().color(&BLACK).pos(Pos::new(horizontal, VPos::Center));
    Text::new(text.to_owned(), at, style)
}

/// An upper estimate, because the reader's font is unknown. That of plotters is too small for `DejaVu Sans`.
fn width(text: &str, size: i32) -> i32 {
    i32::try_from(text.chars().count()).map_or(i32::MAX, |characters| characters * size * 55 / 100)
}

/// The width of a colour in the legend.
const SWATCH: i32 = 18;

/// Where each case stands, in as many lines as it takes.
fn legend(cases: &[String]) -> Vec<(i32, i32)> {
    let (mut x, mut y) = (MARGIN, 3 * LINE + LINE / 2);
    let place = |case: &String| {
        let width = SWATCH + 6 + width(case, MEDIUM);
        if x > MARGIN && x + width > WIDTH - MARGIN {
            (x, y) = (MARGIN, y + LINE);
        }
        let place = (x, y);
        x += width + MARGIN;
        place
    };
    cases.iter().map(place).collect()
}

enum Scale {
    Linear(RangedCoordf64),
    Logarithmic(LogCoord<f64>),
}

impl Scale {
    /// A share is shown from 0 to 100%, whatever its figures are.
    fn of(unit: &str, figures: impl Iterator<Item = f64> + Clone) -> Self {
        let greatest = figures.clone().fold(0.0, f64::max);
        let least = figures.fold(f64::INFINITY, f64::min);
        if unit == PERCENT {
            Self::Linear((0.0..100.0).into())
        } else if least > 0.0 && greatest / least > LINEAR_UP_TO {
            // The shortest bar is visible.
            let from = 10_f64.powf((least / 1.5).log10().floor());
            Self::Logarithmic((from..greatest).log_scale().into())
        } else {
            Self::Linear((0.0..if greatest > 0.0 { greatest } else { 1.0 }).into())
        }
    }

    fn remark(&self) -> &'static str {
        match self {
            Self::Linear(_) => "",
            Self::Logarithmic(_) => ", logarithmic scale",
        }
    }

    fn position(&self, value: f64, limits: (i32, i32)) -> i32 {
        match self {
            // A difference may be negative: it has a number, and no bar.
            Self::Linear(axis) => axis.map(&value.max(0.0), limits),
            Self::Logarithmic(axis) => axis.map(&value, limits),
        }
    }

    fn ticks(&self) -> Vec<f64> {
        match self {
            Self::Linear(axis) => axis.key_points(6),
            Self::Logarithmic(axis) => axis.key_points(8),
        }
    }
}

fn tick_label(tick: f64) -> String {
    let label = number(tick);
    if label.contains('.') { label.trim_end_matches('0').trim_end_matches('.').to_owned() } else { label }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::chart::{Row, Shown, read};
    use super::*;

    fn chart(unit: &str, cases: &[&str], values: &[f64]) -> Chart {
        let figures = values.iter().map(|&value| Some(Shown { value, text: number(value) })).collect();
        Chart {
            title: "A title".into(),
            unit: unit.into(),
            cases: cases.iter().map(ToString::to_string).collect(),
            rows: vec![Row { contender: "one".into(), figures }],
        }
    }

    /// The charts of the committed report.
    fn committed() -> Vec<(String, Chart)> {
        read(include_str!("../../REPORT.md")).unwrap()
    }

    /// The value of an attribute.
    fn attribute<'a>(element: &'a str, name: &str) -> &'a str {
        let (_, rest) = element.split_once(&format!(" {name}=\"")).unwrap_or_else(|| panic!("{name}: {element}"));
        rest.split('"').next().unwrap()
    }

    /// Every text that sticks out of the picture. Characters count as 0.65 em: more than the average of
    /// `DejaVu Sans`, the widest of the usual fonts.
    fn cut_off(svg: &str) -> Vec<&str> {
        let texts = svg.split("<text").skip(1).filter(|element| {
            let number = |name| attribute(element, name).parse::<f64>().unwrap();
            let content = element.split_once(">\n").unwrap().1.split("\n</text>").next().unwrap();
            let content = content.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
            let width = 0.65 * number("font-size") * f64::from(u32::try_from(content.chars().count()).unwrap());
            let left = match attribute(element, "text-anchor") {
                "start" => number("x"),
                "middle" => number("x") - width / 2.0,
                _ => number("x") - width,
            };
            left < 0.0 || left + width > f64::from(WIDTH)
        });
        texts.collect()
    }

    #[test]
    fn no_colour_is_used_twice() {
        let colours: HashSet<_> = COLOURS.iter().map(|&RGBColor(red, green, blue)| (red, green, blue)).collect();
        assert_eq!(colours.len(), COLOURS.len());
        for (file, chart) in committed() {
            assert!(chart.cases.len() <= COLOURS.len(), "{file}");
        }
        let nine = chart("ns", &["a"; 9], &[1.0; 9]);
        assert!(svg(&nine).unwrap_err().to_string().contains("9 cases, 8 colours"));
    }

    #[test]
    fn the_legend_has_a_colour_for_each_case() {
        let cases = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let svg = svg(&chart("ns", &cases, &[1.0; 8])).unwrap();
        for RGBColor(red, green, blue) in COLOURS {
            let fill = format!("fill=\"#{red:02X}{green:02X}{blue:02X}\" stroke=\"none\"");
            let rectangles = svg.lines().filter(|line| line.starts_with("<rect") && line.contains(&fill)).count();
            assert_eq!(rectangles, 2, "in the legend, and as a bar: {fill}");
        }
    }

    #[test]
    fn every_text_is_inside_the_picture() {
        let long = "a case whose name is as long as this one here";
        let mut many = chart("ns", &[long; 8], &[1_234_567.0; 8]);
        many.rows[0].contender = "moka, invalidate_entries_if, until its maintenance is done".into();
        let artificial = ("eight long names".to_owned(), many);
        for (file, chart) in committed().into_iter().chain([artificial]) {
            let svg = svg(&chart).unwrap();
            assert_eq!(cut_off(&svg), Vec::<&str>::new(), "{file}");
        }
    }

    #[test]
    fn a_share_is_linear_from_0_to_100() {
        let scale = Scale::of(PERCENT, [0.97, 84.5].into_iter());
        assert_eq!([0.0, 25.0, 50.0, 100.0].map(|share| scale.position(share, (0, 400))), [0, 100, 200, 400]);
        let shares = committed().into_iter().filter(|(file, _)| file.starts_with("hit_ratio"));
        assert_eq!(shares.filter(|(_, chart)| chart.unit == PERCENT).count(), 2);
    }

    #[test]
    fn a_wide_range_is_logarithmic_unless_it_includes_zero() {
        let scale = Scale::of("ns", [20.0, 20_000.0].into_iter());
        let [from, middle, to] = [10.0, 200_000_f64.sqrt(), 20_000.0].map(|value| scale.position(value, (0, 400)));
        assert!(from == 0 && to == 400 && (199..=201).contains(&middle), "{from} {middle} {to}");
        assert!(matches!(Scale::of("ns", [20.0, 200.0].into_iter()), Scale::Linear(_)));
        assert!(matches!(Scale::of("ns", [0.0, 20_000.0].into_iter()), Scale::Linear(_)));
        assert_eq!(Scale::of("ns", [0.0, 0.0].into_iter()).position(0.0, (0, 400)), 0);
    }

    #[test]
    fn a_table_without_figures_and_a_negative_figure_are_drawn() {
        let mut empty = chart("seconds", &[], &[]);
        empty.rows.clear();
        assert!(svg(&empty).unwrap().contains("seconds"));
        assert!(svg(&chart("seconds", &["a", "b"], &[-0.5, 1.0])).unwrap().contains("-0.50"));
        assert_eq!(Scale::of("seconds", [-0.5, 1.0].into_iter()).position(-0.5, (9, 99)), 9);
    }

    #[test]
    fn the_committed_plots_are_those_of_the_committed_report() {
        let plots = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("plots");
        for (file, chart) in committed() {
            let drawn = std::fs::read_to_string(plots.join(&file)).unwrap();
            assert!(drawn == svg(&chart).unwrap(), "{file} is out of date: run `report --plots`");
        }
    }
}
