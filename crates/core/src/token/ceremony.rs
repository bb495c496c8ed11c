//! WebAuthn ceremonies under way (`nlc_`): a challenge, and whom and what it is for.
//!
//! Nothing is remembered of a ceremony that was begun; when its answer is presented, whatever comes
//! of it, its id is burned. Each purpose has a token of its own, so that the answer to one is noise to
//! the others.

use aws_lc_rs::digest::{SHA256, digest};

use super::sealed::Body;
use crate::{
    MethodId, SecretText, SessionId, Timestamp, UserId,
    factors::webauthn::CredentialKind,
    keys::{KeyRing, Nonce, Purpose},
    wire::{Reader, Writer},
};

/// What all ceremonies have.
#[derive(Debug, Clone, Copy)]
pub struct Ceremony {
    /// Burned when it is presented.
    pub id: [u8; 16],
    /// What the authenticator signs.
    pub challenge: [u8; 32],
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Ceremony {
    fn write(&self, writer: Writer) -> Writer {
        writer.bytes(&self.id).bytes(&self.challenge).time(self.expires_at)
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self { id: reader.array()?, challenge: reader.array()?, expires_at: reader.time()? })
    }

    /// The ceremony of a token for any purpose, so that one which was presented for another than its
    /// own can be ended.
    #[must_use]
    pub fn of_any_purpose(ring: &KeyRing, text: &SecretText, now: Timestamp) -> Option<Self> {
        EnrollingCeremony::open(ring, text, now)
            .map(|token| token.ceremony)
            .or_else(|| SecondFactorCeremony::open(ring, text, now).map(|token| token.ceremony))
            .or_else(|| StepUpCeremony::open(ring, text, now).map(|token| token.ceremony))
            .or_else(|| PasskeyCeremony::open(ring, text, now).map(|token| token.ceremony))
    }
}

/// The enrolment of a credential.
#[derive(Debug)]
pub struct EnrollingCeremony {
    /// The challenge.
    pub ceremony: Ceremony,
    /// For whom.
    pub user: UserId,
    /// The session, or the sign-in, that began it.
    pub lineage: [u8; 16],
    /// The account's security epoch when it began; a later one ends it.
    pub epoch: i64,
    /// As what.
    pub kind: CredentialKind,
    /// The name that its owner gave it.
    pub name: Option<String>,
}

impl Body for EnrollingCeremony {
    const PREFIX: &str = "nlc_";
    const PURPOSE: Purpose = Purpose::EnrollingCeremony;

    fn write(&self, writer: Writer) -> Writer {
        self.ceremony
            .write(writer)
            .bytes(self.user.as_bytes())
            .bytes(&self.lineage)
            .int(self.epoch)
            .int(self.kind.code())
            .optional(self.name.as_deref())
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            ceremony: Ceremony::read(reader)?,
            user: UserId::from_bytes(reader.array()?),
            lineage: reader.array()?,
            epoch: reader.int()?,
            kind: CredentialKind::from_code(reader.int()?)?,
            name: reader.optional()?,
        })
    }
}

impl EnrollingCeremony {
    /// The token as it travels.
    #[must_use]
    pub fn seal(&self, ring: &KeyRing, nonce: Nonce) -> SecretText {
        self.seal_body(ring, nonce)
    }

    /// Opens a ceremony that has not expired.
    #[must_use]
    pub fn open(ring: &KeyRing, text: &SecretText, now: Timestamp) -> Option<Self> {
        Self::open_body(ring, text).filter(|token| now < token.ceremony.expires_at)
    }
}

/// The second factor of a sign-in.
#[derive(Debug)]
pub struct SecondFactorCeremony {
    /// The challenge.
    pub ceremony: Ceremony,
    /// Who is signing in.
    pub user: UserId,
    /// The id of the sign-in's step.
    pub step: [u8; 16],
    /// The one method that was asked for, if the person chose one.
    pub method: Option<MethodId>,
}

impl Body for SecondFactorCeremony {
    const PREFIX: &str = "nlc_";
    const PURPOSE: Purpose = Purpose::SecondFactorCeremony;

    fn write(&self, writer: Writer) -> Writer {
        let writer = self.ceremony.write(writer).bytes(self.user.as_bytes());
        writer.bytes(&self.step).method(self.method)
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            ceremony: Ceremony::read(reader)?,
            user: UserId::from_bytes(reader.array()?),
            step: reader.array()?,
            method: reader.method()?,
        })
    }
}

impl SecondFactorCeremony {
    /// The token as it travels.
    #[must_use]
    pub fn seal(&self, ring: &KeyRing, nonce: Nonce) -> SecretText {
        self.seal_body(ring, nonce)
    }

    /// Opens a ceremony that has not expired.
    #[must_use]
    pub fn open(ring: &KeyRing, text: &SecretText, now: Timestamp) -> Option<Self> {
        Self::open_body(ring, text).filter(|token| now < token.ceremony.expires_at)
    }
}

/// A step-up.
#[derive(Debug)]
pub struct StepUpCeremony {
    /// The challenge.
    pub ceremony: Ceremony,
    /// Whose.
    pub user: UserId,
    /// The session that asked.
    pub session: SessionId,
    /// The one method that was asked for, if the person chose one.
    pub method: Option<MethodId>,
}

impl Body for StepUpCeremony {
    const PREFIX: &str = "nlc_";
    const PURPOSE: Purpose = Purpose::StepUpCeremony;

    fn write(&self, writer: Writer) -> Writer {
        let writer = self.ceremony.write(writer).bytes(self.user.as_bytes());
        writer.bytes(self.session.as_bytes()).method(self.method)
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            ceremony: Ceremony::read(reader)?,
            user: UserId::from_bytes(reader.array()?),
            session: SessionId::from_bytes(reader.array()?),
            method: reader.method()?,
        })
    }
}

impl StepUpCeremony {
    /// The token as it travels.
    #[must_use]
    pub fn seal(&self, ring: &KeyRing, nonce: Nonce) -> SecretText {
        self.seal_body(ring, nonce)
    }

    /// Opens a ceremony that has not expired.
    #[must_use]
    pub fn open(ring: &KeyRing, text: &SecretText, now: Timestamp) -> Option<Self> {
        Self::open_body(ring, text).filter(|token| now < token.ceremony.expires_at)
    }
}

/// A sign-in that begins with a passkey: nobody is named.
#[derive(Debug)]
pub struct PasskeyCeremony {
    /// The challenge.
    pub ceremony: Ceremony,
    browser: [u8; 32],
}

impl Body for PasskeyCeremony {
    const PREFIX: &str = "nlc_";
    const PURPOSE: Purpose = Purpose::PasskeyCeremony;

    fn write(&self, writer: Writer) -> Writer {
        self.ceremony.write(writer).bytes(&self.browser)
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self { ceremony: Ceremony::read(reader)?, browser: reader.array()? })
    }
}

/// What a browser calls itself, hashed: two that differ are two browsers.
fn browser(agent: Option<&str>) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, agent.unwrap_or_default().as_bytes()).as_ref());
    hash
}

impl PasskeyCeremony {
    /// A ceremony of the browser that calls itself `agent`.
    #[must_use]
    pub fn of_browser(ceremony: Ceremony, agent: Option<&str>) -> Self {
        Self { ceremony, browser: browser(agent) }
    }

    /// Whether it may be the ceremony of the browser that calls itself `agent`.
    #[must_use]
    pub fn is_of_browser(&self, agent: Option<&str>) -> bool {
        self.browser == browser(agent)
    }

    /// The token as it travels.
    #[must_use]
    pub fn seal(&self, ring: &KeyRing, nonce: Nonce) -> SecretText {
        self.seal_body(ring, nonce)
    }

    /// Opens a ceremony that has not expired.
    #[must_use]
    pub fn open(ring: &KeyRing, text: &SecretText, now: Timestamp) -> Option<Self> {
        Self::open_body(ring, text).filter(|token| now < token.ceremony.expires_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: Timestamp = Timestamp::from_seconds(300);

    fn ceremony() -> Ceremony {
        Ceremony { id: [1; 16], challenge: [2; 32], expires_at: ENDS }
    }

    fn tokens(ring: &KeyRing) -> [SecretText; 4] {
        let (user, session) = (UserId::from_bytes([3; 16]), SessionId::from_bytes([4; 16]));
        let method = Some(MethodId::from_bytes([5; 16]));
        let enrolling = EnrollingCeremony {
            ceremony: ceremony(),
            user,
            lineage: [6; 16],
            epoch: 7,
            kind: CredentialKind::SecurityKey,
            name: Some("Blue key".to_owned()),
        };
        let second = SecondFactorCeremony { ceremony: ceremony(), user, step: [8; 16], method };
        let step_up = StepUpCeremony { ceremony: ceremony(), user, session, method: None };
        let passkey = PasskeyCeremony::of_browser(ceremony(), Some("a browser"));
        [
            enrolling.seal(ring, [0; 12]),
            second.seal(ring, [0; 12]),
            step_up.seal(ring, [0; 12]),
            passkey.seal(ring, [0; 12]),
        ]
    }

    /// Which of the four purposes open `token` at `now`.
    fn opened(ring: &KeyRing, token: &SecretText, now: Timestamp) -> [bool; 4] {
        [
            EnrollingCeremony::open(ring, token, now).is_some(),
            SecondFactorCeremony::open(ring, token, now).is_some(),
            StepUpCeremony::open(ring, token, now).is_some(),
            PasskeyCeremony::open(ring, token, now).is_some(),
        ]
    }

    #[test]
    fn a_ceremony_opens_for_its_own_purpose_until_it_ends() {
        let ring = KeyRing::single(&[1; 32]);
        for (index, token) in tokens(&ring).iter().enumerate() {
            let before = opened(&ring, token, Timestamp::from_seconds(299));
            assert_eq!(before, std::array::from_fn(|purpose| purpose == index));
            assert_eq!(opened(&ring, token, ENDS), [false; 4]);
        }
    }

    #[test]
    fn a_ceremony_can_be_ended_whatever_it_is_for() {
        let ring = KeyRing::single(&[1; 32]);
        for token in tokens(&ring) {
            let found = Ceremony::of_any_purpose(&ring, &token, Timestamp::from_seconds(299));
            assert_eq!(found.map(|ceremony| ceremony.id), Some([1; 16]));
            assert!(Ceremony::of_any_purpose(&ring, &token, ENDS).is_none());
            let other = KeyRing::single(&[2; 32]);
            let foreign = Ceremony::of_any_purpose(&other, &token, Timestamp::default());
            assert!(foreign.is_none());
        }
    }

    #[test]
    fn a_ceremony_keeps_what_it_is_bound_to() {
        let ring = KeyRing::single(&[1; 32]);
        let [enrolling, second, step_up, passkey] = tokens(&ring);
        let now = Timestamp::default();
        let read = EnrollingCeremony::open(&ring, &enrolling, now).unwrap();
        assert_eq!((read.ceremony.id, read.ceremony.challenge), ([1; 16], [2; 32]));
        assert_eq!((read.user.as_bytes(), read.lineage, read.epoch), (&[3; 16], [6; 16], 7));
        assert_eq!(read.kind, CredentialKind::SecurityKey);
        assert_eq!(read.name.as_deref(), Some("Blue key"));
        let read = SecondFactorCeremony::open(&ring, &second, now).unwrap();
        assert_eq!(read.step, [8; 16]);
        assert_eq!(read.method, Some(MethodId::from_bytes([5; 16])));
        let read = StepUpCeremony::open(&ring, &step_up, now).unwrap();
        assert_eq!((read.session.as_bytes(), read.method), (&[4; 16], None));
        let read = PasskeyCeremony::open(&ring, &passkey, now).unwrap();
        let agents = [Some("a browser"), Some("another"), None];
        assert_eq!(agents.map(|agent| read.is_of_browser(agent)), [true, false, false]);
    }
}
