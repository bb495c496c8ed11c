//! The audit trail: what an event says, and the hash chain that shows whether it was edited or cut.
//!
//! Every writer of the store keeps a chain of its own per start of the process; a signed checkpoint
//! every few seconds names the heads of the chains ([`Checkpoint`]). An event never holds a secret:
//! its fields are closed enums, ids, names of settings, counts and network addresses.

use std::net::IpAddr;

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use crate::{SessionId, Timestamp, UserId, assurance::Level, keys::KeyTag, proof::Factor};

/// What happened. The names are stable: operators filter on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it; docs/reference/audit.md explains each")]
pub enum Kind {
    AccountRegistered,
    AccountChanged,
    AccountDisabled,
    AccountEnabled,
    AdministratorInvited,
    AdministratorMade,
    AuditOpened,
    AuditClosed,
    CounterSuspicious,
    KeyAdded,
    KeyPromoted,
    KeyRetired,
    KeysResealed,
    MethodConfirmed,
    MethodDisabled,
    MethodRenamed,
    MethodRemoved,
    MethodSuspended,
    MethodsReset,
    PasswordChanged,
    RecoveryCodesAcknowledged,
    RecoveryCodesRegenerated,
    RefreshReused,
    Restored,
    RiskAccepted,
    SessionEnded,
    SessionsEnded,
    SignIn,
    StepUp,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Outcome {
    Success,
    Failure,
}

/// Why a refusal was a refusal: for operators, never for the one who was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it; docs/reference/audit.md explains each")]
pub enum Reason {
    WrongPassword,
    WrongCode,
    StaleCode,
    ReplayedCode,
    SpentCode,
    WrongCredential,
    ClonedCredential,
    CompromisedModel,
    Throttled,
    Disabled,
    EmailUnverified,
    RecoveryRequired,
    EnrollmentRequired,
    MethodAdded,
    MethodRemoved,
    PasswordChanged,
    SignedOut,
    RevokedByUser,
    RefreshReused,
    ByAdministrator,
}

/// One event. `user` is `None` for what concerns the installation as a whole.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// When it happened. Kept in a column of its own.
    #[serde(skip)]
    pub at: Timestamp,
    /// What happened.
    pub kind: Kind,
    /// How it ended.
    pub outcome: Outcome,
    /// Whose account it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// In which session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// Which factor was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<Factor>,
    /// The level that was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Why it was refused or ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Which key of the ring.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyTag>,
    /// Which setting weakens something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setting: Option<&'static str>,
    /// The client's network address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// How many events like this one were left out before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<i64>,
}

impl Event {
    /// An event of this kind that succeeded; the other fields are set with struct update syntax.
    #[must_use]
    pub const fn success(kind: Kind, at: Timestamp) -> Self {
        Self {
            at,
            kind,
            outcome: Outcome::Success,
            user: None,
            session: None,
            factor: None,
            level: None,
            reason: None,
            key: None,
            setting: None,
            address: None,
            suppressed: None,
        }
    }

    /// An event of this kind that was refused for `reason`.
    #[must_use]
    pub const fn failure(kind: Kind, at: Timestamp, reason: Reason) -> Self {
        Self { outcome: Outcome::Failure, reason: Some(reason), ..Self::success(kind, at) }
    }

    /// The event as the JSON text that is stored and hashed.
    ///
    /// # Panics
    ///
    /// Never: an event is plain data.
    #[must_use]
    pub fn body(&self) -> String {
        serde_json::to_string(self).expect("an event is plain data")
    }
}

/// A hash in a chain of events.
pub type Hash = [u8; 32];

/// Where a chain stands: how many events it has, and the hash of the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The chain: the time-ordered id that its writer drew when it opened it.
    pub chain: [u8; 16],
    /// Number of the last event; the first is 1.
    pub seq: i64,
    /// Hash of the last event.
    pub hash: Hash,
}

impl Head {
    /// The head of a chain that holds no event yet.
    #[must_use]
    pub const fn empty(chain: [u8; 16]) -> Self {
        Self { chain, seq: 0, hash: [0; 32] }
    }

    /// The head after one more event.
    #[must_use]
    pub fn next(&self, at: Timestamp, body: &str) -> Self {
        let seq = self.seq + 1;
        let mut context = Context::new(&SHA256);
        context.update(&[1]); // format of the record
        context.update(&self.chain);
        context.update(&seq.to_be_bytes());
        context.update(&at.millis().to_be_bytes());
        context.update(&u64::try_from(body.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(body.as_bytes());
        context.update(&self.hash);
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        Self { chain: self.chain, seq, hash }
    }
}

/// A statement about where the chains stood, to be signed: it names their heads and the checkpoint
/// before it, so that neither an event nor a checkpoint can be taken out unseen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// When it was made.
    pub at: Timestamp,
    /// Hash of the newest checkpoint that was there before; zeros for the first.
    pub previous: Hash,
    /// The heads.
    pub heads: Vec<Head>,
}

impl Checkpoint {
    /// The bytes that are signed and stored.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let count = i64::try_from(self.heads.len()).unwrap_or(i64::MAX);
        let start = crate::wire::Writer::default().time(self.at).bytes(&self.previous).int(count);
        self.heads
            .iter()
            .fold(start, |writer, head| writer.bytes(&head.chain).int(head.seq).bytes(&head.hash))
            .finish()
    }

    /// Reads what [`Checkpoint::to_bytes`] wrote; `None` if it is anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = crate::wire::Reader(bytes);
        let at = reader.time()?;
        let previous = reader.array()?;
        let count = reader.int()?;
        let mut heads = Vec::new();
        for _ in 0..count {
            let chain = reader.array()?;
            heads.push(Head { chain, seq: reader.int()?, hash: reader.array()? });
        }
        reader.end()?;
        Some(Self { at, previous, heads })
    }

    /// What the next checkpoint names as its `previous`.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let mut hash = [0; 32];
        hash.copy_from_slice(aws_lc_rs::digest::digest(&SHA256, &self.to_bytes()).as_ref());
        hash
    }
}
