//! Proofs: the only key to a session's assurance.
//!
//! A [`Proof`] says that one factor was just verified. It can be made in this crate alone, by the
//! verifiers in [`crate::factors`] and [`crate::token`], it is used up by value, and it carries the
//! [`Evidence`] that the store must spend in the same transaction. What a session has proved so far
//! is a [`Proofs`]: it grows by proofs and by nothing else, and it is stored sealed, so that neither
//! code nor a writer in the database can raise a session without one.

use serde::{Deserialize, Serialize};

use crate::{
    MethodId, SessionId, Timestamp, UserId,
    keys::{Aad, KeyRing, Nonce, Purpose},
    wire::{Reader, Writer},
};

/// What can be proved at a sign-in or step-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// Something known: the account's password.
    Password,
    /// A code of an authenticator app (RFC 6238).
    Totp,
    /// A recovery code, a look-up secret in NIST SP 800-63B's words.
    BackupCode,
    /// Control of the verified mailbox, by a mailed link or code. Never raises a level.
    Email,
}

impl Factor {
    /// Every factor there is.
    pub const ALL: [Self; 4] = [Self::Password, Self::Totp, Self::BackupCode, Self::Email];

    /// The name on the wire: a method's `type` in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Totp => "totp",
            Self::BackupCode => "backup_code",
            Self::Email => "email",
        }
    }

    /// The number that rows and seals keep; never reused.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Password => 1,
            Self::Totp => 2,
            Self::BackupCode => 3,
            Self::Email => 4,
        }
    }

    /// The factor with this number.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|factor| factor.code() == code)
    }

    /// What kind of thing it is: two factors make a second level only if their kinds differ.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Password => Kind::Know,
            Self::Totp | Self::BackupCode => Kind::Have,
            Self::Email => Kind::Reach,
        }
    }
}

/// The kinds of factors (NIST SP 800-63B §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something one knows.
    Know,
    /// Something one has.
    Have,
    /// An address one can read: not an authentication factor.
    Reach,
}

/// What has to be spent, once, before a proof counts.
#[derive(Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A password: may be used again.
    Password,
    /// The time step of one TOTP method: no step up to it may be accepted again.
    TotpStep {
        /// The method that accepted it.
        method: MethodId,
        /// The step (RFC 6238's T).
        step: i64,
        /// The drift, in steps, that the method has now learned.
        drift: i64,
    },
    /// One code of a set of recovery codes.
    RecoveryCode {
        /// The set.
        set: [u8; 16],
        /// Which code of the set.
        number: i64,
    },
    /// A mailed link or code; its id is burned.
    Mail {
        /// The id of the link or code.
        id: [u8; 16],
    },
}

/// One factor, verified a moment ago. Neither `Clone` nor constructible outside this crate.
#[derive(Debug)]
#[must_use = "a proof that is not spent proves nothing"]
pub struct Proof {
    user: UserId,
    record: Record,
    evidence: Evidence,
}

impl Proof {
    pub(crate) const fn new(
        user: UserId,
        factor: Factor,
        at: Timestamp,
        evidence: Evidence,
    ) -> Self {
        Self { user, record: Record { factor, at }, evidence }
    }

    /// Whose factor it is. The store compares it with the account that is signing in.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// Which factor.
    #[must_use]
    pub const fn factor(&self) -> Factor {
        self.record.factor
    }

    /// What must be spent with it.
    #[must_use]
    pub const fn evidence(&self) -> &Evidence {
        &self.evidence
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Record {
    factor: Factor,
    at: Timestamp,
}

/// Everything that one session, or one sign-in on its way to a session, has proved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proofs(Vec<Record>);

impl Proofs {
    /// These proofs and one more; an older proof of the same factor gives way.
    ///
    /// The proof stays with the unit of work that spends its evidence, which may have to run again.
    #[must_use]
    pub fn with(mut self, proof: &Proof) -> Self {
        self.0.retain(|record| record.factor != proof.record.factor);
        self.0.push(proof.record);
        self
    }

    /// When `factor` was last proved.
    #[must_use]
    pub fn at(&self, factor: Factor) -> Option<Timestamp> {
        self.0.iter().find(|record| record.factor == factor).map(|record| record.at)
    }

    /// The factors and when they were proved, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (Factor, Timestamp)> {
        self.0.iter().map(|record| (record.factor, record.at))
    }

    pub(crate) fn write(&self, writer: Writer) -> Writer {
        let count = i64::try_from(self.0.len()).unwrap_or(i64::MAX);
        self.0.iter().fold(writer.int(count), |writer, record| {
            writer.int(record.factor.code()).time(record.at)
        })
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let count = reader.int()?;
        let mut records = Vec::new();
        for _ in 0..count {
            let factor = Factor::from_code(reader.int()?)?;
            records.push(Record { factor, at: reader.time()? });
        }
        Some(Self(records))
    }

    /// Seals the proofs of `session` for its row.
    #[must_use]
    pub fn seal(&self, ring: &KeyRing, nonce: Nonce, session: SessionId, user: UserId) -> Vec<u8> {
        let plain = self.write(Writer::default()).finish();
        ring.seal(Purpose::SessionProofs, nonce, &session_aad(session, user), &plain)
    }

    /// Opens what [`Proofs::seal`] sealed for the same session and user; `None` for anything else.
    #[must_use]
    pub fn open(ring: &KeyRing, sealed: &[u8], session: SessionId, user: UserId) -> Option<Self> {
        let plain = ring.open(Purpose::SessionProofs, &session_aad(session, user), sealed)?;
        let mut reader = Reader(plain.expose());
        let proofs = Self::read(&mut reader)?;
        reader.end()?;
        Some(proofs)
    }
}

fn session_aad(session: SessionId, user: UserId) -> Aad {
    Aad::row("sessions", "proofs").field(session.as_bytes()).field(user.as_bytes())
}
