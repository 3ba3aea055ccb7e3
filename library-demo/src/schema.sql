CREATE TABLE track (
    id          INTEGER PRIMARY KEY CHECK (id BETWEEN 0 AND 4294967295),
    title       TEXT    NOT NULL,
    artist      TEXT    NOT NULL,
    album       TEXT    NOT NULL,
    genre       TEXT    NOT NULL,
    media_type  TEXT    NOT NULL,
    composer    TEXT    NOT NULL,            -- '' where it is not known
    duration_ms INTEGER NOT NULL,
    size_bytes  INTEGER NOT NULL,
    plays       INTEGER NOT NULL DEFAULT 0,
    last_played INTEGER,                     -- NULL if never
    last_active INTEGER NOT NULL,            -- when it was added or last played
    -- What a search looks at. The separator keeps a match from running from one column into the
    -- next, and SQLite keeps the text up to date when a column changes.
    search_text TEXT    NOT NULL GENERATED ALWAYS AS (
        lower(title || char(31) || artist || char(31) || album || char(31) || composer)
    ) STORED
) STRICT;

-- "Recent", and the highest moment so far. Unique: the order is total without a tie-break.
CREATE UNIQUE INDEX track_by_activity ON track (last_active);

-- "Popular": the order, and with the condition also the count.
CREATE INDEX track_by_plays ON track (plays DESC, id) WHERE plays > 0;

-- A relation of its own, not a column of `track`: no row of another answer shows whether a track is
-- a favourite, so that marking one makes no other answer wrong.
CREATE TABLE favorite (
    track_id INTEGER PRIMARY KEY REFERENCES track ON DELETE CASCADE
) STRICT;

CREATE TABLE playlist (
    id   INTEGER PRIMARY KEY,
    name TEXT    NOT NULL
) STRICT;

CREATE TABLE playlist_track (
    playlist_id INTEGER NOT NULL REFERENCES playlist ON DELETE CASCADE,
    track_id    INTEGER NOT NULL REFERENCES track ON DELETE CASCADE,
    PRIMARY KEY (playlist_id, track_id)
) STRICT, WITHOUT ROWID;

-- The foreign key's own index: without it every deleted track would be looked for in all rows.
CREATE INDEX playlist_track_by_track ON playlist_track (track_id);

CREATE TABLE purchase (
    id           INTEGER PRIMARY KEY,        -- counts up: oldest first
    invoice_date TEXT    NOT NULL,
    customer_id  INTEGER NOT NULL,
    track_id     INTEGER NOT NULL REFERENCES track ON DELETE CASCADE
) STRICT;

CREATE INDEX purchase_by_track ON purchase (track_id);
