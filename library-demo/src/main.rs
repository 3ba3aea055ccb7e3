//! The command line; without arguments, the replay.

#![forbid(unsafe_code)]

#[cfg(feature = "redis")]
mod redis;
#[cfg(not(feature = "redis"))]
#[path = "redis/absent.rs"]
mod redis;

use std::{
    error::Error,
    io::{self, BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use cache_core::{Cache, graph};
use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use indicatif::ProgressBar;
use library_demo::{
    CsvFiles, Database, DbError, LibraryManager, Page, Track, TrackId, TrackInfo,
    http::{App, Server, Settings},
    output::{Progress, left, right, table},
    replay::{Processes, replay, tiers_in_memory},
    serve::{Budget, Load, OutageLoad, serve_load, serve_load_over_http, serve_outage},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A music library with cached reads.
///
/// Without a command, it runs the replay: four tables, two of real data, show what the cache saves. It fails if an answer
/// is stale or a figure is not as expected.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// The library's file; not for serve-load [default: the sample library, in memory; for import an empty one]
    #[arg(long, visible_alias = "database", global = true, value_name = "FILE")]
    db: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Library(LibraryCommand),
    /// Serve a library on HTTP: a page, a JSON API, and /cache, which shows what the cache does
    Serve(Serve),
    /// Show which mutation invalidates which query, and warn of what is missing
    ///
    /// The graph goes to the standard output, warnings to the standard error stream.
    Graph {
        /// How to write it
        #[arg(long, value_enum, default_value_t = GraphFormat::Mermaid)]
        format: GraphFormat,
    },
    /// Serve the sample library to many tasks at once, without a cache and with one, and count stale answers
    ///
    /// It fails if there are any. With --outage, the database fails for a while, and the tables show what callers notice of
    /// it without a cache, with one whose answers live for a second, and with one that serves expired answers then
    /// (`stale_if_error`). There it also fails if a read fails although its answer was cached.
    ServeLoad(ServeLoad),
    /// Replay the sample data in several processes, and show what a log of invalidations and a second level save
    ///
    /// The processes are caches of this one. It fails if an answer is stale although there is a log.
    Processes(ProcessesReplay),
}

#[derive(Clone, Copy, ValueEnum)]
enum GraphFormat {
    /// For Markdown
    Mermaid,
    /// For Graphviz
    Dot,
    /// For a file in the repository, whose changes a review shows
    Json,
}

/// Commands on one library, that of `--db`.
#[derive(Subcommand)]
enum LibraryCommand {
    /// Add tracks, playlists and purchases from CSV files, all or none; creates FILE if it does not exist
    ///
    /// Without --db, this only checks the files.
    Import {
        /// A folder with tracks.csv, playlists.csv and purchases.csv [default: the sample data]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// List all tracks, by id
    List(Paging),
    /// List the tracks whose title, artist, album or composer contains a text, by id
    Search {
        /// The text: no wildcards, ASCII letters match in either case
        text: String,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one track
    Show {
        /// The track's id
        id: u32,
    },
    /// List the favourites, by id
    Favorites(Paging),
    /// List all tracks, the last added or played first
    Recent(Paging),
    /// List the tracks played at least once, the most played first
    Popular(Paging),
    /// Count a play of a track
    Play {
        /// The track's id
        id: u32,
    },
    /// Add a track to the favourites
    Favorite {
        /// The track's id
        id: u32,
        /// Remove it from the favourites instead
        #[arg(long)]
        off: bool,
    },
}

#[derive(Args)]
struct Paging {
    /// List at most this many tracks
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    /// Skip this many tracks first
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: u32,
}

#[derive(Args)]
struct Serve {
    /// The port to listen on; 0 for any that is free
    #[arg(long, value_name = "N", default_value_t = 8080)]
    port: u16,
    /// The address or name to listen on; only this machine reaches the default
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    host: String,
    /// The share of hits that are audited: the body runs as well, and its answer is compared
    #[arg(long, value_name = "SHARE", default_value_t = 0.01, value_parser = share)]
    audit: f64,
    #[command(flatten)]
    redis: Redis,
    /// The processes with this name share a cache
    #[arg(long, value_name = "NAME", default_value = "library", requires = "url")]
    namespace: String,
}

#[derive(Args)]
struct Redis {
    /// Share the cache with other processes through this Redis, as `redis://127.0.0.1`; needs the feature `redis`
    #[arg(long = "redis", value_name = "URL")]
    url: Option<String>,
}

#[derive(Args)]
struct ProcessesReplay {
    /// The number of processes
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = value_parser!(u16).range(2..=64))]
    count: u16,
    /// Use only this many visits of each workload [default: all]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    visits: Option<u32>,
    #[command(flatten)]
    redis: Redis,
}

#[derive(Args)]
struct ServeLoad {
    /// The number of clients, each a task
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = value_parser!(u16).range(1..))]
    tasks: u16,
    /// The time to serve, shared by the rows of the table; preparation and comparison are not included [default: 10, or 6
    /// times the outage]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    seconds: Option<u32>,
    /// Serve this many operations without a cache, and as many with one
    #[arg(long, value_name = "N", conflicts_with = "seconds", value_parser = value_parser!(u64).range(1..))]
    operations: Option<u64>,
    /// The percentage of requests cancelled at their first, second or third wait; mutations still run to completion
    #[arg(
        long,
        alias = "hang-ups",
        value_name = "PERCENT",
        default_value_t = 3,
        value_parser = value_parser!(u32).range(..=100)
    )]
    cancelled: u32,
    /// Send the load to the sample library that `library-demo serve` has at this URL, and change it there
    #[arg(long, value_name = "URL", conflicts_with = "outage")]
    url: Option<String>,
    /// Let the database fail for this many seconds, in the middle of each row's time [default: none; without a number 5]
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "5",
        conflicts_with = "operations",
        value_parser = value_parser!(u32).range(1..=600)
    )]
    outage: Option<u32>,
    /// The milliseconds after which a call of the failed database ends with an error
    #[arg(long, value_name = "MS", default_value_t = 20, requires = "outage")]
    outage_delay: u32,
    /// The seed that chooses the cancelled requests; how tasks interleave still varies [default: random]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = BufWriter::new(io::stdout().lock());
    match run(cli, &mut out).and_then(|()| Ok(out.flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader closed the pipe, as in `library-demo list | head`.
        Err(error) if is_closed_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            // Not `eprintln!`, which panics if stderr is closed, too.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

fn run(cli: Cli, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let no_db = |why: &str| if cli.db.is_none() { Ok(()) } else { Err(why.to_owned()) };
    match cli.command {
        None => {
            no_db("--db needs a command: the replay uses copies of the sample library")?;
            run_replay(out)
        }
        Some(Command::Serve(serve)) => run_service(&serve, cli.db.as_deref(), out),
        Some(Command::Graph { format }) => {
            no_db("graph does not accept --db: it is of the program, and not of a library")?;
            write_graph(format, out)
        }
        Some(Command::ServeLoad(load)) => {
            no_db(
                "serve-load does not accept --db: it changes what it serves, so it uses copies of the sample library",
            )?;
            run_load(&load, out)
        }
        Some(Command::Processes(processes)) => {
            no_db("processes does not accept --db: it changes what it reads, so it uses copies of the sample library")?;
            run_processes(&processes, out)
        }
        Some(Command::Library(command)) => run_on_library(command, cli.db.as_deref(), out),
    }
}

fn run_on_library(command: LibraryCommand, db: Option<&Path>, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let is_import = matches!(command, LibraryCommand::Import { .. });
    let bar = if is_import {
        Progress::stderr().step("import", Some(0))
    } else {
        Progress::stderr_if_slow().step("working", None)
    };
    let library = LibraryManager::new(open(db, is_import)?, Cache::new());
    let text = execute(command, &library, &bar)?;
    // Before the text, which may go to the same terminal.
    drop(bar);
    writeln!(out, "{text}")?;
    Ok(())
}

/// Returns what to print.
fn execute(command: LibraryCommand, library: &LibraryManager, bar: &ProgressBar) -> Result<String, Box<dyn Error>> {
    Ok(match command {
        LibraryCommand::Import { data } => {
            let files = data.as_deref().map_or_else(|| Ok(CsvFiles::embedded()), CsvFiles::read)?;
            let added = library.import(&files, bar)?;
            format!(
                "imported {} tracks, {} tracks on playlists, {} purchases",
                added.tracks, added.playlist_tracks, added.purchases
            )
        }
        LibraryCommand::List(paging) => tracks(&library.get_all_tracks(paging.limit, paging.offset)?),
        LibraryCommand::Search { text, paging } => infos(&library.search_tracks(&text, paging.limit, paging.offset)?),
        LibraryCommand::Show { id } => {
            let found = library.get_track(TrackId(id))?;
            details(&found.ok_or(DbError::UnknownTrack(TrackId(id)))?)
        }
        LibraryCommand::Favorites(paging) => infos(&library.get_favorite_tracks(paging.limit, paging.offset)?),
        LibraryCommand::Recent(paging) => tracks(&library.get_recent_tracks(paging.limit, paging.offset)?),
        LibraryCommand::Popular(paging) => tracks(&library.get_popular_tracks(paging.limit, paging.offset)?),
        LibraryCommand::Play { id } => {
            let track = library.record_track_play(TrackId(id))?;
            format!("played {}; plays: {}", one_line(&track.info), track.plays)
        }
        LibraryCommand::Favorite { id, off } => {
            library.set_track_favorite(TrackId(id), !off)?;
            let now = if off { "no longer" } else { "now" };
            format!("track {id} is {now} a favourite")
        }
    })
}

fn write_graph(format: GraphFormat, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let graph = graph();
    let text = match format {
        GraphFormat::Mermaid => graph.to_mermaid(),
        GraphFormat::Dot => graph.to_dot(),
        GraphFormat::Json => graph.clone().without_runs().to_json(),
    };
    writeln!(out, "{}", text.trim_end())?;
    for warning in graph.warnings() {
        eprintln!("warning: {warning}");
    }
    Ok(())
}

fn run_replay(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    check(&replay(out, usize::MAX, &Progress::stderr())?)
}

fn run_processes(arguments: &ProcessesReplay, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let visits = arguments.visits.map_or(usize::MAX, |visits| visits as usize);
    let processes = Processes { count: arguments.count.into(), visits };
    let progress = Progress::stderr();
    check(&match &arguments.redis.url {
        Some(url) => processes.replay(out, |count| redis::tiers(count, url), &progress)?,
        None => processes.replay(out, tiers_in_memory, &progress)?,
    })
}

fn check(failed: &[String]) -> Result<(), Box<dyn Error>> {
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!("these expectations do not hold:\n  {}", failed.join("\n  ")).into())
}

fn run_service(arguments: &Serve, db: Option<&Path>, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::new()?;
    let cache = match &arguments.redis.url {
        Some(url) => runtime.block_on(redis::share(Cache::builder(), url, &arguments.namespace))?,
        None => Cache::builder(),
    };
    let folder = TempDir::new()?;
    let sample = folder.path().join("library.db");
    let file = if let Some(file) = db {
        // Reports a file that is missing.
        open(Some(file), false)?;
        file
    } else {
        Database::open(&sample)?.import(&CsvFiles::embedded(), &Progress::stderr().step("import", Some(0)))?;
        &sample
    };
    runtime.block_on(async {
        let app = App::open(file, Settings { cache, audit: arguments.audit, outage: None }).await?;
        let server = Server::bind(&arguments.host, arguments.port, app).await?;
        let stop = interrupt()?;
        writeln!(out, "listening on http://{}", server.address())?;
        out.flush()?;
        Ok(server.run(stop).await?)
    })
}

/// A number from 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("it is a number from 0 to 1".to_owned()),
    }
}

/// Is ready when the process is asked to end.
#[cfg(unix)]
fn interrupt() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Is ready when the process is asked to end.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "on Unix it may fail")]
fn interrupt() -> io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}

fn run_load(arguments: &ServeLoad, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    if let Some(outage) = arguments.outage {
        return run_outage(arguments, outage, seed, out);
    }
    let load = Load {
        tasks: arguments.tasks.into(),
        budget: match arguments.operations {
            Some(operations) => Budget::Operations(operations),
            None => Budget::Time(Duration::from_secs(arguments.seconds.unwrap_or(10).into())),
        },
        cancelled: arguments.cancelled,
        seed,
    };
    let progress = Progress::stderr();
    let stale = Runtime::new()?.block_on(async {
        match &arguments.url {
            Some(url) => serve_load_over_http(out, load, url, &progress).await,
            None => serve_load(out, load, &progress).await,
        }
    })?;
    match stale {
        0 => Ok(()),
        stale => Err(format!("{stale} answers were stale; the seed is {}", load.seed).into()),
    }
}

fn run_outage(arguments: &ServeLoad, outage: u32, seed: u64, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    // Each of the three rows has as much time before and after the outage as in it.
    let at_least = 6 * outage;
    let seconds = arguments.seconds.unwrap_or(at_least);
    if seconds < at_least {
        return Err(format!(
            "--seconds {seconds} is too short for an outage of {outage} s: each of the 3 rows takes at least twice the \
             outage, {at_least} s in all"
        )
        .into());
    }
    let load = OutageLoad {
        tasks: arguments.tasks.into(),
        time: Duration::from_secs(seconds.into()),
        outage: Duration::from_secs(outage.into()),
        delay: Duration::from_millis(arguments.outage_delay.into()),
        cancelled: arguments.cancelled,
        seed,
    };
    let failed = Runtime::new()?.block_on(serve_outage(out, load, &Progress::stderr()))?;
    check(&failed).map_err(|error| format!("{error}\nthe seed is {seed}").into())
}

/// Only an import creates a file: a mistyped name is an error.
fn open(file: Option<&Path>, is_import: bool) -> Result<Database, Box<dyn Error>> {
    match file {
        Some(file) if is_import || file.exists() => Ok(Database::open(file)?),
        Some(file) => Err(format!("there is no file {}; `import` creates one", file.display()).into()),
        None if is_import => Ok(Database::open_in_memory()?),
        None => Ok(Database::open_sample(&ProgressBar::hidden())?),
    }
}

fn tracks(page: &Page<Track>) -> String {
    let rows = page.items.iter().map(|track| {
        let Track { info, plays, .. } = track;
        [info.id.to_string(), plays.to_string(), one_line(info)]
    });
    format!("{}\n{}", table([right("id"), right("plays"), left("track")], rows), total(page))
}

fn infos(page: &Page<TrackInfo>) -> String {
    let rows = page.items.iter().map(|info| [info.id.to_string(), one_line(info)]);
    format!("{}\n{}", table([right("id"), left("track")], rows), total(page))
}

fn total<T>(page: &Page<T>) -> String {
    format!("{} of {} tracks", page.items.len(), page.total)
}

fn one_line(info: &TrackInfo) -> String {
    format!("{} - {} ({})", info.title, info.artist, info.album)
}

fn details(track: &Track) -> String {
    let Track { info, plays, last_played } = track;
    let seconds = info.duration_ms / 1000;
    let composer = if info.composer.is_empty() { "unknown" } else { &info.composer };
    let rows = [
        ("id", info.id.to_string()),
        ("title", info.title.clone()),
        ("artist", info.artist.clone()),
        ("album", info.album.clone()),
        ("genre", info.genre.clone()),
        ("media type", info.media_type.clone()),
        ("composer", composer.to_owned()),
        ("length", format!("{}:{:02}", seconds / 60, seconds % 60)),
        ("size", format!("{} bytes", info.size_bytes)),
        ("plays", plays.to_string()),
        ("last played", last_played.map_or_else(|| "never".to_owned(), |moment| format!("at moment {}", moment.0))),
    ];
    table([left(""), left("")], rows.map(|(name, value)| [name.to_owned(), value]))
}
