//! The command line of the library; without arguments, the replay.

#![forbid(unsafe_code)]

use std::{
    error::Error,
    io::{self, BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use cache_core::Cache;
use clap::{Args, Parser, Subcommand};
use indicatif::ProgressBar;
use library_demo::{CsvFiles, Database, DbError, LibraryManager, Page, Track, TrackId, TrackInfo, replay::replay};

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
    let Some(command) = cli.command else {
        return match cli.db {
            None => run_replay(out),
            Some(_) => Err("--db needs a command: the replay is played on the sample library".into()),
        };
    };
    let library = LibraryManager::new(open(cli.db.as_deref(), &command)?, Cache::new());
    match command {
        Command::Import { data } => {
            let files = data.as_deref().map_or_else(|| Ok(CsvFiles::embedded()), CsvFiles::read)?;
            // Draws nothing unless stderr is a terminal, and removes itself.
            let done = library.import(&files, &ProgressBar::new(0))?;
            writeln!(
                out,
                "imported {} tracks, {} places on playlists, {} purchases",
                done.tracks, done.playlist_tracks, done.purchases
            )?;
        }
        Command::List(part) => {
            print_tracks(out, &library.get_all_tracks(part.limit, part.offset)?)?;
        }
        Command::Search { text, part } => {
            print_infos(out, &library.search_tracks(&text, part.limit, part.offset)?)?;
        }
        Command::Show { id } => match library.get_track(TrackId(id))? {
            Some(track) => print_track(out, &track)?,
            None => return Err(DbError::UnknownTrack(TrackId(id)).into()),
        },
        Command::Favorites(part) => {
            print_infos(out, &library.get_favorite_tracks(part.limit, part.offset)?)?;
        }
        Command::Recent(part) => {
            print_tracks(out, &library.get_recent_tracks(part.limit, part.offset)?)?;
        }
        Command::Popular(part) => {
            print_tracks(out, &library.get_popular_tracks(part.limit, part.offset)?)?;
        }
        Command::Play { id } => {
            let track = library.record_track_play(TrackId(id))?;
            writeln!(out, "played {}; plays: {}", one_line(&track.info), track.plays)?;
        }
        Command::Favorite { id, off } => {
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

/// The database for a command. Only an import begins a new one: a mistyped name is an error.
fn open(file: Option<&Path>, command: &Command) -> Result<Database, Box<dyn Error>> {
    let importing = matches!(command, Command::Import { .. });
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
