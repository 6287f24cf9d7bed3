-- The index of a store: what `list` and `show` print, and which files exist. It is derived from the
-- files and is never the only place of any information. `snap reindex` rebuilds it.
--
-- Numbers of parents and of referenced files are plain numbers, not foreign keys: a parent may be
-- deleted while other checkpoints still need its pages.

CREATE TABLE guest (
    guest_id INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE
) STRICT;

-- Savevm files, including retired ones whose pages other checkpoints may need.
CREATE TABLE file (
    guest_id   INTEGER NOT NULL REFERENCES guest,
    number     INTEGER NOT NULL CHECK (number BETWEEN 1 AND 16777215),
    retired    INTEGER NOT NULL CHECK (retired IN (0, 1)),
    generation INTEGER NOT NULL CHECK (generation >= 0),
    byte_count INTEGER NOT NULL CHECK (byte_count >= 0),
    PRIMARY KEY (guest_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoint (
    guest_id                INTEGER NOT NULL,
    number                  INTEGER NOT NULL,
    id                      TEXT    NOT NULL UNIQUE CHECK (length(id) = 32), -- lower-case hex
    parent_number           INTEGER,                                         -- null: full
    created_at              INTEGER NOT NULL,                                -- seconds since 1970
    label                   TEXT,
    memory_byte_count       INTEGER NOT NULL,
    zero_pages              INTEGER NOT NULL,
    unchanged_pages         INTEGER NOT NULL,
    duplicate_pages         INTEGER NOT NULL,
    delta_pages             INTEGER NOT NULL,
    literal_pages           INTEGER NOT NULL,
    became_zero_pages       INTEGER NOT NULL,
    moved_pages             INTEGER NOT NULL,
    stored_byte_count       INTEGER NOT NULL,
    device_section_count    INTEGER NOT NULL,
    device_state_byte_count INTEGER NOT NULL,
    PRIMARY KEY (guest_id, number),
    FOREIGN KEY (guest_id, number) REFERENCES file
) STRICT, WITHOUT ROWID;

CREATE INDEX checkpoint_by_time ON checkpoint (guest_id, created_at, number);

CREATE TABLE ram_block (
    guest_id               INTEGER NOT NULL,
    number                 INTEGER NOT NULL,
    position               INTEGER NOT NULL,
    name                   TEXT    NOT NULL,
    byte_count             INTEGER NOT NULL,
    guest_physical_address INTEGER,                                          -- null: not known
    PRIMARY KEY (guest_id, number, position),
    FOREIGN KEY (guest_id, number) REFERENCES checkpoint ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE device_section (
    guest_id    INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    instance_id INTEGER NOT NULL,
    version_id  INTEGER NOT NULL,
    byte_count  INTEGER NOT NULL,
    PRIMARY KEY (guest_id, number, position),
    FOREIGN KEY (guest_id, number) REFERENCES checkpoint ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- The files that may contain a checkpoint's pages, as runs of numbers. In a chain of a thousand
-- checkpoints, each checkpoint has one row, not a thousand.
CREATE TABLE reference (
    guest_id     INTEGER NOT NULL,
    number       INTEGER NOT NULL,
    first_number INTEGER NOT NULL,
    last_number  INTEGER NOT NULL CHECK (last_number >= first_number),
    PRIMARY KEY (guest_id, number, first_number),
    FOREIGN KEY (guest_id, number) REFERENCES checkpoint ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
