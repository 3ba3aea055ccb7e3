//! Progress on stderr: bars on a terminal, lines of text elsewhere.

use std::{
    borrow::Cow,
    fmt,
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

/// Keeps the time of a bar current.
const REDRAW: Duration = Duration::from_millis(100);
/// At least this long between two lines of a step.
const LINE_INTERVAL: Duration = Duration::from_secs(2);

/// Shows the progress of each step of a command.
pub struct Progress {
    display: Display,
}

enum Display {
    Hidden,
    Bars,
    Lines { out: SharedWriter, interval: Duration, announce: bool },
}

type SharedWriter = Arc<Mutex<dyn Write + Send>>;

impl Progress {
    /// Shows nothing.
    pub fn hidden() -> Self {
        Self { display: Display::Hidden }
    }

    /// Shows a bar, or if stderr is not a terminal, lines: one when a step starts, then one every few seconds.
    pub fn stderr() -> Self {
        Self::on_stderr(true)
    }

    /// As [`stderr`](Self::stderr), but without lines for a step that ends within two seconds.
    pub fn stderr_if_slow() -> Self {
        Self::on_stderr(false)
    }

    fn on_stderr(announce: bool) -> Self {
        if ProgressDrawTarget::stderr().is_hidden() {
            Self::to_lines(io::stderr(), LINE_INTERVAL, announce)
        } else {
            Self { display: Display::Bars }
        }
    }

    /// Writes a line to `out` when a step starts, and after each `interval`.
    pub fn lines(out: impl Write + Send + 'static, interval: Duration) -> Self {
        Self::to_lines(out, interval, true)
    }

    fn to_lines(out: impl Write + Send + 'static, interval: Duration, announce: bool) -> Self {
        Self { display: Display::Lines { out: Arc::new(Mutex::new(out)), interval, announce } }
    }

    /// Starts a step, which ends when the bar is dropped. The length is `None` if unknown, 0 if set later.
    pub fn step(&self, name: impl Into<Cow<'static, str>>, length: Option<u64>) -> ProgressBar {
        let (target, template, redraw) = match &self.display {
            Display::Hidden => return ProgressBar::hidden(),
            Display::Bars if length.is_none() => {
                (ProgressDrawTarget::stderr(), "{spinner} {msg} {elapsed_precise}", REDRAW)
            }
            Display::Bars => {
                (ProgressDrawTarget::stderr(), "{msg:30} {wide_bar} {percent:>3} % {elapsed_precise}", REDRAW)
            }
            Display::Lines { out, interval, announce } => {
                let written = if *announce { None } else { Some(Instant::now()) };
                let lines = Lines {
                    out: out.clone(),
                    interval: *interval,
                    state: Mutex::new(LineState { text: String::new(), written }),
                };
                let template =
                    if length.is_none() { "{msg}: {elapsed_precise}" } else { "{msg}: {percent} %, {elapsed_precise}" };
                // Twice per interval: a redraw just before a line is due must not delay it by a whole one.
                (ProgressDrawTarget::term_like(Box::new(lines)), template, *interval / 2)
            }
        };
        // Indicatif shows length 0 as 100 %.
        let length = length.map(|length| length.max(1));
        let bar = ProgressBar::with_draw_target(length, target).with_style(style(template)).with_message(name);
        // First: a steady tick disables others.
        bar.tick();
        bar.enable_steady_tick(redraw);
        bar
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are valid")
}

/// Turns the drawings of one bar into lines, at most one per interval.
struct Lines {
    out: SharedWriter,
    interval: Duration,
    state: Mutex<LineState>,
}

struct LineState {
    text: String,
    written: Option<Instant>,
}

impl Lines {
    fn state(&self) -> MutexGuard<'_, LineState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").finish_non_exhaustive()
    }
}

impl TermLike for Lines {
    fn width(&self) -> u16 {
        80
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
        self.state().text.push_str(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut state = self.state();
        let text = std::mem::take(&mut state.text);
        let is_due = state.written.is_none_or(|written| written.elapsed() >= self.interval);
        // Empty when a bar is cleared.
        if !is_due || text.trim().is_empty() {
            return Ok(());
        }
        state.written = Some(Instant::now());
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(out, "{}", text.trim_end())?;
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::Progress;
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
        time::Duration,
    };

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Buffer {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn each_step_writes_a_line() {
        let buffer = Buffer::default();
        let progress = Progress::lines(buffer.clone(), HOUR);
        let first = progress.step("first", Some(10));
        first.inc(10);
        drop(first);
        progress.step("second", None).set_message("not due");
        assert_eq!(buffer.text(), "first: 0 %, 00:00:00\nsecond: 00:00:00\n");
    }

    #[test]
    fn a_step_that_is_not_announced_writes_no_line_before_the_interval() {
        let buffer = Buffer::default();
        Progress::to_lines(buffer.clone(), HOUR, false).step("quick", Some(1)).inc(1);
        assert_eq!(buffer.text(), "");
    }

    #[test]
    fn a_line_is_written_after_each_interval() {
        let buffer = Buffer::default();
        let progress = Progress::lines(buffer.clone(), Duration::ZERO);
        let step = progress.step("step", Some(4));
        step.inc(1);
        step.set_message("still");
        let text = buffer.text();
        let lines: Vec<_> = text.lines().map(|line| line.split_once(',').unwrap().0).collect();
        assert_eq!(lines, ["step: 0 %", "step: 25 %", "still: 25 %"]);
    }
}
