-- Keys of the ring that any node ever had, by their names. `sealed_at` is when a node was last seen
-- sealing with the key. A key that was retired stays here, so that nobody takes it for a new one.
CREATE TABLE ring_keys (
    tag         BLOB PRIMARY KEY,
    known_at    INTEGER NOT NULL,
    sealed_from INTEGER,
    sealed_at   INTEGER,
    retired_at  INTEGER
) STRICT, WITHOUT ROWID;

-- Running servers and the names of their keys, the sealing one first. `since` is when they took them.
CREATE TABLE nodes (
    id      BLOB PRIMARY KEY,
    name    TEXT NOT NULL,
    tags    BLOB NOT NULL,
    since   INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
