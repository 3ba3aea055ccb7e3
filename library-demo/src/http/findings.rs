//! The findings of the audit.

use std::time::Duration;

use cache_core::StaleFinding;
use serde::Serialize;

use super::{age::Age, recent::Recent};

/// How many are kept: the last.
const KEPT: usize = 20;
/// How many characters of an answer are kept, and how many of them are the same in both.
const EXCERPT: usize = 160;
const SAME: usize = 60;
/// How many of the mutations are kept: the last.
const MUTATIONS: usize = 10;

/// The last findings. Clones are of one list.
#[derive(Clone, Default)]
pub(super) struct Findings(Recent<Finding, KEPT>);

/// A wrong answer, without what makes it long.
#[derive(Clone, PartialEq, Serialize)]
pub(super) struct Finding {
    query: &'static str,
    arguments: String,
    /// The answers from a little before the first difference.
    cached: String,
    loaded: String,
    /// The functions one of which should have forgotten it; the last first.
    mutations: Vec<&'static str>,
    ago_ms: Age,
}

impl Findings {
    pub(super) fn record(&self, found: &StaleFinding) {
        let (cached, loaded) = difference(&found.cached, &found.loaded);
        let finding = Finding {
            query: found.query,
            arguments: found.arguments.clone(),
            cached,
            loaded,
            mutations: found.mutations.iter().rev().take(MUTATIONS).map(|mutation| mutation.function).collect(),
            ago_ms: Age::from(Duration::ZERO),
        };
        self.0.push(|_| finding);
    }

    /// The last first.
    pub(super) fn list(&self) -> Vec<Finding> {
        self.0.list(|finding, ago| Finding { ago_ms: ago.into(), ..finding.clone() })
    }
}

/// Excerpts of two texts, from a little before the first difference.
fn difference(left: &str, right: &str) -> (String, String) {
    let same = left.chars().zip(right.chars()).take_while(|(left, right)| left == right).count();
    let skipped = same.saturating_sub(SAME);
    let excerpt = |text: &str| {
        let mut rest = text.chars().skip(skipped);
        let excerpt: String = rest.by_ref().take(EXCERPT).collect();
        let (before, after) = (if skipped > 0 { "…" } else { "" }, if rest.next().is_some() { "…" } else { "" });
        format!("{before}{excerpt}{after}")
    };
    (excerpt(left), excerpt(right))
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn an_excerpt_begins_a_little_before_the_difference() {
        assert_eq!(difference("Some(1)", "None"), ("Some(1)".into(), "None".into()));
        let (same, rest) = ("ä".repeat(100), "z".repeat(200));
        let (left, right) = difference(&format!("{same}1{rest}"), &format!("{same}2"));
        assert_eq!(left, format!("…{}1{}…", "ä".repeat(60), "z".repeat(99)));
        assert_eq!(right, format!("…{}2", "ä".repeat(60)));
    }
}
