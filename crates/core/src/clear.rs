//! What secrets look like in clear, for whoever has to show that a database holds none.
//!
//! Every form is so long, or so particular, that hashes and sealed cells do not have it by chance.

use std::fmt;

use crate::code::CROCKFORD;

/// A secret of ours, by how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A token that a client keeps, or a link that was mailed.
    Token,
    /// A signed access token.
    AccessToken,
    /// A recovery code.
    RecoveryCode,
    /// The seed of an authenticator app.
    Seed,
    /// A seed in a Key URI.
    KeyUri,
    /// A private key.
    PrivateKey,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token => "a token",
            Self::AccessToken => "an access token",
            Self::RecoveryCode => "a recovery code",
            Self::Seed => "the seed of an authenticator app",
            Self::KeyUri => "an otpauth:// URI",
            Self::PrivateKey => "a private key",
        })
    }
}

/// Our tokens are longer than this after their prefix, and so is a signature.
const LEAST: usize = 43;

/// Characters of a seed of 20, 32 and 64 bytes in base32 and in hexadecimal.
const BASE32_SEEDS: [usize; 3] = [32, 52, 103];
const HEX_SEEDS: [usize; 3] = [40, 64, 128];

/// What the text or the bytes of a column hold that reads like a secret in clear.
#[must_use]
pub fn reads_like(bytes: &[u8]) -> Option<Kind> {
    let holds = |what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
    let words = |inner: fn(u8) -> bool| bytes.split(move |byte| !inner(*byte));
    if holds(b"PRIVATE KEY-----") {
        Some(Kind::PrivateKey)
    } else if holds(b"otpauth://") {
        Some(Kind::KeyUri)
    } else if starts(bytes).any(is_access_token) {
        Some(Kind::AccessToken)
    } else if starts(bytes).any(is_token) {
        Some(Kind::Token)
    } else if words(|byte| byte.is_ascii_alphanumeric()).any(is_seed) {
        Some(Kind::Seed)
    } else if words(|byte| byte.is_ascii_alphanumeric() || byte == b'-').any(is_recovery_code) {
        Some(Kind::RecoveryCode)
    } else {
        None
    }
}

/// Everything from each byte to the end.
fn starts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    (0..bytes.len()).map(move |at| &bytes[at..])
}

/// How many characters of base64url `bytes` begin with, and what comes after them.
fn base64url(bytes: &[u8]) -> (usize, &[u8]) {
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let length = bytes.iter().take_while(|byte| inner(byte)).count();
    (length, &bytes[length..])
}

fn is_token(bytes: &[u8]) -> bool {
    match bytes {
        [b'n', b'l', b'a'..=b'z', b'_', rest @ ..] => base64url(rest).0 >= LEAST,
        _ => false,
    }
}

/// Three parts, of which the first two are JSON objects.
fn is_access_token(bytes: &[u8]) -> bool {
    let part = |bytes: &[u8]| bytes.starts_with(b"eyJ");
    if !part(bytes) {
        return false;
    }
    let (_, [b'.', claims @ ..]) = base64url(bytes) else { return false };
    let (_, [b'.', signature @ ..]) = base64url(claims) else { return false };
    part(claims) && base64url(signature).0 >= LEAST
}

fn is_seed(word: &[u8]) -> bool {
    let all = |inner: fn(&u8) -> bool| word.iter().all(inner);
    (BASE32_SEEDS.contains(&word.len()) && all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7')))
        || (HEX_SEEDS.contains(&word.len()) && all(u8::is_ascii_hexdigit))
}

/// `XXXX-XXXX-XXXX-XXXX` in the symbols in which codes are written, and nothing that only looks like
/// it, as a part of a UUID does.
fn is_recovery_code(word: &[u8]) -> bool {
    let in_place = |(at, byte): (usize, &u8)| match at % 5 {
        4 => *byte == b'-',
        _ => CROCKFORD.contains(byte),
    };
    word.len() == 19 && word.iter().enumerate().all(in_place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    use crate::{
        SecretText, SessionId, Timestamp, UserId,
        code::RecoveryCode,
        factors::{
            hotp::Algorithm,
            totp::{Parameters, Seed, otpauth_uri},
        },
        keys::KeyRing,
        token::{Device, Invite, MailLink, Refresh},
    };

    #[track_caller]
    fn check(secret: &SecretText, kind: Kind) {
        let secret = secret.expose();
        assert_eq!(reads_like(secret.as_bytes()), Some(kind), "{secret}");
        let inside = format!("{{\"kept\":\"{secret}\"}}");
        assert_eq!(reads_like(inside.as_bytes()), Some(kind), "{inside}");
    }

    #[test]
    fn whatever_is_made_here_is_known_in_clear() {
        let ring = KeyRing::single(&[1; 32]);
        let (id, at) = ([2; 16], Timestamp::from_seconds(1_700_000_000));
        let refresh = Refresh::new(SessionId::from_bytes(id), 1, [3; 32]).issue(&ring);
        check(&refresh, Kind::Token);
        check(&Invite::issue(id, [4; 32]).to_text(), Kind::Token);
        let device = Device { user: UserId::from_bytes(id), id, issued_at: at };
        check(&device.seal(&ring, [5; 12]), Kind::Token);
        let link = MailLink { id, address: "a@b.c".to_owned(), expires_at: at };
        check(&link.seal(&ring, [6; 12]), Kind::Token);
        check(&RecoveryCode::from_entropy([0xa7; 10]).to_text(), Kind::RecoveryCode);
        for seed in [Seed::new(&[7; 20]), Seed::new(&[8; 32]), Seed::new(&[9; 64])] {
            check(&seed.base32(), Kind::Seed);
            let parameters = Parameters::new(Algorithm::Sha1, 6, 30).unwrap();
            check(&otpauth_uri("Ours", "ada", &seed, &parameters), Kind::KeyUri);
        }
        let part = "eyJhbGciOiJFZERTQSJ9";
        check(&SecretText::new(format!("{part}.{part}.{}", "A".repeat(86))), Kind::AccessToken);
        check(&SecretText::new("-----BEGIN PRIVATE KEY-----".to_owned()), Kind::PrivateKey);
    }

    #[test]
    fn what_a_database_holds_anyway_is_no_secret() {
        for text in [
            "",
            "ada@example.org",
            "usr_01980000-1234-7234-8234-123456789abc",
            "01980000-1234-7234-8234-123456789abc",
            r#"{"kind":"sign_in","outcome":"success","address":"2001:db8::1","key":"1a2b3c4d"}"#,
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "nl_",
            "nlr_short",
            "eyJh.eyJh.x",
            "abcd-efgh-jkmn-pqrs",
            "A7A7-A7A7-A7A7-A7AU",
            "A7A7-A7A7-A7A7A-7A7",
        ] {
            assert_eq!(reads_like(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        /// Neither noise nor what is sealed is taken for a secret.
        #[test]
        fn noise_is_no_secret(noise in prop::collection::vec(any::<u8>(), 0..2000), nonce: [u8; 12]) {
            prop_assert_eq!(reads_like(&noise), None);
            prop_assert_eq!(reads_like(&KeyRing::single(&[1; 32]).mark(nonce)), None);
        }
    }
}
