-- Times are milliseconds since the Unix epoch. Ids are 16 time-ordered bytes. Whatever a
-- verification touches is keyed by its user first.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value BYTEA NOT NULL
);

CREATE TABLE users (
    id                BYTEA PRIMARY KEY,
    email             TEXT NOT NULL,
    name              TEXT,
    locale            TEXT,
    state             BIGINT NOT NULL,
    epoch             BIGINT NOT NULL,
    password          BYTEA,
    password_at       BIGINT,
    email_verified_at BIGINT,
    is_admin          BIGINT NOT NULL,
    bootstrap_until   BIGINT,
    created_at        BIGINT NOT NULL
);

-- Looked up by a keyed hash of the normalised address.
CREATE TABLE addresses (
    lookup  BYTEA PRIMARY KEY,
    user_id BYTEA NOT NULL REFERENCES users (id)
);

-- Confirmed methods only: a row here makes a second factor required.
CREATE TABLE methods (
    user_id    BYTEA NOT NULL REFERENCES users (id),
    id         BYTEA NOT NULL,
    factor     BIGINT NOT NULL,
    name       TEXT NOT NULL,
    state      BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, id)
);

CREATE TABLE totp (
    user_id      BYTEA NOT NULL,
    method_id    BYTEA NOT NULL,
    secret       BYTEA NOT NULL,
    algorithm    BIGINT NOT NULL,
    digits       BIGINT NOT NULL,
    period       BIGINT NOT NULL,
    last_step    BIGINT NOT NULL,
    drift        BIGINT NOT NULL,
    last_used_at BIGINT,
    PRIMARY KEY (user_id, method_id),
    FOREIGN KEY (user_id, method_id) REFERENCES methods (user_id, id) ON DELETE CASCADE
);

-- One enrolment at a time; it belongs to the session, or the sign-in, that began it.
CREATE TABLE pending_totp (
    user_id    BYTEA PRIMARY KEY REFERENCES users (id),
    method_id  BYTEA NOT NULL,
    lineage    BYTEA NOT NULL,
    epoch      BIGINT NOT NULL,
    name       TEXT NOT NULL,
    secret     BYTEA NOT NULL,
    algorithm  BIGINT NOT NULL,
    digits     BIGINT NOT NULL,
    period     BIGINT NOT NULL,
    codes_set  BYTEA,
    expires_at BIGINT NOT NULL
);

CREATE TABLE recovery_sets (
    user_id         BYTEA NOT NULL REFERENCES users (id),
    id              BYTEA NOT NULL,
    active          BIGINT NOT NULL,
    salt            BYTEA NOT NULL,
    pepper          BYTEA NOT NULL,
    memory_kib      BIGINT NOT NULL,
    iterations      BIGINT NOT NULL,
    parallelism     BIGINT NOT NULL,
    generated_at    BIGINT NOT NULL,
    acknowledged_at BIGINT,
    PRIMARY KEY (user_id, id)
);

CREATE TABLE recovery_codes (
    user_id   BYTEA NOT NULL,
    set_id    BYTEA NOT NULL,
    number    BIGINT NOT NULL,
    hash      BYTEA NOT NULL,
    used_at   BIGINT,
    used_from TEXT,
    PRIMARY KEY (user_id, set_id, number),
    FOREIGN KEY (user_id, set_id) REFERENCES recovery_sets (user_id, id) ON DELETE CASCADE
);

-- Attempts at second factors, one row per user and factor.
CREATE TABLE attempts (
    user_id        BYTEA NOT NULL REFERENCES users (id),
    factor         BIGINT NOT NULL,
    failures       BIGINT NOT NULL,
    known_streak   BIGINT NOT NULL,
    known_at       BIGINT NOT NULL,
    unknown_streak BIGINT NOT NULL,
    unknown_at     BIGINT NOT NULL,
    PRIMARY KEY (user_id, factor)
);

-- Attempts at passwords and mails to addresses: at most 2^24 rows, alike for unknown addresses.
CREATE TABLE budgets (
    slot    BIGINT PRIMARY KEY,
    streak  BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);

-- Sealed tokens that were presented: how often in vain, and whether they are used up.
CREATE TABLE presented (
    id         BYTEA PRIMARY KEY,
    tries      BIGINT NOT NULL,
    burned     BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE sessions (
    id          BYTEA PRIMARY KEY,
    user_id     BYTEA NOT NULL REFERENCES users (id),
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    idle_until  BIGINT NOT NULL,
    seen_at     BIGINT NOT NULL,
    proofs      BYTEA NOT NULL,
    secrets     BIGINT NOT NULL,
    generation  BIGINT NOT NULL,
    refresh     BYTEA NOT NULL,
    rotated_at  BIGINT NOT NULL,
    client      TEXT,
    address     TEXT
);

CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE invites (
    id         BYTEA PRIMARY KEY,
    lookup     BYTEA NOT NULL,
    hash       BYTEA NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE mail_codes (
    user_id    BYTEA PRIMARY KEY REFERENCES users (id),
    id         BYTEA NOT NULL,
    lineage    BYTEA NOT NULL,
    tries      BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE outbox (
    id     BYTEA PRIMARY KEY,
    due_at BIGINT NOT NULL,
    tries  BIGINT NOT NULL,
    body   BYTEA NOT NULL
);

CREATE TABLE audit (
    chain   BYTEA NOT NULL,
    seq     BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    user_id BYTEA,
    body    TEXT NOT NULL,
    hash    BYTEA NOT NULL,
    PRIMARY KEY (chain, seq)
);

CREATE TABLE checkpoints (
    id        BYTEA PRIMARY KEY,
    body      BYTEA NOT NULL,
    key_tag   TEXT NOT NULL,
    signature BYTEA NOT NULL
);
