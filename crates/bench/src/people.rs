//! People in numbers: who they are, and what they present.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use nightlatch_core::{
    MethodId, Secret, SecretText, Timestamp, UserId,
    factors::{
        hotp::{self, Algorithm},
        password::{Cost, NewPassword, Rules},
    },
    keys::KeyRing,
    proof::Proofs,
    token::SignInStep,
};

/// Everybody's password.
pub(crate) const PASSWORD: &str = "violin mustard canyon Tuesday";

/// What production asks of a hash at least.
pub(crate) const COST: Cost = Cost { memory_kib: 19_456, iterations: 2, parallelism: 1 };

/// The same, after the rules.
pub(crate) static CHOSEN: LazyLock<NewPassword> = LazyLock::new(|| {
    let rules = Rules { min_length: 8, context: &[] };
    rules.check(&SecretText::new(PASSWORD.to_owned())).expect("it passes the rules")
});

/// One person, by number.
#[derive(Clone, Copy)]
pub(crate) struct Person(pub(crate) u32);

impl Person {
    /// Bytes that are this person's alone, and look random.
    pub(crate) fn bytes(self, what: &str) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, format!("{what} {}", self.0).as_bytes()).as_ref());
        bytes
    }

    /// The same, cut short.
    pub(crate) fn short<const N: usize>(self, what: &str) -> [u8; N] {
        let mut short = [0; N];
        short.copy_from_slice(&self.bytes(what)[..N]);
        short
    }

    pub(crate) fn id(self) -> UserId {
        // Time-ordered, as if one account had been made every second.
        UserId::new(Timestamp::from_seconds(i64::from(self.0)), self.short("user"))
    }

    /// Who has this id.
    pub(crate) fn with_id(id: UserId) -> Option<Self> {
        let mut millis = [0; 8];
        millis[2..].copy_from_slice(&id.as_bytes()[..6]);
        u32::try_from(u64::from_be_bytes(millis) / 1000).ok().map(Self)
    }

    /// The authenticator app.
    pub(crate) fn app(self) -> MethodId {
        MethodId::new(Timestamp::from_seconds(i64::from(self.0)), self.short("app"))
    }

    /// The passkey.
    pub(crate) fn passkey(self) -> MethodId {
        MethodId::new(Timestamp::from_seconds(i64::from(self.0)), self.short("passkey"))
    }

    /// What the app and the server share.
    pub(crate) fn seed(self) -> [u8; 20] {
        self.short("seed")
    }

    pub(crate) fn email(self) -> String {
        format!("person-{}@example.org", self.0)
    }

    /// The code of the app `ahead` steps from now.
    pub(crate) fn code(self, now: Timestamp, ahead: i64) -> String {
        let step = now.seconds().div_euclid(30) + ahead;
        let seed = Secret::new(self.seed().to_vec());
        let counter = u64::try_from(step).unwrap_or_default();
        format!("{:06}", hotp::code_at(&seed, counter, Algorithm::Sha1, 6))
    }

    /// A sign-in of this person after the password, as the server would have handed it out.
    pub(crate) fn step(self, ring: &KeyRing, now: Timestamp, nonce: u64) -> SecretText {
        let mut id = [0; 16];
        id[..6].copy_from_slice(&now.millis().to_be_bytes()[2..]);
        id[8..].copy_from_slice(&nonce.to_be_bytes());
        let step = SignInStep {
            id,
            user: self.id(),
            epoch: 1,
            proofs: Proofs::default().with(&CHOSEN.chosen(self.id(), now)),
            known_device: true,
            verified: None,
            expires_at: now.plus(std::time::Duration::from_mins(10)),
        };
        let mut random = [0; 12];
        random[..8].copy_from_slice(&nonce.to_be_bytes());
        random[8..].copy_from_slice(&self.0.to_be_bytes());
        step.seal(ring, random)
    }
}
