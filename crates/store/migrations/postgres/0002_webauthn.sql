-- Where a credential is found by the hash of its id: unique over all users. Inserted first, as the
-- guard of an enrolment, so its method may follow within the transaction.
CREATE TABLE credentials (
    lookup    BYTEA PRIMARY KEY,
    user_id   BYTEA NOT NULL REFERENCES users (id),
    method_id BYTEA NOT NULL,
    FOREIGN KEY (user_id, method_id) REFERENCES methods (user_id, id)
        ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);

CREATE INDEX credentials_method ON credentials (user_id, method_id);

-- Passkeys and security keys. The public key is sealed, so that nobody can put another in its place.
CREATE TABLE webauthn (
    user_id         BYTEA NOT NULL,
    method_id       BYTEA NOT NULL,
    kind            BIGINT NOT NULL,
    credential_id   BYTEA NOT NULL,
    public_key      BYTEA NOT NULL,
    aaguid          BYTEA NOT NULL,
    attestation_key BYTEA,
    attestation     TEXT NOT NULL,
    trusted         BIGINT NOT NULL,
    transports      TEXT NOT NULL,
    attachment      TEXT,
    discoverable    BIGINT,
    rp_id           TEXT NOT NULL,
    backup_eligible BIGINT NOT NULL,
    backup_state    BIGINT NOT NULL,
    uv_initialized  BIGINT NOT NULL,
    sign_count      BIGINT NOT NULL,
    last_used_at    BIGINT,
    PRIMARY KEY (user_id, method_id),
    FOREIGN KEY (user_id, method_id) REFERENCES methods (user_id, id) ON DELETE CASCADE
);

-- Credentials that were removed: whoever still holds the key of one is told to forget it.
CREATE TABLE removed_credentials (
    lookup     BYTEA PRIMARY KEY,
    public_key BYTEA NOT NULL,
    removed_at BIGINT NOT NULL
);
