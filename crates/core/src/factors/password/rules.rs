//! What may be chosen as a password (NIST SP 800-63B-4 §3.1.1.2): long enough and not on a list.
//! There are no rules of composition.

use unicode_normalization::UnicodeNormalization;

use super::{MAX_BYTES, composed, guess};
use crate::{
    SecretText, Timestamp, UserId,
    proof::{Evidence, Factor, Proof},
};

/// What a new password is held to.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The least number of code points.
    pub min_length: usize,
    /// Words that an attacker tries first for this account: the name of the service, the address,
    /// its local part, the person's name.
    pub context: &'a [&'a str],
}

/// Why a password was refused. This much its chooser is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    /// It has fewer than `min` characters.
    #[error("the password has fewer than {min} characters")]
    TooShort {
        /// The least number.
        min: usize,
    },
    /// It has more than [`MAX_BYTES`] bytes, however its characters are encoded.
    #[error("the password is too long")]
    TooLong,
    /// It is on a list of common passwords, or a simple variation of what is on one.
    #[error("the password is easily guessed")]
    TooCommon,
    /// It is made of a word of its context.
    #[error("the password is the name of the service or of the account")]
    Contextual,
}

/// A password that may be kept: it passed the [`Rules`].
#[derive(Debug)]
pub struct NewPassword(SecretText);

impl Rules<'_> {
    /// Checks a password that somebody wants to use.
    ///
    /// # Errors
    ///
    /// [`Weak`] says what is wrong with it.
    pub fn check(&self, text: &SecretText) -> Result<NewPassword, Weak> {
        // Decomposed text is the longest: its bound holds for every way to type the same password.
        let fits = |text: &str| text.len() <= MAX_BYTES && decomposed_len(text) <= MAX_BYTES;
        if !fits(text.expose()) {
            return Err(Weak::TooLong);
        }
        let password = composed(text.expose());
        if password.expose().chars().count() < self.min_length {
            return Err(Weak::TooShort { min: self.min_length });
        }
        if guess::is_contextual(password.expose(), self.context) {
            return Err(Weak::Contextual);
        }
        if guess::is_common(password.expose(), self.context) {
            return Err(Weak::TooCommon);
        }
        Ok(NewPassword(password))
    }
}

fn decomposed_len(text: &str) -> usize {
    text.nfd().map(char::len_utf8).sum()
}

impl NewPassword {
    /// For what has just been verified against a hash: it was a new password once.
    pub(super) const fn known(password: SecretText) -> Self {
        Self(password)
    }

    pub(super) const fn text(&self) -> &SecretText {
        &self.0
    }

    /// The person who has just chosen this password knows it.
    pub fn chosen(&self, user: UserId, now: Timestamp) -> Proof {
        Proof::new(user, Factor::Password, now, Evidence::Password)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: &[&str] = &["Nightlatch", "ada.lovelace@example.org", "ada.lovelace", "a"];

    #[track_caller]
    fn check(min_length: usize, text: &str, expected: Result<(), Weak>) {
        let rules = Rules { min_length, context: CONTEXT };
        let checked = rules.check(&SecretText::new(text.to_owned()));
        assert_eq!(checked.map(drop), expected, "{text}");
    }

    #[test]
    fn length_counts_code_points() {
        check(8, "kX8vq-p2Ru", Ok(()));
        check(11, "kX8vq-p2Ru", Err(Weak::TooShort { min: 11 }));
        // Eight letters and their accents, typed apart, are eight code points when composed.
        check(9, "ẃe\u{301}ŕt\u{308}ýúíó", Err(Weak::TooShort { min: 9 }));
        check(1, "", Err(Weak::TooShort { min: 1 }));
    }

    #[test]
    fn long_passwords_of_any_script_are_accepted() {
        let prefix = "violin mustard canyon Tuesday ";
        check(15, &format!("{prefix}{}", "x".repeat(994)), Ok(()));
        check(15, &format!("{prefix}{}", "x".repeat(995)), Err(Weak::TooLong));
        // The character with the longest decomposition there is, 12 bytes, and room for 64 of it.
        check(15, &format!("{prefix}{}", "\u{1d160}".repeat(82)), Ok(()));
        check(15, &format!("{prefix}{}", "\u{1d160}".repeat(83)), Err(Weak::TooLong));
    }

    #[test]
    fn nothing_is_demanded_of_the_composition() {
        for good in [
            "tiger lamp orbit quilt",
            "violin mustard canyon Tuesday",
            "mein Hund frisst gern Kuchen",
            "лампа тигр орбита одеяло",
            "\tpasses with\u{0}control\n",
            "xK9#mQ2$vLw8&tR",
            "8f14e45fceea167a5a36dedd4bea2543",
        ] {
            check(15, good, Ok(()));
        }
    }

    #[test]
    fn common_passwords_and_their_variations_are_refused() {
        for bad in [
            "password123456789",
            "P@ssw0rdP@ssw0rd1",
            "qwertyuiopasdfghjkl",
            "111111111111111",
            "123456789012345",
            "abcdefghijklmnopqrstuvwxyz",
            "iloveyouiloveyou",
            "trustno1trustno1trustno1",
            "Passw0rd!Passw0rd!",
            "correcthorsebatterystaple",
            "Correct Horse Battery Staple",
            "correct-horse-battery-staple1",
            "maytheforcebewithyou!",
            // Repeated beyond what is looked at at once.
            "password1234567password1234567password",
        ] {
            check(15, bad, Err(Weak::TooCommon));
        }
    }

    #[test]
    fn the_names_of_service_and_account_are_refused() {
        for bad in [
            "nightlatch-2026!",
            "2026NIGHTLATCH2026",
            "n-i-g-h-t-l-a-t-c-h",
            "ＮightＬatch",
            "ada.lovelace@example.org",
            "AdaLovelace1815!",
        ] {
            check(8, bad, Err(Weak::Contextual));
        }
        check(8, "nightlatchnightlatch", Err(Weak::TooCommon));
        check(8, "7391846255301942a6", Ok(()));
    }
}
