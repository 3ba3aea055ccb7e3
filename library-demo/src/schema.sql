CREATE TABLE track (
    id          INTEGER PRIMARY KEY CHECK (id BETWEEN 0 AND 4294967295),
    title       TEXT    NOT NULL,
    artist      TEXT    NOT NULL,
    album       TEXT    NOT NULL,
    genre       TEXT    NOT NULL,
    media_type  TEXT    NOT NULL,
    composer    TEXT    NOT NULL,            -- '' if unknown
    duration_ms INTEGER NOT NULL,
    size_bytes  INTEGER NOT NULL,
    plays       INTEGER NOT NULL DEFAULT 0,
    last_played INTEGER,                     -- NULL if never
    last_active INTEGER NOT NULL,            -- moment of the addition or last play
    -- What a search looks at. The separator prevents matches across columns.
    search_text TEXT    NOT NULL GENERATED ALWAYS AS (
        lower(title || char(31) || artist || char(31) || album || char(31) || composer)
    ) STORED
) STRICT;

-- For "recent" and the highest moment. Unique, so that the order has no ties.
CREATE UNIQUE INDEX track_by_activity ON track (last_active);

-- For "popular": its order, and with the condition also its total.
CREATE INDEX track_by_plays ON track (plays DESC, id) WHERE plays > 0;

-- Not a column of `track`: no other answer shows whether a track is a favourite, so a toggle invalidates no other.
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

-- Without an index on the foreign key, the deletion of a track would scan all rows.
CREATE INDEX playlist_track_by_track ON playlist_track (track_id);

CREATE TABLE purchase (
    id           INTEGER PRIMARY KEY,        -- oldest first
    invoice_date TEXT    NOT NULL,
    customer_id  INTEGER NOT NULL,
    track_id     INTEGER NOT NULL REFERENCES track ON DELETE CASCADE
) STRICT;

CREATE INDEX purchase_by_track ON purchase (track_id);
