//! Measures everything, and writes the report.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use cache_benches::benchmarks::{QUESTIONS, Question};
use cache_benches::report::{Section, markdown, write};
use cache_benches::results::Effort;
use clap::Parser;
use clap::builder::PossibleValuesParser;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Measures the cache beside its peers, and writes REPORT.md with its plots.
#[derive(Parser)]
struct Options {
    /// With few rounds: less exactly, in a fifth of the time.
    #[arg(long)]
    quick: bool,
    /// Only these questions, with commas between them.
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(QUESTIONS.iter().map(|question| question.name)))]
    only: Vec<String>,
    /// The folder to write to. By default `benches`, whose report is committed, if everything was asked in full, and
    /// else `target/report`.
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
    let effort = if options.quick { Effort::Quick } else { Effort::Full };
    let asked: Vec<&Question> = QUESTIONS
        .iter()
        .filter(|question| options.only.is_empty() || options.only.iter().any(|name| name == question.name))
        .collect();
    let sections = ask(&asked, effort);
    for section in &sections {
        for table in &section.answer.tables {
            println!("{}\n\n{}", table.title, markdown::table(table));
            for note in &table.notes {
                println!("{note}\n");
            }
        }
    }
    let goals: Vec<_> = sections.iter().flat_map(|section| section.answer.goals.clone()).collect();
    println!("{}", markdown::goals(&goals));

    let folder = options.folder();
    match write(&folder, &sections, effort) {
        Ok(()) => {
            println!("Written to {}.", folder.join("REPORT.md").display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("The report could not be written to {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

fn ask(questions: &[&Question], effort: Effort) -> Vec<Section> {
    let bars = MultiProgress::new();
    let all = bars
        .add(ProgressBar::new(questions.len() as u64).with_style(style("{bar:40} {pos}/{len} questions, {elapsed}")));
    // Drawn between batches and by no thread of its own: both processors are needed.
    all.tick();
    let sections = questions
        .iter()
        .map(|question| {
            let style = style("{bar:40} {prefix}: {pos}/{len} {msg}");
            let bar = bars.add(ProgressBar::new(0).with_style(style).with_prefix(question.name));
            bar.tick();
            let start = Instant::now();
            let answer = (question.ask)(effort, &bar);
            bar.finish_and_clear();
            all.inc(1);
            Section { name: question.name, answer, took: start.elapsed() }
        })
        .collect();
    all.finish_and_clear();
    sections
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a template that is written above")
}
