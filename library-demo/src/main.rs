//! The command line of the library; without arguments, the replay.

#![forbid(unsafe_code)]

use std::{
    error::Error,
    io::{self, BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use cache_core::Cache;
use clap::{Args, Parser, Subcommand, value_parser};
use indicatif::{ProgressBar, ProgressStyle};
use library_demo::{
    CsvFiles, Database, DbError, LibraryManager, Page, Track, TrackId, TrackInfo,
    replay::replay,
    serve::{Budget, Load, serve_load},
};
use tokio::runtime::Runtime;

/// A music library whose reads are cached.
///
/// Without a command it plays the replay: three tables of what the cache saves, the last on a real
/// trace, and a check that no answer is stale.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// The library's file [default: the embedded sample library, for this one command]
    #[arg(long, global = true, value_name = "FILE")]
    db: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Library(LibraryCommand),
    /// Serve the sample library to many tasks at once, with and without a cache; check that no answer is stale
    ServeLoad(ServeLoad),
}

/// What is done with one library, that of `--db`.
#[derive(Subcommand)]
enum LibraryCommand {
    /// Add tracks, playlists and purchases from CSV; begins the library if FILE does not exist
    Import {
        /// A folder with tracks.csv, playlists.csv and purchases.csv [default: the sample library]
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// List all tracks
    List(Part),
    /// Search titles, artists, albums and composers
    Search {
        /// What to look for; every character stands for itself
        text: String,
        #[command(flatten)]
        part: Part,
    },
    /// Show one track
    Show {
        /// The track's id
        id: u32,
    },
    /// List the favourites
    Favorites(Part),
    /// List the tracks last added or played
    Recent(Part),
    /// List the most played tracks
    Popular(Part),
    /// Count a play of a track
    Play {
        /// The track's id
        id: u32,
    },
    /// Make a track a favourite
    Favorite {
        /// The track's id
        id: u32,
        /// No longer a favourite
        #[arg(long)]
        off: bool,
    },
}

/// Which part of a long list to show.
#[derive(Args)]
struct Part {
    /// Show at most this many tracks
    #[arg(long, default_value_t = 20)]
    limit: u32,
    /// Skip this many tracks first
    #[arg(long, default_value_t = 0)]
    offset: u32,
}

/// What the library has to bear.
#[derive(Args)]
struct ServeLoad {
    /// How many tasks ask and change at a time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = value_parser!(u16).range(1..))]
    tasks: u16,
    /// How long in all, half of it without a cache
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = value_parser!(u32).range(1..))]
    seconds: u32,
    /// End each half after so many operations instead
    #[arg(long, value_name = "N", conflicts_with = "seconds", value_parser = value_parser!(u64).range(1..))]
    operations: Option<u64>,
    /// Of 100 requests, so many are of clients that hang up if they have to wait
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = value_parser!(u32).range(..=100))]
    hang_ups: u32,
    /// Which requests those are is made from this number [default: another one each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = BufWriter::new(io::stdout().lock());
    match run(cli, &mut out).and_then(|()| Ok(out.flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the output has seen enough, as in `library-demo list | head`.
        Err(error) if is_closed_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            // Not `eprintln!`, which panics if nobody listens there either.
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
            no_db("--db needs a command: the replay is played on the sample library")?;
            run_replay(out)
        }
        Some(Command::ServeLoad(load)) => {
            no_db("serve-load takes no --db: it changes what it serves, and serves copies of the sample library")?;
            run_load(&load, out)
        }
        Some(Command::Library(command)) => run_on_library(command, cli.db.as_deref(), out),
    }
}

fn run_on_library(command: LibraryCommand, db: Option<&Path>, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let library = LibraryManager::new(open(db, &command)?, Cache::new());
    match command {
        LibraryCommand::Import { data } => {
            let files = data.as_deref().map_or_else(|| Ok(CsvFiles::embedded()), CsvFiles::read)?;
            // Draws nothing unless stderr is a terminal, and removes itself.
            let done = library.import(&files, &ProgressBar::new(0))?;
            writeln!(
                out,
                "imported {} tracks, {} places on playlists, {} purchases",
                done.tracks, done.playlist_tracks, done.purchases
            )?;
        }
        LibraryCommand::List(part) => {
            print_tracks(out, &library.get_all_tracks(part.limit, part.offset)?)?;
        }
        LibraryCommand::Search { text, part } => {
            print_infos(out, &library.search_tracks(&text, part.limit, part.offset)?)?;
        }
        LibraryCommand::Show { id } => match library.get_track(TrackId(id))? {
            Some(track) => print_track(out, &track)?,
            None => return Err(DbError::UnknownTrack(TrackId(id)).into()),
        },
        LibraryCommand::Favorites(part) => {
            print_infos(out, &library.get_favorite_tracks(part.limit, part.offset)?)?;
        }
        LibraryCommand::Recent(part) => {
            print_tracks(out, &library.get_recent_tracks(part.limit, part.offset)?)?;
        }
        LibraryCommand::Popular(part) => {
            print_tracks(out, &library.get_popular_tracks(part.limit, part.offset)?)?;
        }
        LibraryCommand::Play { id } => {
            let track = library.record_track_play(TrackId(id))?;
            writeln!(out, "played {}; plays: {}", one_line(&track.info), track.plays)?;
        }
        LibraryCommand::Favorite { id, off } => {
            library.set_track_favorite(TrackId(id), !off)?;
            let now = if off { "no longer" } else { "now" };
            writeln!(out, "track {id} is {now} a favourite")?;
        }
    }
    Ok(())
}

fn run_replay(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let broken = replay(out, usize::MAX)?;
    if broken.is_empty() {
        return Ok(());
    }
    Err(format!("these bounds do not hold:\n  {}", broken.join("\n  ")).into())
}

fn run_load(arguments: &ServeLoad, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let load = Load {
        tasks: arguments.tasks.into(),
        budget: match arguments.operations {
            Some(operations) => Budget::Operations(operations),
            None => Budget::Time(Duration::from_secs(arguments.seconds.into())),
        },
        hang_ups: arguments.hang_ups,
        seed: arguments.seed.unwrap_or_else(|| fastrand::u64(..)),
    };
    // Draws nothing unless stderr is a terminal. Its length is set when there is something to serve.
    let progress = ProgressBar::new(1).with_style(ProgressStyle::with_template("{msg:8} {wide_bar} {percent:>3} %")?);
    match Runtime::new()?.block_on(serve_load(out, load, &progress))? {
        0 => Ok(()),
        stale => Err(format!("{stale} answers were stale; the seed is {}", load.seed).into()),
    }
}

/// The database for a command. Only an import begins a new one: a mistyped name is an error.
fn open(file: Option<&Path>, command: &LibraryCommand) -> Result<Database, Box<dyn Error>> {
    let importing = matches!(command, LibraryCommand::Import { .. });
    match file {
        Some(file) if importing || file.exists() => Ok(Database::open(file)?),
        Some(file) => {
            let file = file.display();
            Err(format!("there is no file {file}; the command `import` would begin one").into())
        }
        None => {
            let database = Database::open_in_memory()?;
            if !importing {
                database.import(&CsvFiles::embedded(), &ProgressBar::hidden())?;
            }
            Ok(database)
        }
    }
}

fn print_tracks(out: &mut impl Write, page: &Page<Track>) -> io::Result<()> {
    writeln!(out, "{:>7}  {:>5}  track", "id", "plays")?;
    for Track { info, plays, .. } in &page.items {
        writeln!(out, "{:>7}  {plays:>5}  {}", info.id, one_line(info))?;
    }
    print_total(out, page)
}

fn print_infos(out: &mut impl Write, page: &Page<TrackInfo>) -> io::Result<()> {
    writeln!(out, "{:>7}  track", "id")?;
    for info in &page.items {
        writeln!(out, "{:>7}  {}", info.id, one_line(info))?;
    }
    print_total(out, page)
}

fn print_total<T>(out: &mut impl Write, page: &Page<T>) -> io::Result<()> {
    writeln!(out, "{} of {} tracks", page.items.len(), page.total)
}

fn one_line(info: &TrackInfo) -> String {
    format!("{} - {} ({})", info.title, info.artist, info.album)
}

fn print_track(out: &mut impl Write, track: &Track) -> io::Result<()> {
    let Track { info, plays, last_played } = track;
    let seconds = info.duration_ms / 1000;
    writeln!(out, "id           {}", info.id)?;
    writeln!(out, "title        {}", info.title)?;
    writeln!(out, "artist       {}", info.artist)?;
    writeln!(out, "album        {}", info.album)?;
    writeln!(out, "genre        {}", info.genre)?;
    writeln!(out, "media type   {}", info.media_type)?;
    writeln!(out, "composer     {}", if info.composer.is_empty() { "unknown" } else { &info.composer })?;
    writeln!(out, "length       {}:{:02}", seconds / 60, seconds % 60)?;
    writeln!(out, "size         {} bytes", info.size_bytes)?;
    writeln!(out, "plays        {plays}")?;
    match last_played {
        Some(moment) => writeln!(out, "last played  at moment {}", moment.0),
        None => writeln!(out, "last played  never"),
    }
}
