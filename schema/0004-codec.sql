-- The checkpoints whose files were written with another codec than zlib.

CREATE TABLE checkpoint_codec (
    guest_id INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    codec    TEXT    NOT NULL,
    PRIMARY KEY (guest_id, number),
    FOREIGN KEY (guest_id, number) REFERENCES checkpoint ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
