//! Progress on stderr: a bar on a terminal, plain lines elsewhere.

use std::fmt::Debug;
use std::io::{self, IsTerminal as _, Write, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use parking_lot::Mutex;

/// Between two plain lines of one step.
const INTERVAL: Duration = Duration::from_secs(3);

/// A bar with a name and no length yet. It is drawn at once.
pub fn bar(name: &str) -> ProgressBar {
    let on_terminal = stderr().is_terminal();
    let target = if on_terminal { ProgressDrawTarget::stderr() } else { plain(stderr(), INTERVAL) };
    let template = if on_terminal {
        "{bar:40} {prefix}: {pos}/{len} {msg} {elapsed}"
    } else {
        "{prefix}: {pos}/{len} {msg} {elapsed}"
    };
    styled(ProgressBar::with_draw_target(Some(0), target), template, name)
}

fn styled(bar: ProgressBar, template: &str, name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).expect("a constant template");
    let bar = bar.with_style(style).with_prefix(name.to_owned());
    bar.tick();
    bar
}

/// Runs a step of a benchmark, and redraws the bar every second. A thread draws it: the step times nothing in this process.
pub fn untimed<T>(bar: &ProgressBar, step: &'static str, work: impl FnOnce() -> T) -> T {
    bar.set_message(step);
    bar.enable_steady_tick(Duration::from_secs(1));
    let result = work();
    bar.disable_steady_tick();
    bar.set_message("");
    result
}

fn plain(out: impl Write + Debug + Send + 'static, interval: Duration) -> ProgressDrawTarget {
    let state = State { out, draft: String::new(), last: None };
    ProgressDrawTarget::term_like(Box::new(PlainLines { interval, state: Mutex::new(state) }))
}

/// Writes what indicatif draws as lines: the first of each step at once, more of the same step at intervals.
#[derive(Debug)]
struct PlainLines<W> {
    interval: Duration,
    state: Mutex<State<W>>,
}

#[derive(Debug)]
struct State<W> {
    out: W,
    draft: String,
    /// When the last line was written, and its step.
    last: Option<(Instant, String)>,
}

impl<W: Write + Debug + Send> TermLike for PlainLines<W> {
    fn width(&self) -> u16 {
        120
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.state.lock().draft.push_str(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        let draft = std::mem::take(&mut state.draft);
        let line = draft.trim();
        // The name and the message: what is left without counts and times.
        let step: String = line.chars().filter(|character| !character.is_ascii_digit()).collect();
        let is_due =
            state.last.as_ref().is_none_or(|(written, last)| *last != step || written.elapsed() >= self.interval);
        if is_due && !line.is_empty() {
            state.last = Some((Instant::now(), step));
            writeln!(state.out, "{line}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Debug, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().clone()).unwrap()
        }
    }

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn plain_bar(interval: Duration) -> (ProgressBar, Lines) {
        let lines = Lines::default();
        let bar = ProgressBar::with_draw_target(Some(9), plain(lines.clone(), interval));
        (styled(bar, "{prefix}: {pos}/{len} {msg}", "hit"), lines)
    }

    #[test]
    fn a_new_step_is_a_line_at_once() {
        let (bar, lines) = plain_bar(Duration::MAX);
        assert_eq!(lines.text(), "hit: 0/9\n");
        bar.inc(1);
        bar.tick();
        assert_eq!(lines.text(), "hit: 0/9\n", "the interval is not over");
        bar.set_message("fill the caches");
        assert_eq!(lines.text(), "hit: 0/9\nhit: 1/9 fill the caches\n");
        bar.finish_and_clear();
        assert_eq!(lines.text().lines().count(), 2);
    }

    #[test]
    fn progress_is_a_line_after_each_interval() {
        let (bar, lines) = plain_bar(Duration::ZERO);
        bar.set_position(3);
        bar.tick();
        assert!(lines.text().ends_with("hit: 3/9\n"), "{}", lines.text());
    }
}
