-- Where a credential is found by the hash of its id: unique over all users. Inserted first, as the
-- guard of an enrolment, so its method may follow within the transaction.
CREATE TABLE credentials (
    lookup    BLOB PRIMARY KEY,
    user_id   BLOB NOT NULL REFERENCES users (id),
    method_id BLOB NOT NULL,
    FOREIGN KEY (user_id, method_id) REFERENCES methods (user_id, id)
        ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;

CREATE INDEX credentials_method ON credentials (user_id, method_id);

-- Passkeys and security keys. The public key is sealed, so that nobody can put another in its place.
CREATE TABLE webauthn (
    user_id         BLOB NOT NULL,
    method_id       BLOB NOT NULL,
    kind            INTEGER NOT NULL,
    credential_id   BLOB NOT NULL,
    public_key      BLOB NOT NULL,
    aaguid          BLOB NOT NULL,
    attestation_key BLOB,
    attestation     TEXT NOT NULL,
    trusted         INTEGER NOT NULL,
    transports      TEXT NOT NULL,
    attachment      TEXT,
    discoverable    INTEGER,
    rp_id           TEXT NOT NULL,
    backup_eligible INTEGER NOT NULL,
    backup_state    INTEGER NOT NULL,
    uv_initialized  INTEGER NOT NULL,
    sign_count      INTEGER NOT NULL,
    last_used_at    INTEGER,
    PRIMARY KEY (user_id, method_id),
    FOREIGN KEY (user_id, method_id) REFERENCES methods (user_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Credentials that were removed: whoever still holds the key of one is told to forget it.
CREATE TABLE removed_credentials (
    lookup     BLOB PRIMARY KEY,
    public_key BLOB NOT NULL,
    removed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
