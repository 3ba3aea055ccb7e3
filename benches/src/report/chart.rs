//! The tables of a written report, read again from its page: a plot shows what its table shows.

use super::grid::{MISSING, SPREAD};

/// One table of the page.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chart {
    /// The heading above the table.
    pub title: String,
    /// The unit of all figures.
    pub unit: String,
    /// The columns.
    pub cases: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// The figures of one contender.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// What was measured.
    pub contender: String,
    /// One for each case; none where the contender cannot do the work.
    pub figures: Vec<Option<Shown>>,
}

/// A median, as the page shows it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shown {
    /// The number.
    pub value: f64,
    /// Its digits.
    pub text: String,
}

/// Every table of a page that has a plot, with the name of the plot's file.
///
/// # Errors
///
/// If a figure is not a number.
pub(super) fn read(page: &str) -> Result<Vec<(String, Chart)>, String> {
    let mut charts = Vec::new();
    let (mut title, mut rows) = ("", Vec::new());
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            (title, rows) = (heading, Vec::new());
        } else if let Some(cells) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) {
            rows.push(cells.split(" | ").collect::<Vec<_>>());
        } else if let Some((_, file)) = line.strip_suffix(')').and_then(|line| line.split_once("](plots/")) {
            charts.push((file.to_owned(), chart(title, &rows)?));
        }
    }
    Ok(charts)
}

fn chart(title: &str, rows: &[Vec<&str>]) -> Result<Chart, String> {
    // Below the header is the row of alignments.
    let [header, _, rows @ ..] = rows else { return Err(format!("no table under {title:?}")) };
    let [unit, cases @ ..] = header.as_slice() else { return Err(format!("no header under {title:?}")) };
    let rows = rows.iter().map(|cells| {
        let (contender, figures) = cells.split_first().ok_or("a row without cells")?;
        let figures = figures.iter().map(|cell| shown(cell)).collect::<Result<_, _>>()?;
        Ok::<_, String>(Row { contender: (*contender).to_owned(), figures })
    });
    Ok(Chart {
        title: title.to_owned(),
        unit: (*unit).to_owned(),
        cases: cases.iter().map(ToString::to_string).collect(),
        rows: rows.collect::<Result<_, _>>()?,
    })
}

fn shown(cell: &str) -> Result<Option<Shown>, String> {
    if cell == MISSING {
        return Ok(None);
    }
    let text = cell.split(SPREAD).next().unwrap_or(cell);
    let value = text.replace(',', "").parse().map_err(|error| format!("{cell:?}: {error}"))?;
    Ok(Some(Shown { value, text: text.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_gives_the_tables_that_have_plots() {
        let page = "## Goals\n\n| goal | bound |\n| --- | ---: |\n| easy | ≤ 1 x |\n\n\
                    ## Hit\n\n| ns | u64 | &str |\n| --- | ---: | ---: |\n| one | 1,234 ± 5% | - |\n\nA note.\n\n\
                    ![Hit](plots/hit.svg)\n";
        let figure = Shown { value: 1_234.0, text: "1,234".into() };
        let chart = Chart {
            title: "Hit".into(),
            unit: "ns".into(),
            cases: vec!["u64".into(), "&str".into()],
            rows: vec![Row { contender: "one".into(), figures: vec![Some(figure), None] }],
        };
        assert_eq!(read(page), Ok(vec![("hit.svg".to_owned(), chart)]));
    }

    #[test]
    fn a_figure_that_is_no_number_is_an_error() {
        let page = "## Hit\n\n| ns | u64 |\n| --- | ---: |\n| one | fast |\n\n![Hit](plots/hit.svg)\n";
        assert!(read(page).unwrap_err().contains("\"fast\""));
    }
}
