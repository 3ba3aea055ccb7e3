//! What happens in a walk, for people. Written only when a walk is shown.

use crate::step::Step;
use crate::words::Time;

#[derive(Default, Debug)]
pub(crate) struct Trace {
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn on() -> Self {
        Self { lines: Some(Vec::new()) }
    }

    pub(crate) fn begin(&mut self, now: Time, step: Step) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{now:>4}  {step:?}"));
        }
    }

    pub(crate) fn begin_settling(&mut self) {
        if let Some(lines) = &mut self.lines {
            lines.push("      all is healed".into());
        }
    }

    pub(crate) fn note(&mut self, note: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("          {}", note()));
        }
    }

    pub(crate) fn into_text(self) -> String {
        self.lines.unwrap_or_default().join("\n")
    }
}
