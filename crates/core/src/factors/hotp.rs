//! Counter-based one-time passwords (RFC 4226): the codes of hardware tokens, and the function that
//! time-based ones (RFC 6238) are built on.
//!
//! A [`Hotp`] is a shared secret and the counter that comes next. Its owner may have pressed the
//! button in vain, so a small window of counters ahead is accepted; the counter after the one that
//! matched is what the store remembers, which is what makes a code one-time.

use aws_lc_rs::hmac;
use subtle::{ConditionallySelectable, ConstantTimeEq};

use crate::{Secret, code::OneTimeCode};

/// The widest window of counters that a code may be ahead (RFC 4226 §7.4).
pub const MAX_LOOK_AHEAD: u64 = 10;

/// How many counters ahead two codes in a row are searched for when a token lost step.
pub const RESYNC_WINDOW: u64 = 100;

/// The hash under the HMAC.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// What every authenticator app understands. HMAC does not need SHA-1 to resist collisions.
    #[default]
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha512];

    /// The name in an `otpauth` URI.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// The number that rows keep; never reused.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Sha1 => 1,
            Self::Sha256 => 2,
            Self::Sha512 => 3,
        }
    }

    /// The algorithm with this number.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.code() == code)
    }

    const fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }
}

/// Makes the codes of one seed; the key schedule is done once for a whole window.
pub(crate) struct Generator {
    key: hmac::Key,
    digits: u32,
}

impl Generator {
    pub(crate) fn new(seed: &Secret, algorithm: Algorithm, digits: u32) -> Self {
        Self { key: hmac::Key::new(algorithm.hmac(), seed.expose()), digits }
    }

    /// The code at `counter`: dynamic truncation (RFC 4226 §5.3), reduced to the digits.
    fn code_at(&self, counter: u64) -> u32 {
        let tag = hmac::sign(&self.key, &counter.to_be_bytes());
        let bytes = tag.as_ref();
        let offset = usize::from(bytes[bytes.len() - 1] & 0x0f);
        let mut word = [0; 4];
        word.copy_from_slice(&bytes[offset..offset + 4]);
        (u32::from_be_bytes(word) & 0x7fff_ffff) % 10_u32.pow(self.digits)
    }

    /// Whether `code` is the one at `counter`. The same work whatever is typed; a code of another
    /// length never is.
    pub(crate) fn matches(&self, code: &OneTimeCode, counter: u64) -> subtle::Choice {
        self.code_at(counter).ct_eq(&code.value()) & self.digits.ct_eq(&code.digits())
    }
}

/// The code of `seed` at `counter`: a number below 10 to the power of `digits`, which are 6 to 8.
#[must_use]
pub fn code_at(seed: &Secret, counter: u64, algorithm: Algorithm, digits: u32) -> u32 {
    Generator::new(seed, algorithm, digits).code_at(counter)
}

/// A hardware token: what is known of it before a code is looked at.
#[derive(Debug)]
pub struct Hotp {
    /// The shared secret.
    pub seed: Secret,
    /// The hash under its HMAC.
    pub algorithm: Algorithm,
    /// Digits of its codes: 6 to 8.
    pub digits: u32,
    /// The next counter: no code before it is accepted again.
    pub counter: u64,
    /// How many counters ahead a code may be; more than [`MAX_LOOK_AHEAD`] counts as that.
    pub look_ahead: u64,
}

impl Hotp {
    /// Checks `code` against the whole window; the counter that comes next if it is right.
    #[must_use]
    pub fn verify(&self, code: &OneTimeCode) -> Option<u64> {
        let generator = Generator::new(&self.seed, self.algorithm, self.digits);
        let window = self.look_ahead.min(MAX_LOOK_AHEAD);
        self.next_after(window, 1, |counter| generator.matches(code, counter))
    }

    /// Finds a token that lost step by two codes in a row (RFC 4226 §7.4), within
    /// [`RESYNC_WINDOW`]; the counter that comes next.
    #[must_use]
    pub fn resynchronise(&self, first: &OneTimeCode, second: &OneTimeCode) -> Option<u64> {
        let generator = Generator::new(&self.seed, self.algorithm, self.digits);
        self.next_after(RESYNC_WINDOW, 2, |counter| {
            generator.matches(first, counter) & generator.matches(second, counter.saturating_add(1))
        })
    }

    /// The counter behind the last match, which uses up `codes` counters. The last, so that no code
    /// that would match twice within the window can be presented again.
    fn next_after(
        &self,
        window: u64,
        codes: u64,
        matches: impl Fn(u64) -> subtle::Choice,
    ) -> Option<u64> {
        let end = self.counter.checked_add(window)?.checked_add(codes)?;
        let mut next = 0;
        for counter in self.counter..=end - codes {
            next.conditional_assign(&(counter + codes), matches(counter));
        }
        (next != 0).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(counter: u64, look_ahead: u64) -> Hotp {
        let seed = Secret::new(b"12345678901234567890".to_vec());
        Hotp { seed, algorithm: Algorithm::Sha1, digits: 6, counter, look_ahead }
    }

    fn code(counter: u64) -> OneTimeCode {
        let value = code_at(&token(0, 0).seed, counter, Algorithm::Sha1, 6);
        OneTimeCode::parse(&format!("{value:06}")).unwrap()
    }

    #[test]
    fn a_code_is_accepted_within_the_window_and_never_before_it() {
        assert_eq!(token(5, 3).verify(&code(5)), Some(6));
        assert_eq!(token(5, 3).verify(&code(8)), Some(9));
        assert_eq!(token(5, 3).verify(&code(9)), None, "beyond the window");
        assert_eq!(token(5, 3).verify(&code(4)), None, "already used");
        assert_eq!(token(0, u64::MAX).verify(&code(10)), Some(11));
        assert_eq!(token(0, u64::MAX).verify(&code(11)), None, "no window is wider");
    }

    #[test]
    fn a_lost_token_is_found_by_two_codes_in_a_row() {
        assert_eq!(token(0, 3).resynchronise(&code(100), &code(101)), Some(102));
        assert_eq!(token(0, 3).resynchronise(&code(101), &code(102)), None, "too far");
        assert_eq!(token(0, 3).resynchronise(&code(50), &code(52)), None, "not in a row");
        assert_eq!(token(60, 3).resynchronise(&code(50), &code(51)), None, "behind");
    }

    #[test]
    fn a_code_of_another_length_never_matches() {
        let code = OneTimeCode::parse("0755224").unwrap();
        assert_eq!(code.value(), 755_224, "the first code of RFC 4226's token");
        assert_eq!(token(0, 3).verify(&code), None);
    }

    #[test]
    fn the_last_counter_ends_the_token() {
        assert_eq!(token(u64::MAX, 3).verify(&code(u64::MAX)), None);
    }

    #[test]
    fn algorithms_keep_their_numbers() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_code(algorithm.code()), Some(algorithm));
        }
        assert_eq!(Algorithm::from_code(0), None);
    }
}
