//! Sending messages: what they say, and the seam to whoever carries them.

use std::{future::Future, pin::Pin};

use nightlatch_core::{
    SecretText,
    factors::mail_code,
    keys::KeyRing,
    message::{Message, Template},
};

/// A mail, ready to be sent.
#[derive(Debug)]
pub struct Mail {
    /// The address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: SecretText,
    /// The code in it, for whoever shows mails in development.
    pub code: Option<SecretText>,
    /// The link in it, likewise.
    pub link: Option<SecretText>,
}

/// Why a mail was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undelivered {
    /// Not now; try again later.
    Later,
    /// Never: the address is refused, or mail is switched off.
    Never,
}

/// Whoever carries mails.
pub trait Courier: Send + Sync {
    /// Delivers one mail. It may be asked for the same mail again after a crash.
    fn deliver<'a>(
        &'a self,
        mail: Mail,
    ) -> Pin<Box<dyn Future<Output = Result<(), Undelivered>> + Send + 'a>>;
}

/// A courier for installations that named delivery off: every mail is dropped.
#[derive(Debug)]
pub struct Off;

impl Courier for Off {
    fn deliver<'a>(
        &'a self,
        _mail: Mail,
    ) -> Pin<Box<dyn Future<Output = Result<(), Undelivered>> + Send + 'a>> {
        Box::pin(async { Err(Undelivered::Never) })
    }
}

/// Renders a message, when it is about to be sent.
#[must_use]
pub fn render(ring: &KeyRing, public_url: &str, message: &Message) -> Mail {
    let plain = |subject: &str, text: String| Mail {
        to: message.to.clone(),
        subject: subject.to_owned(),
        text: SecretText::new(text),
        code: None,
        link: None,
    };
    match &message.template {
        Template::FinishRegistration { link } => {
            let url = format!("{public_url}/register/verify/{}", link.expose());
            let text = finish_registration(&url);
            Mail { link: Some(SecretText::new(url)), ..plain("Finish your registration", text) }
        }
        Template::AlreadyRegistered => {
            plain("You already have an account", ALREADY_REGISTERED.to_owned())
        }
        Template::FactorAdded { name } => plain(
            "A second factor was added",
            notice(&format!("The sign-in method \"{name}\" was added to your account.")),
        ),
        Template::FactorDisabled => plain(
            "A second factor was disabled",
            notice(
                "After too many wrong codes in a row a sign-in method of your account was disabled. \
                 Whoever tried knows your password: change it.",
            ),
        ),
        Template::CredentialCloned { name } => plain(
            "A passkey or security key may have been copied",
            notice(&format!(
                "\"{name}\" was refused: its counter shows that a copy of it may exist. If it \
                 happens again, remove it from your account and use another."
            )),
        ),
        Template::FactorSuspended { name } => plain(
            "A sign-in method was suspended",
            notice(&format!(
                "The maker of \"{name}\" reports that keys of this model can be broken. It can no \
                 longer be used to sign in; add another method and remove it."
            )),
        ),
        Template::FactorRemoved { name } => plain(
            "A second factor was removed",
            notice(&format!("Removed from your account: {name}.")),
        ),
        Template::RecoveryCodesRegenerated => plain(
            "New recovery codes were made",
            notice("New recovery codes were made for your account. The old ones are void."),
        ),
        Template::RecoveryCodesVoid => {
            plain("Your recovery codes are void", RECOVERY_CODES_VOID.to_owned())
        }
        Template::RecoveryCodesLow { left } => plain(
            "A recovery code was used",
            notice(&format!("A recovery code was used to sign in. Codes left: {left}.")),
        ),
        Template::PasswordChanged => {
            plain("Your password was changed", notice("The password of your account was changed."))
        }
        Template::MailCode { user, id } => {
            let code = mail_code::code(ring, *user, *id);
            let text = format!(
                "Your code is {}.\n\nIt is good for five minutes. Tell it to nobody.\n",
                code.expose()
            );
            Mail { code: Some(code), ..plain("Your code", text) }
        }
    }
}

const ALREADY_REGISTERED: &str = "Somebody, perhaps you, tried to register this address. There is an \
    account for it already: sign in as usual.\n\nIf it was not you, there is nothing to do.\n";

const RECOVERY_CODES_VOID: &str = "The server was restored from a backup, so the recovery codes of \
    your account no longer work. Sign in and make new ones.\n";

fn finish_registration(url: &str) -> String {
    format!(
        "Somebody, hopefully you, registered this address.\n\n\
         Finish here within 24 hours:\n{url}\n\n\
         If it was not you, do nothing: without this link there is no account.\n"
    )
}

fn notice(what: &str) -> String {
    format!("{what}\n\nIf it was not you, somebody else has access: tell your administrator.\n")
}
