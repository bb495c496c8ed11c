-- Times are milliseconds since the Unix epoch. Ids are 16 time-ordered bytes. Whatever a
-- verification touches is keyed by its user first.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    id                BLOB PRIMARY KEY,
    email             TEXT NOT NULL,
    name              TEXT,
    locale            TEXT,
    state             INTEGER NOT NULL,
    epoch             INTEGER NOT NULL,
    password          BLOB,
    password_at       INTEGER,
    email_verified_at INTEGER,
    is_admin          INTEGER NOT NULL,
    bootstrap_until   INTEGER,
    created_at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Looked up by a keyed hash of the normalised address.
CREATE TABLE addresses (
    lookup  BLOB PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id)
) STRICT, WITHOUT ROWID;

-- Confirmed methods only: a row here makes a second factor required.
CREATE TABLE methods (
    user_id    BLOB NOT NULL REFERENCES users (id),
    id         BLOB NOT NULL,
    factor     INTEGER NOT NULL,
    name       TEXT NOT NULL,
    state      INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE totp (
    user_id      BLOB NOT NULL,
    method_id    BLOB NOT NULL,
    secret       BLOB NOT NULL,
    algorithm    INTEGER NOT NULL,
    digits       INTEGER NOT NULL,
    period       INTEGER NOT NULL,
    last_step    INTEGER NOT NULL,
    drift        INTEGER NOT NULL,
    last_used_at INTEGER,
    PRIMARY KEY (user_id, method_id),
    FOREIGN KEY (user_id, method_id) REFERENCES methods (user_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- One enrolment at a time; it belongs to the session, or the sign-in, that began it.
CREATE TABLE pending_totp (
    user_id    BLOB PRIMARY KEY REFERENCES users (id),
    method_id  BLOB NOT NULL,
    lineage    BLOB NOT NULL,
    epoch      INTEGER NOT NULL,
    name       TEXT NOT NULL,
    secret     BLOB NOT NULL,
    algorithm  INTEGER NOT NULL,
    digits     INTEGER NOT NULL,
    period     INTEGER NOT NULL,
    codes_set  BLOB,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE recovery_sets (
    user_id         BLOB NOT NULL REFERENCES users (id),
    id              BLOB NOT NULL,
    active          INTEGER NOT NULL,
    salt            BLOB NOT NULL,
    pepper          BLOB NOT NULL,
    memory_kib      INTEGER NOT NULL,
    iterations      INTEGER NOT NULL,
    parallelism     INTEGER NOT NULL,
    generated_at    INTEGER NOT NULL,
    acknowledged_at INTEGER,
    PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE recovery_codes (
    user_id   BLOB NOT NULL,
    set_id    BLOB NOT NULL,
    number    INTEGER NOT NULL,
    hash      BLOB NOT NULL,
    used_at   INTEGER,
    used_from TEXT,
    PRIMARY KEY (user_id, set_id, number),
    FOREIGN KEY (user_id, set_id) REFERENCES recovery_sets (user_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Attempts at second factors, one row per user and factor.
CREATE TABLE attempts (
    user_id        BLOB NOT NULL REFERENCES users (id),
    factor         INTEGER NOT NULL,
    failures       INTEGER NOT NULL,
    known_streak   INTEGER NOT NULL,
    known_at       INTEGER NOT NULL,
    unknown_streak INTEGER NOT NULL,
    unknown_at     INTEGER NOT NULL,
    PRIMARY KEY (user_id, factor)
) STRICT, WITHOUT ROWID;

-- Attempts at passwords and mails to addresses: at most 2^24 rows, alike for unknown addresses.
CREATE TABLE budgets (
    slot    INTEGER PRIMARY KEY,
    streak  INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT;

-- Sealed tokens that were presented: how often in vain, and whether they are used up.
CREATE TABLE presented (
    id         BLOB PRIMARY KEY,
    tries      INTEGER NOT NULL,
    burned     INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    id          BLOB PRIMARY KEY,
    user_id     BLOB NOT NULL REFERENCES users (id),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    idle_until  INTEGER NOT NULL,
    seen_at     INTEGER NOT NULL,
    proofs      BLOB NOT NULL,
    secrets     INTEGER NOT NULL,
    generation  INTEGER NOT NULL,
    refresh     BLOB NOT NULL,
    rotated_at  INTEGER NOT NULL,
    client      TEXT,
    address     TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE invites (
    id         BLOB PRIMARY KEY,
    lookup     BLOB NOT NULL,
    hash       BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE mail_codes (
    user_id    BLOB PRIMARY KEY REFERENCES users (id),
    id         BLOB NOT NULL,
    lineage    BLOB NOT NULL,
    tries      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    id     BLOB PRIMARY KEY,
    due_at INTEGER NOT NULL,
    tries  INTEGER NOT NULL,
    body   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    chain   BLOB NOT NULL,
    seq     INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    user_id BLOB,
    body    TEXT NOT NULL,
    hash    BLOB NOT NULL,
    PRIMARY KEY (chain, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoints (
    id        BLOB PRIMARY KEY,
    body      BLOB NOT NULL,
    key_tag   TEXT NOT NULL,
    signature BLOB NOT NULL
) STRICT, WITHOUT ROWID;
