//! The processes, as their parent knows them.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use redis_tests::until;

use crate::oracle::Oracle;

/// Totals of a process, by name.
pub(crate) type Figures = BTreeMap<String, u64>;

/// A running process.
pub(crate) struct Process {
    pub(crate) name: String,
    child: Child,
    commands: ChildStdin,
    told: Arc<Mutex<Told>>,
}

/// What a process has told.
#[derive(Default)]
struct Told {
    figures: Figures,
    /// How often figures came.
    reports: u64,
    /// Which commands have been done.
    done: Vec<String>,
    /// Its end is no surprise.
    may_end: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Process {
    pub(crate) fn start(
        name: String,
        url: &str,
        database: u16,
        number: u64,
        seed: u64,
        oracle: &Arc<Mutex<Oracle>>,
    ) -> Self {
        let mut child = Command::new(env::current_exe().expect("a program knows where it is"))
            .args(["--child", url, "--database", &database.to_string()])
            .args(["--number", &number.to_string(), "--seed", &seed.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process can be started");
        let (commands, lines) = (child.stdin.take().expect("it is piped"), child.stdout.take().expect("it is piped"));
        let told = Arc::new(Mutex::new(Told::default()));
        thread::spawn({
            let (name, told, oracle) = (name.clone(), Arc::clone(&told), Arc::clone(oracle));
            move || {
                for line in BufReader::new(lines).lines().map_while(Result::ok) {
                    listen(&name, &line, &told, &oracle);
                }
                if !lock(&told).may_end {
                    lock(&oracle).violate(&format!("{name} has ended by itself"));
                }
            }
        });
        Self { name, child, commands, told }
    }

    /// What it has told lately.
    pub(crate) fn figures(&self) -> Figures {
        lock(&self.told).figures.clone()
    }

    /// What it tells after this call. `None` if it tells nothing.
    pub(crate) fn next_figures(&self) -> Option<Figures> {
        // The first that comes may have been sent before this call.
        let enough = lock(&self.told).reports + 2;
        until(|| lock(&self.told).reports >= enough).then(|| self.figures())
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "`kill` works");
    }

    /// Ends it at once, and returns its last figures.
    pub(crate) fn kill(mut self) -> Figures {
        lock(&self.told).may_end = true;
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it has ended");
        self.figures()
    }

    pub(crate) fn command(&mut self, command: &str) {
        // If it has ended, that is told elsewhere.
        writeln!(self.commands, "{command}").ok();
    }

    /// Whether it says within some time that it has done a command.
    pub(crate) fn has_done(&self, command: &str) -> bool {
        until(|| lock(&self.told).done.iter().any(|done| done == command))
    }
}

fn listen(name: &str, line: &str, told: &Mutex<Told>, oracle: &Mutex<Oracle>) {
    let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
    let words: Vec<&str> = rest.split(' ').collect();
    match kind {
        "r" => {
            let by = format!("{} of {name}", words[3]);
            lock(oracle).answer(number(words[0]), number(words[1]), number(words[2]), by);
        }
        "w" => lock(oracle).acknowledge(number(words[0]), number(words[1]), number(words[2]), name.to_owned()),
        "s" => {
            let figure = |word: &&str| word.split_once('=').map(|(name, total)| (name.to_owned(), number(total)));
            let mut told = lock(told);
            told.figures = words.iter().filter_map(figure).collect();
            told.reports += 1;
        }
        "x" => lock(oracle).violate(&format!("{name}: {rest}")),
        done => lock(told).done.push(done.to_owned()),
    }
}

fn number<T: FromStr>(word: &str) -> T {
    word.parse().unwrap_or_else(|_| panic!("a process says {word:?} where a number belongs"))
}
