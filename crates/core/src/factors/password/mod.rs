//! Passwords: which ones may be chosen, and how they are kept and verified.
//!
//! A [`NewPassword`] exists only if it passed the [`Rules`], and only a [`NewPassword`] can be
//! hashed; a [`PasswordHash`] verifies whatever a sign-in brings. Texts are compared in Unicode's
//! normalisation form C, as two keyboards may write one character differently.

mod guess;
mod hash;
mod rules;

pub use super::slow_hash::{Cost, Memory};
pub use hash::PasswordHash;
pub use rules::{NewPassword, Rules, Weak};

use unicode_normalization::UnicodeNormalization;

use crate::SecretText;

/// The longest password, in bytes of UTF-8: what is longer is refused when chosen and never matches.
pub const MAX_BYTES: usize = 1024;

fn composed(text: &str) -> SecretText {
    SecretText::new(text.nfc().collect())
}
