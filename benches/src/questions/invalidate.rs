//! What it costs to forget.

use indicatif::ProgressBar;

use crate::figure::{Answer, Effort};

/// Nothing yet.
pub fn ask(_: Effort, _: &ProgressBar) -> Answer {
    Answer::default()
}
