//! Reading credentials: all of an account, or the one with an id.

use std::sync::Arc;

use nightlatch_core::{
    MethodId, UserId,
    factors::webauthn::{Aaguid, Credential, CredentialKind, CredentialState},
    keys::KeyRing,
    methods::State,
};

use crate::{
    Fault, FromRow, Row, Tx, Unit, args, sql,
    units::account::{self, Account},
};

/// A credential's row, its key still sealed.
pub(crate) struct Stored {
    pub(crate) credential: Credential,
    pub(crate) sealed_key: Vec<u8>,
    state: State,
}

impl FromRow for Stored {
    fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
        Self::read(row, 0)
    }
}

impl Stored {
    /// Reads the columns from the one at `at` on.
    pub(crate) fn read(row: &Row<'_>, at: usize) -> Result<Self, Fault> {
        let kind = CredentialKind::from_code(row.get(at + 2)?);
        let transports: String = row.get(at + 9)?;
        let sign_count = u32::try_from(row.get::<i64>(at + 16)?);
        let credential = Credential {
            user: row.get(at)?,
            method: row.get(at + 1)?,
            kind: kind.ok_or_else(|| Fault::corrupt("webauthn.kind"))?,
            id: row.get(at + 3)?,
            public_key: Vec::new(),
            aaguid: Aaguid(row.get(at + 5)?),
            attestation_key: row.get(at + 6)?,
            attestation: row.get(at + 7)?,
            trusted: row.get(at + 8)?,
            transports: transports.split_whitespace().map(str::to_owned).collect(),
            attachment: row.get(at + 10)?,
            discoverable: row.get(at + 11)?,
            rp_id: row.get(at + 12)?,
            backup_eligible: row.get(at + 13)?,
            state: CredentialState {
                sign_count: sign_count.map_err(|_| Fault::corrupt("webauthn.sign_count"))?,
                backup_state: row.get(at + 14)?,
                uv_initialized: row.get(at + 15)?,
            },
        };
        Ok(Self { credential, sealed_key: row.get(at + 4)?, state: row.get(at + 17)? })
    }

    fn open(self, ring: &KeyRing) -> Result<(State, Credential), Fault> {
        let opened = self.credential.with_key(ring, &self.sealed_key);
        opened
            .map(|credential| (self.state, credential))
            .ok_or_else(|| Fault::corrupt("webauthn.public_key"))
    }
}

/// Reads every credential of an account, whatever became of it.
pub struct Credentials {
    /// Opens their keys.
    pub ring: Arc<KeyRing>,
    /// Whose.
    pub user: UserId,
}

impl Unit for Credentials {
    type Out = Vec<(State, Credential)>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Out, Fault> {
        let rows = tx
            .rows::<Stored>(
                sql!(
                    "SELECT w.user_id, w.method_id, w.kind, w.credential_id, w.public_key, \
                     w.aaguid, w.attestation_key, w.attestation, w.trusted, w.transports, \
                     w.attachment, w.discoverable, w.rp_id, w.backup_eligible, w.backup_state, \
                     w.uv_initialized, w.sign_count, m.state FROM webauthn w JOIN methods m \
                     ON m.user_id = w.user_id AND m.id = w.method_id \
                     WHERE w.user_id = ?1 ORDER BY w.method_id"
                ),
                args![self.user],
            )
            .await?;
        rows.into_iter().map(|row| row.open(&self.ring)).collect()
    }
}

pub(crate) async fn by_method(
    tx: &mut Tx<'_>,
    ring: &KeyRing,
    user: UserId,
    method: MethodId,
) -> Result<Option<(State, Credential)>, Fault> {
    let row = tx
        .row::<Stored>(
            sql!(
                "SELECT w.user_id, w.method_id, w.kind, w.credential_id, w.public_key, w.aaguid, \
                 w.attestation_key, w.attestation, w.trusted, w.transports, w.attachment, \
                 w.discoverable, w.rp_id, w.backup_eligible, w.backup_state, w.uv_initialized, \
                 w.sign_count, m.state FROM webauthn w JOIN methods m \
                 ON m.user_id = w.user_id AND m.id = w.method_id \
                 WHERE w.user_id = ?1 AND w.method_id = ?2"
            ),
            args![user, method],
        )
        .await?;
    row.map(|row| row.open(ring)).transpose()
}

/// Looks for the credential with an id, for a sign-in that begins with it. The statements are the
/// same whether there is one or not.
pub struct ByCredential {
    /// Opens its key.
    pub ring: Arc<KeyRing>,
    /// Where it is found.
    pub lookup: [u8; 32],
}

/// What was found.
#[derive(Debug)]
pub enum Found {
    /// A credential of this account.
    Credential(Box<Account>, State, Box<Credential>),
    /// The key of a credential that was removed.
    Removed(Vec<u8>),
    /// Nothing.
    Nothing,
}

impl Unit for ByCredential {
    type Out = Found;

    const ONE_QUESTION: bool = true;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Found, Fault> {
        let found = tx
            .row::<Known>(
                sql!(
                    "SELECT r.public_key, c.user_id, \
                     u.id, u.email, u.name, u.locale, u.state, u.epoch, u.password, \
                     u.password_at, u.email_verified_at, u.is_admin, u.bootstrap_until, \
                     u.created_at, w.user_id, w.method_id, w.kind, w.credential_id, \
                     w.public_key, w.aaguid, w.attestation_key, w.attestation, w.trusted, \
                     w.transports, w.attachment, w.discoverable, w.rp_id, w.backup_eligible, \
                     w.backup_state, w.uv_initialized, w.sign_count, m.state FROM (SELECT 1) x \
                     LEFT JOIN removed_credentials r ON r.lookup = ?1 \
                     LEFT JOIN credentials c ON c.lookup = ?1 \
                     LEFT JOIN users u ON u.id = c.user_id \
                     LEFT JOIN webauthn w ON w.user_id = c.user_id AND w.method_id = c.method_id \
                     LEFT JOIN methods m ON m.user_id = c.user_id AND m.id = c.method_id"
                ),
                args![&self.lookup],
            )
            .await?;
        Ok(match found {
            Some(Known { credential: Some((account, stored)), .. }) => {
                let (state, credential) = stored.open(&self.ring)?;
                Found::Credential(Box::new(account), state, Box::new(credential))
            }
            Some(Known { removed: Some(key), .. }) => Found::Removed(key),
            Some(_) | None => Found::Nothing,
        })
    }
}

/// What there is under an id.
struct Known {
    removed: Option<Vec<u8>>,
    credential: Option<(Account, Stored)>,
}

impl FromRow for Known {
    fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
        const ACCOUNT: usize = 2;
        let user = row.get::<Option<UserId>>(1)?;
        let credential = match user {
            Some(_) => {
                let account = Account::from_columns(row, ACCOUNT)?;
                Some((account, Stored::read(row, ACCOUNT + account::COLUMNS)?))
            }
            None => None,
        };
        Ok(Self { removed: row.get(0)?, credential })
    }
}
