//! Messages to people, as the outbox keeps them: a reference to what is to be said, sealed.
//!
//! The text is rendered when a message is sent, so that no code and no link rests in a table in a
//! form that the database alone could give away.

use crate::{
    SecretText, UserId,
    keys::{Aad, KeyRing, Nonce, Place, Purpose},
    wire::{Reader, Writer},
};

/// What a message says.
#[derive(Debug, Clone)]
pub enum Template {
    /// Somebody registered this address; the link finishes it.
    FinishRegistration {
        /// The mailed link's token.
        link: SecretText,
    },
    /// Somebody registered this address, which has an account.
    AlreadyRegistered,
    /// Notice: a second factor was added.
    FactorAdded {
        /// The method's name.
        name: String,
    },
    /// Notice: a second factor was disabled after too many wrong codes.
    FactorDisabled,
    /// Notice: a method was removed.
    FactorRemoved {
        /// The method's name.
        name: String,
    },
    /// Notice: a passkey or security key may have been copied; it was refused.
    CredentialCloned {
        /// The method's name.
        name: String,
    },
    /// Notice: a method was suspended, because its model is known to be broken.
    FactorSuspended {
        /// The method's name.
        name: String,
    },
    /// Notice: recovery codes were made anew.
    RecoveryCodesRegenerated,
    /// Notice: recovery codes are void since the database was restored from a backup.
    RecoveryCodesVoid,
    /// Notice: few recovery codes are left.
    RecoveryCodesLow {
        /// How many.
        left: i64,
    },
    /// Notice: the password was changed.
    PasswordChanged,
    /// A code that shows control of the mailbox.
    MailCode {
        /// Whose.
        user: UserId,
        /// The code's id, from which it is derived.
        id: [u8; 16],
    },
}

/// A message that waits to be sent.
#[derive(Debug, Clone)]
pub struct Message {
    /// The address, as stored.
    pub to: String,
    /// The language the person chose.
    pub locale: Option<String>,
    /// What it says.
    pub template: Template,
}

impl Message {
    /// Seals the message for its row in the outbox.
    #[must_use]
    pub fn seal(&self, ring: &KeyRing, nonce: Nonce, id: [u8; 16]) -> Vec<u8> {
        let writer = Writer::default().text(&self.to).optional(self.locale.as_deref());
        let plain = match &self.template {
            Template::FinishRegistration { link } => writer.int(1).text(link.expose()),
            Template::AlreadyRegistered => writer.int(2),
            Template::FactorAdded { name } => writer.int(3).text(name),
            Template::FactorDisabled => writer.int(4),
            Template::FactorRemoved { name } => writer.int(5).text(name),
            Template::RecoveryCodesRegenerated => writer.int(6),
            Template::RecoveryCodesLow { left } => writer.int(7).int(*left),
            Template::PasswordChanged => writer.int(8),
            Template::MailCode { user, id } => writer.int(9).bytes(user.as_bytes()).bytes(id),
            Template::CredentialCloned { name } => writer.int(10).text(name),
            Template::FactorSuspended { name } => writer.int(11).text(name),
            Template::RecoveryCodesVoid => writer.int(12),
        };
        ring.seal_at(&Self::place(id), nonce, plain.as_slice())
    }

    /// Opens what [`Message::seal`] sealed for the same row; `None` for anything else.
    #[must_use]
    pub fn open(ring: &KeyRing, sealed: &[u8], id: [u8; 16]) -> Option<Self> {
        let plain = ring.open_at(&Self::place(id), sealed)?;
        let mut reader = Reader(plain.expose());
        let (to, locale) = (reader.text()?, reader.optional()?);
        let template = match reader.int()? {
            1 => Template::FinishRegistration { link: SecretText::new(reader.text()?) },
            2 => Template::AlreadyRegistered,
            3 => Template::FactorAdded { name: reader.text()? },
            4 => Template::FactorDisabled,
            5 => Template::FactorRemoved { name: reader.text()? },
            6 => Template::RecoveryCodesRegenerated,
            7 => Template::RecoveryCodesLow { left: reader.int()? },
            8 => Template::PasswordChanged,
            9 => Template::MailCode {
                user: UserId::from_bytes(reader.array()?),
                id: reader.array()?,
            },
            10 => Template::CredentialCloned { name: reader.text()? },
            11 => Template::FactorSuspended { name: reader.text()? },
            12 => Template::RecoveryCodesVoid,
            _ => return None,
        };
        reader.end()?;
        Some(Self { to, locale, template })
    }

    /// Where the message in this row is sealed.
    #[must_use]
    pub fn place(id: [u8; 16]) -> Place {
        Place::new(Purpose::Outbox, Aad::row("outbox", "body").field(&id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_opens_in_its_own_row_only() {
        let ring = KeyRing::single(&[1; 32]);
        let message = Message {
            to: "ada@example.org".to_owned(),
            locale: None,
            template: Template::FinishRegistration { link: SecretText::new("nlv_x".to_owned()) },
        };
        let sealed = message.seal(&ring, [1; 12], [7; 16]);
        assert_eq!(Message::open(&ring, &sealed, [7; 16]).unwrap().to, "ada@example.org");
        assert!(Message::open(&ring, &sealed, [8; 16]).is_none());
    }
}
