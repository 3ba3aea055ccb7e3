//! Measures everything, and writes the report.
#![forbid(unsafe_code)]

use cache_benches::figure::Effort;
use cache_benches::questions::QUESTIONS;
use cache_benches::report::markdown;
use clap::Parser;
use indicatif::ProgressBar;

/// Measures the cache and its peers.
#[derive(Parser)]
struct Options {
    /// Less exactly, in a fifth of the time.
    #[arg(long)]
    quick: bool,
    /// Only these questions.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

fn main() {
    let options = Options::parse();
    let effort = if options.quick { Effort::Quick } else { Effort::Full };
    for question in QUESTIONS
        .iter()
        .filter(|question| options.only.is_empty() || options.only.iter().any(|name| name == question.name))
    {
        let progress = ProgressBar::new(0);
        let answer = (question.ask)(effort, &progress);
        progress.finish_and_clear();
        for table in &answer.tables {
            println!("{}\n\n{}", table.title, markdown::table(table));
            for note in &table.notes {
                println!("{note}\n");
            }
        }
        println!("{}", markdown::goals(&answer.goals));
    }
}
