-- Keys of the ring that any node ever had, by their names. `sealed_at` is when a node was last seen
-- sealing with the key. A key that was retired stays here, so that nobody takes it for a new one.
CREATE TABLE ring_keys (
    tag         BYTEA PRIMARY KEY,
    known_at    BIGINT NOT NULL,
    sealed_from BIGINT,
    sealed_at   BIGINT,
    retired_at  BIGINT
);

-- Running servers and the names of their keys, the sealing one first. `since` is when they took them.
CREATE TABLE nodes (
    id      BYTEA PRIMARY KEY,
    name    TEXT NOT NULL,
    tags    BYTEA NOT NULL,
    since   BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
