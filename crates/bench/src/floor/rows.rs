//! The rows of one verification, in statements that both engines read: their parameters are numbered
//! in the order in which they first occur.

use data_encoding::HEXLOWER;
use nightlatch_core::Timestamp;

use crate::now;

/// The rows of one verification.
pub(super) struct Verification {
    pub(super) factor: Factor,
    /// What finds the method.
    pub(super) key: Vec<u8>,
    /// What is presented: gone afterwards.
    pub(super) id: Vec<u8>,
    pub(super) session: [u8; 16],
    /// What is spent: a time step, or a counter that stays at 0.
    pub(super) step: i64,
    pub(super) now: Timestamp,
}

impl Verification {
    /// A verification of what `id` stands for, in hexadecimal digits.
    pub(super) fn new(factor: Factor, key: Vec<u8>, id: &str, step: i64) -> Option<Self> {
        let id = HEXLOWER.decode(id.as_bytes()).ok()?;
        let session = id.as_slice().try_into().ok()?;
        Some(Self { factor, key, id, session, step, now: now() })
    }
}

/// What is verified.
#[derive(Clone, Copy)]
pub(super) enum Factor {
    /// The code of an app, found by its user.
    Totp,
    /// A passkey, found by its credential.
    Passkey,
}

impl Factor {
    /// Reads whose method it is, which, and what is sealed of it.
    pub(super) const fn read(self) -> &'static str {
        match self {
            Self::Totp => "SELECT user_id, method_id, secret FROM totp WHERE user_id = $1",
            Self::Passkey => {
                "SELECT w.user_id, w.method_id, w.public_key FROM credentials c JOIN webauthn w \
                 ON w.user_id = c.user_id AND w.method_id = c.method_id WHERE c.lookup = $1"
            }
        }
    }

    /// Spends it, once.
    pub(super) const fn spend(self) -> &'static str {
        match self {
            Self::Totp => {
                "UPDATE totp SET last_step = $1, last_used_at = $2 \
                 WHERE user_id = $3 AND method_id = $4 AND last_step < $1"
            }
            Self::Passkey => {
                "UPDATE webauthn SET sign_count = $1, last_used_at = $2 \
                 WHERE user_id = $3 AND method_id = $4 AND sign_count = $1"
            }
        }
    }
}

/// Ends what was presented.
pub(super) const BURN: &str =
    "INSERT INTO presented (id, tries, burned, expires_at) VALUES ($1, 1, 1, $2)";

/// Opens the session.
pub(super) const OPEN: &str = "INSERT INTO sessions (id, user_id, created_at, expires_at, \
    idle_until, seen_at, proofs, secrets, generation, refresh, rotated_at, client, address) \
    VALUES ($1, $2, $3, $3, $3, $3, $4, 1, 1, $5, $3, 'bench', '127.0.0.1')";

/// Tells of it.
pub(super) const AUDIT: &str = "INSERT INTO audit (chain, seq, at, user_id, body, hash) \
    VALUES ($1, $2, $3, $4, $5, $6)";

/// What a verification writes beside keys and numbers: as many bytes as Nightlatch's.
pub(super) const PROOFS: [u8; 81] = [1; 81];
pub(super) const HASH: [u8; 32] = [2; 32];
pub(super) const EVENT: &str = r#"{"kind":"sign_in","outcome":"success","factor":"totp","level":"aal2","session":"ses_01j00000000000000000000000","address":"127.0.0.1"}"#;
