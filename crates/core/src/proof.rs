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
    keys::{Aad, KeyRing, Nonce, Place, Purpose},
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
    /// A passkey or security key (WebAuthn).
    #[serde(rename = "webauthn")]
    WebAuthn,
}

impl Factor {
    /// Every factor there is.
    pub const ALL: [Self; 5] =
        [Self::Password, Self::WebAuthn, Self::Totp, Self::BackupCode, Self::Email];

    /// The name on the wire: a method's `type` in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Totp => "totp",
            Self::BackupCode => "backup_code",
            Self::Email => "email",
            Self::WebAuthn => "webauthn",
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
            Self::WebAuthn => 5,
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
            Self::Totp | Self::BackupCode | Self::WebAuthn => Kind::Have,
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

/// What an authenticator showed beside being there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authenticator {
    /// It verified the person, and that counts: a second factor in itself.
    pub user_verified: bool,
    /// Its key cannot leave it (not backup-eligible).
    pub device_bound: bool,
    /// Its model is attested, trusted, and allowed to prove the highest level.
    pub attested: bool,
}

impl Authenticator {
    const fn code(self) -> i64 {
        (if self.user_verified { 1 } else { 0 })
            | (if self.device_bound { 2 } else { 0 })
            | (if self.attested { 4 } else { 0 })
    }

    const fn from_code(code: i64) -> Option<Self> {
        if code & !7 != 0 {
            return None;
        }
        Some(Self {
            user_verified: code & 1 != 0,
            device_bound: code & 2 != 0,
            attested: code & 4 != 0,
        })
    }
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
    /// The answer to a ceremony: the ceremony is burned, and the counter compared and set.
    Assertion {
        /// The id of the ceremony.
        ceremony: [u8; 16],
        /// The method that answered.
        method: MethodId,
        /// The signature counter that the answer was verified against.
        from: u32,
        /// The signature counter from now on.
        to: u32,
        /// Whether the credential is backed up now.
        backup_state: bool,
    },
    /// A new credential; the ceremony is burned.
    Registration {
        /// The id of the ceremony.
        ceremony: [u8; 16],
        /// The new method.
        method: MethodId,
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
        Self { user, record: Record { factor, at, authenticator: None }, evidence }
    }

    pub(crate) const fn by_authenticator(
        user: UserId,
        authenticator: Authenticator,
        at: Timestamp,
        evidence: Evidence,
    ) -> Self {
        let authenticator = Some(authenticator);
        Self { user, record: Record { factor: Factor::WebAuthn, at, authenticator }, evidence }
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

    /// When it was verified.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.record.at
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
    /// Of WebAuthn alone.
    authenticator: Option<Authenticator>,
}

impl Record {
    /// Whether a newer proof says all that this one says.
    fn is_renewed_by(&self, newer: &Self) -> bool {
        self.factor == newer.factor && self.authenticator == newer.authenticator
    }
}

/// Everything that one session, or one sign-in on its way to a session, has proved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proofs(Vec<Record>);

impl Proofs {
    /// These proofs and one more; an older proof of the same factor gives way. Two authenticators that
    /// show different things are kept apart: touching a plain key must not undo what a passkey proved.
    ///
    /// The proof stays with the unit of work that spends its evidence, which may have to run again.
    #[must_use]
    pub fn with(mut self, proof: &Proof) -> Self {
        self.0.retain(|record| !record.is_renewed_by(&proof.record));
        self.0.push(proof.record);
        self
    }

    /// When `factor` was last proved.
    #[must_use]
    pub fn at(&self, factor: Factor) -> Option<Timestamp> {
        let of_factor = self.0.iter().filter(|record| record.factor == factor);
        of_factor.map(|record| record.at).max()
    }

    /// What authenticators showed, and when.
    pub(crate) fn authenticators(&self) -> impl Iterator<Item = (Authenticator, Timestamp)> {
        self.0.iter().filter_map(|record| Some((record.authenticator?, record.at)))
    }

    /// The factors and when they were proved, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (Factor, Timestamp)> {
        self.0.iter().map(|record| (record.factor, record.at))
    }

    pub(crate) fn write(&self, writer: Writer) -> Writer {
        let count = i64::try_from(self.0.len()).unwrap_or(i64::MAX);
        self.0.iter().fold(writer.int(count), |writer, record| {
            let writer = writer.int(record.factor.code()).time(record.at);
            match record.authenticator {
                Some(authenticator) => writer.int(authenticator.code()),
                None => writer,
            }
        })
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let count = reader.int()?;
        let mut records = Vec::new();
        for _ in 0..count {
            let factor = Factor::from_code(reader.int()?)?;
            let at = reader.time()?;
            let authenticator = match factor {
                Factor::WebAuthn => Some(Authenticator::from_code(reader.int()?)?),
                Factor::Password | Factor::Totp | Factor::BackupCode | Factor::Email => None,
            };
            records.push(Record { factor, at, authenticator });
        }
        Some(Self(records))
    }

    /// Seals the proofs of `session` for its row.
    #[must_use]
    pub fn seal(&self, ring: &KeyRing, nonce: Nonce, session: SessionId, user: UserId) -> Vec<u8> {
        let plain = self.write(Writer::default()).finish();
        ring.seal_at(&Self::place(session, user), nonce, &plain)
    }

    /// Opens what [`Proofs::seal`] sealed for the same session and user; `None` for anything else.
    #[must_use]
    pub fn open(ring: &KeyRing, sealed: &[u8], session: SessionId, user: UserId) -> Option<Self> {
        let plain = ring.open_at(&Self::place(session, user), sealed)?;
        let mut reader = Reader(plain.expose());
        let proofs = Self::read(&mut reader)?;
        reader.end()?;
        Some(proofs)
    }

    /// Where the proofs of `session` are sealed.
    #[must_use]
    pub fn place(session: SessionId, user: UserId) -> Place {
        let aad = Aad::row("sessions", "proofs").field(session.as_bytes()).field(user.as_bytes());
        Place::new(Purpose::SessionProofs, aad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: SessionId = SessionId::from_bytes([1; 16]);
    const USER: UserId = UserId::from_bytes([2; 16]);
    const AT: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn open(ring: &KeyRing, plain: &Writer) -> Option<Proofs> {
        let sealed = ring.seal_at(&Proofs::place(SESSION, USER), [0; 12], plain.as_slice());
        Proofs::open(ring, &sealed, SESSION, USER)
    }

    fn shown(code: i64) -> Proof {
        let authenticator = Authenticator::from_code(code).unwrap();
        let evidence =
            Evidence::Registration { ceremony: [0; 16], method: MethodId::from_bytes([3; 16]) };
        Proof::by_authenticator(USER, authenticator, AT, evidence)
    }

    #[test]
    fn proofs_that_were_sealed_before_there_were_authenticators_open() {
        let ring = KeyRing::single(&[1; 32]);
        let plain = Writer::default().int(2).int(1).time(AT).int(2).time(AT);
        let factors: Vec<_> = open(&ring, &plain).unwrap().iter().collect();
        assert_eq!(factors, [(Factor::Password, AT), (Factor::Totp, AT)]);
    }

    #[test]
    fn what_authenticators_showed_is_sealed_with_the_proofs() {
        let ring = KeyRing::single(&[1; 32]);
        for code in 0..8 {
            let proofs = Proofs::default().with(&shown(code));
            let sealed = proofs.seal(&ring, [0; 12], SESSION, USER);
            assert_eq!(Proofs::open(&ring, &sealed, SESSION, USER), Some(proofs));
        }
        let webauthn = Writer::default().int(1).int(5).time(AT);
        assert_eq!(open(&ring, &webauthn), None, "says nothing of its authenticator");
        for code in [8, -1] {
            let unknown = Writer::default().int(1).int(5).time(AT).int(code);
            assert_eq!(open(&ring, &unknown), None);
        }
    }

    #[test]
    fn a_proof_gives_way_to_one_that_says_all_it_says() {
        let (touched, verified) = (shown(0), shown(1));
        let proofs = Proofs::default().with(&verified).with(&touched).with(&verified);
        assert_eq!(proofs.authenticators().count(), 2);
        let password = Proof::new(USER, Factor::Password, AT, Evidence::Password);
        assert_eq!(Proofs::default().with(&password).with(&password).iter().count(), 1);
    }
}
