//! The Key URI format: what an enrolment's QR code says.

use std::fmt::{self, Write};

use super::{Parameters, Seed};
use crate::SecretText;

/// A URI component: everything but RFC 3986's unreserved characters is percent-encoded, so that a
/// colon, a space or a question mark in a name stays a part of the name.
struct Component<'a>(&'a str);

impl fmt::Display for Component<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    f.write_char(char::from(byte))?;
                }
                _ => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

/// The `otpauth` URI that an app reads: `issuer` names the service and `account` the person.
#[must_use]
pub fn otpauth_uri(
    issuer: &str,
    account: &str,
    seed: &Seed,
    parameters: &Parameters,
) -> SecretText {
    SecretText::new(format!(
        "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm={algorithm}\
         &digits={digits}&period={period}",
        issuer = Component(issuer),
        account = Component(account),
        secret = seed.base32().expose(),
        algorithm = parameters.algorithm().as_str(),
        digits = parameters.digits(),
        period = parameters.period(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factors::hotp::Algorithm;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(Component(text).to_string(), expected);
    }

    #[test]
    fn only_unreserved_characters_stay() {
        check("Az09-._~", "Az09-._~");
        check(" ", "%20");
        check(":/?#[]@", "%3A%2F%3F%23%5B%5D%40");
        check("!$&'()*+,;=", "%21%24%26%27%28%29%2A%2B%2C%3B%3D");
        check("%41", "%2541");
        check("Müller", "M%C3%BCller");
        check("東\n", "%E6%9D%B1%0A");
    }

    #[test]
    fn a_colon_in_a_name_does_not_end_the_issuer() {
        let seed = Seed::new(b"12345678901234567890");
        let parameters = Parameters::new(Algorithm::Sha256, 8, 60).unwrap();
        let uri = otpauth_uri("A: B&C", "ada:x@example.org", &seed, &parameters);
        assert_eq!(
            uri.expose(),
            "otpauth://totp/A%3A%20B%26C:ada%3Ax%40example.org\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=A%3A%20B%26C&algorithm=SHA256\
             &digits=8&period=60"
        );
    }
}
