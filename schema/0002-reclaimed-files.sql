-- Retired files whose dead parts a reclamation of space has freed as far as it could. A file that is
-- not here was retired later, or its index row was rebuilt: its dead parts may still take space.

CREATE TABLE reclaimed_file (
    guest_id INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    PRIMARY KEY (guest_id, number),
    FOREIGN KEY (guest_id, number) REFERENCES file ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
