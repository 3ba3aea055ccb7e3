//! What happens in a walk, for people. Written only when a walk is shown.

use std::fmt;

use crate::protocol::Time;

#[derive(Default, Debug)]
pub(crate) struct Trace {
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn on() -> Self {
        Self { lines: Some(Vec::new()) }
    }

    pub(crate) fn begin(&mut self, now: Time, step: &dyn fmt::Debug) {
        self.push(|| format!("{now:>4}  {step:?}"));
    }

    pub(crate) fn begin_settling(&mut self) {
        self.push(|| "      all is healed".into());
    }

    pub(crate) fn note(&mut self, note: impl FnOnce() -> String) {
        self.push(|| format!("          {}", note()));
    }

    fn push(&mut self, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(line());
        }
    }

    pub(crate) fn into_text(self) -> String {
        self.lines.unwrap_or_default().join("\n")
    }
}
