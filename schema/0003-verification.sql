-- What verifications and walks have found. The files alone do not tell it, so `snap reindex` carries
-- these tables over from the old index.

-- When all that checkpoints need of a savevm file, and the checkpoint's device state, was last read.
-- A verification that a time limit has stopped continues at resume_group.
CREATE TABLE verified_file (
    guest_id     INTEGER NOT NULL REFERENCES guest,
    number       INTEGER NOT NULL CHECK (number BETWEEN 1 AND 16777215),
    generation   INTEGER NOT NULL CHECK (generation >= 0),
    verified_at  INTEGER,
    resume_group INTEGER NOT NULL CHECK (resume_group >= 0),
    PRIMARY KEY (guest_id, number)
) STRICT, WITHOUT ROWID;

-- Parts with wrong content. The group_number of all of a savevm file is -1, of a device-state file -2,
-- of a block table and references -3. A group has the slots 0 to 511; a cluster, only its own.
CREATE TABLE damaged_part (
    guest_id     INTEGER NOT NULL REFERENCES guest,
    number       INTEGER NOT NULL CHECK (number BETWEEN 1 AND 16777215),
    group_number INTEGER NOT NULL CHECK (group_number >= -3),
    first_slot   INTEGER NOT NULL CHECK (first_slot BETWEEN 0 AND 511),
    last_slot    INTEGER NOT NULL CHECK (last_slot BETWEEN first_slot AND 511),
    found_at     INTEGER NOT NULL,
    message      TEXT    NOT NULL,
    byte_offset  INTEGER,
    PRIMARY KEY (guest_id, number, group_number, first_slot)
) STRICT, WITHOUT ROWID;

-- Checkpoints that cannot be restored completely.
CREATE TABLE damaged_checkpoint (
    guest_id INTEGER NOT NULL REFERENCES guest,
    number   INTEGER NOT NULL CHECK (number BETWEEN 1 AND 16777215),
    PRIMARY KEY (guest_id, number)
) STRICT, WITHOUT ROWID;

-- The bytes of deleted checkpoints that the last reclamation of space has found and left.
CREATE TABLE reclamation (
    guest_id            INTEGER PRIMARY KEY REFERENCES guest,
    walked_at           INTEGER NOT NULL,
    unneeded_byte_count INTEGER NOT NULL CHECK (unneeded_byte_count >= 0)
) STRICT;
