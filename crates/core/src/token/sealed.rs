//! Sealed tokens: AEAD under the subkey of their purpose, with an expiry inside.

use data_encoding::BASE64URL_NOPAD;

use crate::{
    MethodId, SecretText, Timestamp, UserId,
    factors::password::PasswordHash,
    keys::{Aad, KeyRing, Nonce, Purpose},
    proof::{Evidence, Factor, Proof, Proofs},
    wire::{Reader, Writer},
};

/// No token of ours is longer; what is longer is refused unread.
const LONGEST: usize = 4096;

/// What a sealed token says about itself. Each type has its own inherent `seal` and `open`, so that
/// no token can be opened as something else.
pub(super) trait Body: Sized {
    const PREFIX: &str;
    const PURPOSE: Purpose;
    fn write(&self, writer: Writer) -> Writer;
    fn read(reader: &mut Reader<'_>) -> Option<Self>;

    fn seal_body(&self, ring: &KeyRing, nonce: Nonce) -> SecretText {
        let plain = self.write(Writer::default()).finish();
        let sealed = ring.seal(Self::PURPOSE, nonce, &Aad::token(ring), &plain);
        SecretText::new(format!("{}{}", Self::PREFIX, BASE64URL_NOPAD.encode(&sealed)))
    }

    fn open_body(ring: &KeyRing, text: &SecretText) -> Option<Self> {
        let text = text.expose();
        if text.len() > LONGEST {
            return None;
        }
        let sealed = BASE64URL_NOPAD.decode(text.strip_prefix(Self::PREFIX)?.as_bytes()).ok()?;
        let plain = ring.open(Self::PURPOSE, &Aad::token(ring), &sealed)?;
        let mut reader = Reader(plain.expose());
        let body = Self::read(&mut reader)?;
        reader.end()?;
        Some(body)
    }
}

/// A sign-in between its factors (`nlt_`): the first was right, the next is asked for.
#[derive(Debug)]
pub struct SignInStep {
    /// Burned when the sign-in succeeds; counts its wrong codes.
    pub id: [u8; 16],
    /// Who is signing in.
    pub user: UserId,
    /// The account's security epoch when the step began; a later one ends it.
    pub epoch: i64,
    /// What was proved so far.
    pub proofs: Proofs,
    /// Whether the sign-in comes from a device that signed in before.
    pub known_device: bool,
    /// The authenticator that verified the person for the first time: the next factor vouches for it.
    pub verified: Option<MethodId>,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Body for SignInStep {
    const PREFIX: &str = "nlt_";
    const PURPOSE: Purpose = Purpose::SignInStep;

    fn write(&self, writer: Writer) -> Writer {
        let writer = writer.bytes(&self.id).bytes(self.user.as_bytes()).int(self.epoch);
        let writer = self.proofs.write(writer).flag(self.known_device);
        writer.method(self.verified).time(self.expires_at)
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            id: reader.array()?,
            user: UserId::from_bytes(reader.array()?),
            epoch: reader.int()?,
            proofs: Proofs::read(reader)?,
            known_device: reader.flag()?,
            verified: reader.method()?,
            expires_at: reader.time()?,
        })
    }
}

impl SignInStep {
    /// The token as it travels.
    #[must_use]
    pub fn seal(&self, ring: &KeyRing, nonce: Nonce) -> SecretText {
        self.seal_body(ring, nonce)
    }

    /// Opens a step that has not expired.
    #[must_use]
    pub fn open(ring: &KeyRing, text: &SecretText, now: Timestamp) -> Option<Self> {
        Self::open_body(ring, text).filter(|step| now < step.expires_at)
    }
}

/// A sign-in that has to enrol a second factor before it can complete (`nlt_`, used as bearer).
#[derive(Debug, Clone)]
pub struct Enrollment {
    /// What its pending enrolments belong to.
    pub id: [u8; 16],
    /// Who is signing in.
    pub user: UserId,
    /// The account's security epoch when it began; a later one ends it.
    pub epoch: i64,
    /// What was proved so far.
    pub proofs: Proofs,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Body for Enrollment {
    const PREFIX: &str = "nlt_";
    const PURPOSE: Purpose = Purpose::Enrollment;

    fn write(&self, writer: Writer) -> Writer {
        let writer = writer.bytes(&self.id).bytes(self.user.as_bytes()).int(self.epoch);
        self.proofs.write(writer).time(self.expires_at)
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            id: reader.array()?,
            user: UserId::from_bytes(reader.array()?),
            epoch: reader.int()?,
            proofs: Proofs::read(reader)?,
            expires_at: reader.time()?,
        })
    }
}

impl Enrollment {
    /// The token as it travels.
    #[must_use]
    pub fn seal(&self, ring: &KeyRing, nonce: Nonce) -> SecretText {
        self.seal_body(ring, nonce)
    }

    /// Opens a token that has not expired.
    #[must_use]
    pub fn open(ring: &KeyRing, text: &SecretText, now: Timestamp) -> Option<Self> {
        Self::open_body(ring, text).filter(|token| now < token.expires_at)
    }
}

/// A registration that waits for its mail to be answered (`nlg_`): what the client that registered
/// keeps, its password among it. Worth nothing without the mailed link.
#[derive(Debug)]
pub struct Registration {
    /// The normalised address.
    pub address: String,
    /// The name that was given.
    pub name: Option<String>,
    /// The language that was given.
    pub locale: Option<String>,
    /// The password that was chosen, hashed.
    pub password: PasswordHash,
    /// When it was chosen.
    pub chosen_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Body for Registration {
    const PREFIX: &str = "nlg_";
    const PURPOSE: Purpose = Purpose::Registration;

    fn write(&self, writer: Writer) -> Writer {
        writer
            .text(&self.address)
            .optional(self.name.as_deref())
            .optional(self.locale.as_deref())
            .text(self.password.as_str())
            .time(self.chosen_at)
            .time(self.expires_at)
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            address: reader.text()?,
            name: reader.optional()?,
            locale: reader.optional()?,
            password: PasswordHash::from_string(reader.text()?)?,
            chosen_at: reader.time()?,
            expires_at: reader.time()?,
        })
    }
}

impl Registration {
    /// The token as it travels.
    #[must_use]
    pub fn seal(&self, ring: &KeyRing, nonce: Nonce) -> SecretText {
        self.seal_body(ring, nonce)
    }

    /// Opens a registration that has not expired.
    #[must_use]
    pub fn open(ring: &KeyRing, text: &SecretText, now: Timestamp) -> Option<Self> {
        Self::open_body(ring, text).filter(|token| now < token.expires_at)
    }

    /// Whoever holds the token knew the password when it was chosen.
    pub fn prove(&self, user: UserId) -> Proof {
        Proof::new(user, Factor::Password, self.chosen_at, Evidence::Password)
    }
}

/// The link in a registration's mail (`nlv_`).
#[derive(Debug)]
pub struct MailLink {
    /// Burned when the link is used.
    pub id: [u8; 16],
    /// The address it was mailed to, as given.
    pub address: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Body for MailLink {
    const PREFIX: &str = "nlv_";
    const PURPOSE: Purpose = Purpose::MailLink;

    fn write(&self, writer: Writer) -> Writer {
        writer.bytes(&self.id).text(&self.address).time(self.expires_at)
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self { id: reader.array()?, address: reader.text()?, expires_at: reader.time()? })
    }
}

impl MailLink {
    /// The token as it travels.
    #[must_use]
    pub fn seal(&self, ring: &KeyRing, nonce: Nonce) -> SecretText {
        self.seal_body(ring, nonce)
    }

    /// Opens a link that has not expired.
    #[must_use]
    pub fn open(ring: &KeyRing, text: &SecretText, now: Timestamp) -> Option<Self> {
        Self::open_body(ring, text).filter(|link| now < link.expires_at)
    }

    /// Whoever presents the link reads the mailbox of the account it makes.
    pub fn prove(&self, user: UserId, now: Timestamp) -> Proof {
        Proof::new(user, Factor::Email, now, Evidence::Mail { id: self.id })
    }
}

/// A device that completed a sign-in (`nld_`): recognised, so that a stranger's guesses don't slow
/// its owner down. It proves nothing.
#[derive(Debug)]
pub struct Device {
    /// Whose sign-in it was.
    pub user: UserId,
    /// Tells devices apart.
    pub id: [u8; 16],
    /// When it signed in; a later change of the password forgets it.
    pub issued_at: Timestamp,
}

impl Body for Device {
    const PREFIX: &str = "nld_";
    const PURPOSE: Purpose = Purpose::Device;

    fn write(&self, writer: Writer) -> Writer {
        writer.bytes(self.user.as_bytes()).bytes(&self.id).time(self.issued_at)
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            user: UserId::from_bytes(reader.array()?),
            id: reader.array()?,
            issued_at: reader.time()?,
        })
    }
}

impl Device {
    /// The token as it travels.
    #[must_use]
    pub fn seal(&self, ring: &KeyRing, nonce: Nonce) -> SecretText {
        self.seal_body(ring, nonce)
    }

    /// Opens a device's token.
    #[must_use]
    pub fn open(ring: &KeyRing, text: &SecretText) -> Option<Self> {
        Self::open_body(ring, text)
    }
}
