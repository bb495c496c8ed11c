//! Every place in the schema that names a key of the ring.
//!
//! [`SEALED`] is the one list of them: sealing anew walks it, `retire` counts by it, and a test holds
//! it against the schema.

use nightlatch_core::{
    UserId,
    factors::{password::PasswordHash, totp::Seed},
    keys::{KeyRing, KeyTag, Nonce, Place},
    message::Message,
    proof::Proofs,
};

use super::Cell;
use crate::{
    Fault, FromRow, Row, Sql, Tx, Unit, args, sql,
    units::{totp::parameters, webauthn::Stored},
};

/// A column whose cells name the key that made them.
#[derive(Debug)]
pub struct SealedColumn {
    /// `table.column`.
    pub name: &'static str,
    /// Comes before the key of every row.
    pub(super) start: &'static [Start],
    /// Rows that another key than ?1 made, at most ?2, after the key ?3 (and ?4).
    pub(super) page: &'static Sql,
    /// Puts ?1 in the place of ?2 in the row with the key ?3 (and ?4).
    pub(super) swap: &'static Sql,
    /// How many rows each key made.
    needs: &'static Sql,
}

/// The type of a part of a row's key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start {
    Text,
    Blob,
}

impl SealedColumn {
    /// Whether its cells are secret: those of one column are signatures, which hide nothing.
    #[must_use]
    pub fn hides(&self) -> bool {
        self.name != "checkpoints.signature"
    }
}

const ID: &[Start] = &[Start::Blob];
const METHOD: &[Start] = &[Start::Blob, Start::Blob];

/// All of them.
pub static SEALED: [SealedColumn; 8] = [
    SealedColumn {
        name: "users.password",
        start: ID,
        page: sql!(
            "SELECT 'users.password', id, password FROM users WHERE id > ?3 \
             AND password IS NOT NULL AND substr(password, 2, 4) <> ?1 ORDER BY id LIMIT ?2"
        ),
        swap: sql!("UPDATE users SET password = ?1 WHERE id = ?3 AND password = ?2"),
        needs: sql!(
            "SELECT substr(password, 2, 4), COUNT(*) FROM users WHERE password IS NOT NULL \
             GROUP BY substr(password, 2, 4)"
        ),
    },
    SealedColumn {
        name: "totp.secret",
        start: METHOD,
        page: sql!(
            "SELECT 'totp.secret', user_id, method_id, secret, algorithm, digits, period \
             FROM totp WHERE (user_id, method_id) > (?3, ?4) AND substr(secret, 2, 4) <> ?1 \
             ORDER BY user_id, method_id LIMIT ?2"
        ),
        swap: sql!(
            "UPDATE totp SET secret = ?1 WHERE user_id = ?3 AND method_id = ?4 AND secret = ?2"
        ),
        needs: sql!(
            "SELECT substr(secret, 2, 4), COUNT(*) FROM totp GROUP BY substr(secret, 2, 4)"
        ),
    },
    SealedColumn {
        name: "pending_totp.secret",
        start: METHOD,
        page: sql!(
            "SELECT 'pending_totp.secret', user_id, method_id, secret, algorithm, digits, period \
             FROM pending_totp WHERE (user_id, method_id) > (?3, ?4) \
             AND substr(secret, 2, 4) <> ?1 ORDER BY user_id, method_id LIMIT ?2"
        ),
        swap: sql!(
            "UPDATE pending_totp SET secret = ?1 \
             WHERE user_id = ?3 AND method_id = ?4 AND secret = ?2"
        ),
        needs: sql!(
            "SELECT substr(secret, 2, 4), COUNT(*) FROM pending_totp GROUP BY substr(secret, 2, 4)"
        ),
    },
    SealedColumn {
        name: "webauthn.public_key",
        start: METHOD,
        page: sql!(
            "SELECT 'webauthn.public_key', user_id, method_id, kind, credential_id, public_key, \
             aaguid, attestation_key, attestation, trusted, transports, attachment, discoverable, \
             rp_id, backup_eligible, backup_state, uv_initialized, sign_count, CAST(1 AS BIGINT) \
             FROM webauthn WHERE (user_id, method_id) > (?3, ?4) \
             AND substr(public_key, 2, 4) <> ?1 ORDER BY user_id, method_id LIMIT ?2"
        ),
        swap: sql!(
            "UPDATE webauthn SET public_key = ?1 \
             WHERE user_id = ?3 AND method_id = ?4 AND public_key = ?2"
        ),
        needs: sql!(
            "SELECT substr(public_key, 2, 4), COUNT(*) FROM webauthn \
             GROUP BY substr(public_key, 2, 4)"
        ),
    },
    SealedColumn {
        name: "sessions.proofs",
        start: ID,
        page: sql!(
            "SELECT 'sessions.proofs', id, user_id, proofs FROM sessions WHERE id > ?3 \
             AND substr(proofs, 2, 4) <> ?1 ORDER BY id LIMIT ?2"
        ),
        swap: sql!("UPDATE sessions SET proofs = ?1 WHERE id = ?3 AND proofs = ?2"),
        needs: sql!(
            "SELECT substr(proofs, 2, 4), COUNT(*) FROM sessions GROUP BY substr(proofs, 2, 4)"
        ),
    },
    SealedColumn {
        name: "outbox.body",
        start: ID,
        page: sql!(
            "SELECT 'outbox.body', id, body FROM outbox WHERE id > ?3 \
             AND substr(body, 2, 4) <> ?1 ORDER BY id LIMIT ?2"
        ),
        swap: sql!("UPDATE outbox SET body = ?1 WHERE id = ?3 AND body = ?2"),
        needs: sql!("SELECT substr(body, 2, 4), COUNT(*) FROM outbox GROUP BY substr(body, 2, 4)"),
    },
    SealedColumn {
        name: "meta.value",
        start: &[Start::Text],
        page: sql!(
            "SELECT 'meta.value', key, value FROM meta WHERE key > ?3 \
             AND key IN ('ring', 'lasting') AND substr(value, 2, 4) <> ?1 ORDER BY key LIMIT ?2"
        ),
        swap: sql!("UPDATE meta SET value = ?1 WHERE key = ?3 AND value = ?2"),
        needs: sql!(
            "SELECT substr(value, 2, 4), COUNT(*) FROM meta WHERE key IN ('ring', 'lasting') \
             GROUP BY substr(value, 2, 4)"
        ),
    },
    // Not sealed but signed; without its key nobody could verify it any more.
    SealedColumn {
        name: "checkpoints.signature",
        start: ID,
        page: sql!(
            "SELECT 'checkpoints.signature', id, signature, body, key_tag FROM checkpoints \
             WHERE id > ?3 AND unhex(key_tag) <> ?1 ORDER BY id LIMIT ?2",
            pg: "SELECT 'checkpoints.signature', id, signature, body, key_tag FROM checkpoints \
             WHERE id > $3 AND decode(key_tag, 'hex') <> $1 ORDER BY id LIMIT $2"
        ),
        swap: sql!(
            "UPDATE checkpoints SET signature = ?1, key_tag = ?4 WHERE id = ?3 AND signature = ?2"
        ),
        needs: sql!(
            "SELECT unhex(key_tag), COUNT(*) FROM checkpoints GROUP BY key_tag",
            pg: "SELECT decode(key_tag, 'hex'), COUNT(*) FROM checkpoints GROUP BY key_tag"
        ),
    },
];

/// A cell that another key made.
pub struct Found {
    /// What its row is found by.
    pub(super) key: Vec<Cell>,
    user: Option<UserId>,
    made: Vec<u8>,
    how: How,
}

enum How {
    Sealed(Place),
    Signed { body: Vec<u8>, key_tag: String },
}

impl FromRow for Found {
    fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
        let name: String = row.get(0)?;
        let sealed = |key, made, place| Ok(Self { key, user: None, made, how: How::Sealed(place) });
        match name.as_str() {
            "users.password" => {
                let user = row.get(1)?;
                let found: Result<Self, Fault> =
                    sealed(one(row)?, row.get(2)?, PasswordHash::place(user));
                Ok(Self { user: Some(user), ..found? })
            }
            "totp.secret" | "pending_totp.secret" => {
                let parameters = parameters(row.get(4)?, row.get(5)?, row.get(6)?)?;
                let place = Seed::place(row.get(1)?, row.get(2)?, &parameters);
                sealed(two(row)?, row.get(3)?, place)
            }
            "webauthn.public_key" => {
                let stored = Stored::read(row, 1)?;
                sealed(two(row)?, stored.sealed_key, stored.credential.place())
            }
            "sessions.proofs" => {
                let user = row.get(2)?;
                let found = sealed(one(row)?, row.get(3)?, Proofs::place(row.get(1)?, user))?;
                Ok(Self { user: Some(user), ..found })
            }
            "outbox.body" => sealed(one(row)?, row.get(2)?, Message::place(row.get(1)?)),
            "meta.value" => {
                let key: String = row.get(1)?;
                let lasting = key == "lasting";
                let place = if lasting { KeyRing::lasting_place() } else { KeyRing::mark_place() };
                sealed(vec![Cell::Text(key)], row.get(2)?, place)
            }
            _ => {
                let how = How::Signed { body: row.get(3)?, key_tag: row.get(4)? };
                Ok(Self { key: one(row)?, user: None, made: row.get(2)?, how })
            }
        }
    }
}

fn one(row: &Row<'_>) -> Result<Vec<Cell>, Fault> {
    Ok(vec![Cell::Blob(row.get(1)?)])
}

fn two(row: &Row<'_>) -> Result<Vec<Cell>, Fault> {
    Ok(vec![Cell::Blob(row.get(1)?), Cell::Blob(row.get(2)?)])
}

impl Found {
    /// Whose account or session it is a part of.
    #[must_use]
    pub const fn user(&self) -> Option<UserId> {
        self.user
    }

    /// Whether it is sealed, and a key of this ring sealed it where it is.
    #[must_use]
    pub fn opens(&self, ring: &KeyRing) -> bool {
        matches!(&self.how, How::Sealed(place) if ring.opens(place, &self.made))
    }

    /// The parameters of the column's `swap`, with the cell made anew under the key that seals now;
    /// `None` if it is not what a key of this ring made there.
    #[must_use]
    pub fn remade(&self, ring: &KeyRing, nonce: Nonce) -> Option<Vec<Cell>> {
        let made = Cell::Blob(self.made.clone());
        let row = |new: Vec<u8>| [vec![Cell::Blob(new), made], self.key.clone()].concat();
        match &self.how {
            How::Sealed(place) => ring.reseal(place, &self.made, nonce).map(row),
            How::Signed { body, key_tag } => {
                let signers = ring.checkpoint_signers();
                let signer = signers.iter().find(|key| key.tag().to_string() == *key_tag)?;
                let genuine = signer.verify(body, &self.made);
                let now = signers.first().filter(|_| genuine)?;
                let mut cells = row(now.sign(body).to_vec());
                cells.push(Cell::Text(now.tag().to_string()));
                Some(cells)
            }
        }
    }
}

/// How many cells of one column a key made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// `table.column`.
    pub column: &'static str,
    /// The key.
    pub tag: KeyTag,
    /// How many.
    pub rows: i64,
}

/// Counts what each key made, in every column. Reads all of them: for a reader that may be slow.
pub struct Needs;

impl Unit for Needs {
    type Out = Vec<Need>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Need>, Fault> {
        let mut needs = Vec::new();
        for SealedColumn { name, needs: count, .. } in &SEALED {
            for (tag, rows) in tx.rows::<([u8; 4], i64)>(count, args![]).await? {
                needs.push(Need { column: name, tag: KeyTag::from_bytes(tag), rows });
            }
        }
        Ok(needs)
    }
}
