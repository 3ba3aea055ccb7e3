//! The SQL of [`Database`](crate::Database) and [`SqliteRepository`](crate::SqliteRepository). Rows are read by column
//! name.

// Macros, because `concat!` takes only literals.
macro_rules! info_columns {
    () => {
        "id, title, artist, album, genre, media_type, composer, duration_ms, size_bytes"
    };
}
macro_rules! track_columns {
    () => {
        concat!(info_columns!(), ", plays, last_played")
    };
}
/// One later than all moments in the library.
macro_rules! next_moment {
    () => {
        "(SELECT COALESCE(MAX(last_active), 0) + 1 FROM track)"
    };
}

/// The rows of a page (`?1` is the limit, `?2` the offset), and the number of rows of all pages.
pub(crate) struct PageSql {
    pub(crate) rows: &'static str,
    pub(crate) total: &'static str,
}

pub(crate) const ALL_TRACKS: PageSql = PageSql {
    rows: concat!("SELECT ", track_columns!(), " FROM track ORDER BY id LIMIT ?1 OFFSET ?2"),
    total: "SELECT COUNT(*) FROM track",
};

/// The text is `?3` in `rows` and `?1` in `total`.
pub(crate) const SEARCH_TRACKS: PageSql = PageSql {
    // Not `LIKE`: `instr` has no wildcards to escape.
    rows: concat!(
        "SELECT ",
        info_columns!(),
        " FROM track WHERE instr(search_text, lower(?3)) ORDER BY id LIMIT ?1 OFFSET ?2"
    ),
    total: "SELECT COUNT(*) FROM track WHERE instr(search_text, lower(?1))",
};

pub(crate) const FAVORITE_TRACKS: PageSql = PageSql {
    rows: concat!(
        "SELECT ",
        info_columns!(),
        " FROM favorite JOIN track ON id = track_id ORDER BY track_id LIMIT ?1 OFFSET ?2"
    ),
    total: "SELECT COUNT(*) FROM favorite",
};

pub(crate) const RECENT_TRACKS: PageSql = PageSql {
    rows: concat!("SELECT ", track_columns!(), " FROM track ORDER BY last_active DESC LIMIT ?1 OFFSET ?2"),
    total: "SELECT COUNT(*) FROM track",
};

pub(crate) const POPULAR_TRACKS: PageSql = PageSql {
    rows: concat!(
        "SELECT ",
        track_columns!(),
        " FROM track WHERE plays > 0 ORDER BY plays DESC, id LIMIT ?1 OFFSET ?2"
    ),
    total: "SELECT COUNT(*) FROM track WHERE plays > 0",
};

pub(crate) const TRACK: &str = concat!("SELECT ", track_columns!(), " FROM track WHERE id = ?1");

pub(crate) const IS_TRACK: &str = "SELECT EXISTS (SELECT 1 FROM track WHERE id = ?1)";

pub(crate) const PURCHASES: &str = "SELECT track_id FROM purchase ORDER BY id";

pub(crate) const PURCHASING_CUSTOMERS: &str = "SELECT customer_id FROM purchase ORDER BY id";

pub(crate) const ADD_PURCHASE: &str = "INSERT INTO purchase (invoice_date, customer_id, track_id) VALUES (?1, ?2, ?3)";

/// `date` counts `2026-02-30` as the second of March. Of years before 0 its text is longer.
pub(crate) const IS_DATE: &str = "SELECT length(?1) = 10 AND date(?1) IS ?1";

pub(crate) const PLAYLISTS: &str = "SELECT playlist_id, track_id FROM playlist_track ORDER BY playlist_id, track_id";

pub(crate) const ADD_TRACK: &str = concat!(
    "INSERT INTO track (",
    info_columns!(),
    ", last_active) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ",
    next_moment!(),
    ") RETURNING ",
    track_columns!()
);

pub(crate) const FAVORITE_ON: &str = "INSERT INTO favorite (track_id) VALUES (?1) ON CONFLICT DO NOTHING";

pub(crate) const FAVORITE_OFF: &str = "DELETE FROM favorite WHERE track_id = ?1";

pub(crate) const PLAY_TRACK: &str = concat!(
    "UPDATE track SET plays = plays + 1, last_played = ",
    next_moment!(),
    ", last_active = ",
    next_moment!(),
    " WHERE id = ?1 RETURNING ",
    track_columns!()
);

pub(crate) const UPDATE_TRACK: &str = concat!(
    "UPDATE track SET title = COALESCE(?2, title), artist = COALESCE(?3, artist), \
     album = COALESCE(?4, album), genre = COALESCE(?5, genre), \
     composer = COALESCE(?6, composer) WHERE id = ?1 RETURNING ",
    track_columns!()
);

pub(crate) const DELETE_TRACK: &str = "DELETE FROM track WHERE id = ?1";
