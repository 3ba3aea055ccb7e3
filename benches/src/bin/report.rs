//! Runs the benchmarks and writes the report.
#![forbid(unsafe_code)]

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use cache_benches::benchmarks::{BENCHMARKS, Benchmark};
use cache_benches::progress;
use cache_benches::report::grid::Grid;
use cache_benches::report::{Section, draw_plots, write};
use cache_benches::results::Effort;
use clap::Parser;
use clap::builder::PossibleValuesParser;

/// Compares the cache with its peers, and writes REPORT.md with its plots.
#[derive(Parser)]
struct Options {
    /// Run fewer rounds: about 4 minutes instead of 20, with less exact figures.
    #[arg(long)]
    quick: bool,
    /// Run only these benchmarks, separated by commas.
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(BENCHMARKS.iter().map(|benchmark| benchmark.name)))]
    only: Vec<String>,
    /// Measure nothing: draw the plots again, from the tables of REPORT.md.
    #[arg(long, conflicts_with_all = ["quick", "only"])]
    plots: bool,
    /// The folder of REPORT.md [default: `benches`, whose report is committed; `target/report` with --quick or --only]
    #[arg(long)]
    out: Option<PathBuf>,
}

impl Options {
    fn folder(&self) -> PathBuf {
        let benches = Path::new(env!("CARGO_MANIFEST_DIR"));
        match &self.out {
            Some(folder) => folder.clone(),
            None if self.quick || !self.only.is_empty() => benches.join("../target/report"),
            None => benches.to_owned(),
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let folder = options.folder();
    let written = if options.plots { draw_plots(&folder) } else { measure(&options, &folder) };
    match written {
        Ok(()) => {
            println!("Written to {}.", folder.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("The report could not be written to {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options, folder: &Path) -> io::Result<()> {
    let effort = if options.quick { Effort::Quick } else { Effort::Full };
    let benchmarks: Vec<&Benchmark> = BENCHMARKS
        .iter()
        .filter(|benchmark| options.only.is_empty() || options.only.iter().any(|name| name == benchmark.name))
        .collect();
    let sections = run(&benchmarks, effort);
    for table in sections.iter().flat_map(|section| &section.results.tables) {
        println!("{}\n{}", table.title, Grid::of_table(table).terminal());
        for note in &table.notes {
            println!("{note}\n");
        }
    }
    let goals: Vec<_> = sections.iter().flat_map(|section| section.results.goals.clone()).collect();
    println!("{}", Grid::of_goals(&goals).terminal());
    write(folder, &sections, effort)
}

fn run(benchmarks: &[&Benchmark], effort: Effort) -> Vec<Section> {
    let section = |(number, benchmark): (usize, &&Benchmark)| {
        let bar = progress::bar(&format!("[{}/{}] {}", number + 1, benchmarks.len(), benchmark.name));
        let start = Instant::now();
        let results = (benchmark.run)(effort, &bar);
        bar.finish_and_clear();
        Section { name: benchmark.name, results, took: start.elapsed() }
    };
    benchmarks.iter().enumerate().map(section).collect()
}
