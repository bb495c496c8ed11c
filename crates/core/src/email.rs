//! Mail addresses: one function normalises them, when they are stored and when they are looked up.

use std::fmt;

use crate::keys::{KeyRing, Purpose};

/// The longest address (RFC 5321 §4.5.3.1.3, less the angle brackets) and local part, in bytes.
const MAX_ADDRESS: usize = 254;
const MAX_LOCAL: usize = 64;

/// An address that mail can be sent to: ASCII throughout, an international domain in its A-label
/// form.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    address: String,
    normalised: String,
    at: usize,
}

impl Email {
    /// Reads an address: a local part of RFC 5321's dot-atoms, and a domain name of at least two
    /// labels. Quoted and non-ASCII local parts, comments and address literals are refused, and
    /// nothing is trimmed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_ADDRESS {
            return None;
        }
        let (local, domain) = text.split_once('@')?;
        if local.len() > MAX_LOCAL || !local.split('.').all(is_atom) {
            return None;
        }
        // Composes (NFC), folds case, and refuses what no host name has.
        let ascii = idna::domain_to_ascii_strict(domain).ok()?;
        let (_, top) = ascii.rsplit_once('.')?;
        if top.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let domain = if domain.is_ascii() { domain } else { &ascii };
        let address = format!("{local}@{domain}");
        let normalised = address.to_ascii_lowercase();
        (address.len() <= MAX_ADDRESS).then_some(Self { address, normalised, at: local.len() })
    }

    /// The address as it was given: where mail goes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// The form in which two addresses are the same account: case folded in both parts.
    #[must_use]
    pub fn normalised(&self) -> &str {
        &self.normalised
    }

    /// What is before the `@`, as it was given.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.address[..self.at]
    }

    /// The keyed hash by which the address is found.
    #[must_use]
    pub fn lookup_key(&self, ring: &KeyRing) -> [u8; 32] {
        ring.mac(Purpose::Address, self.normalised.as_bytes())
    }

    /// A hint for its owner that tells a stranger little: `a***@e***.org`.
    #[must_use]
    pub fn masked(&self) -> String {
        let (local, domain) = self.address.split_at(self.at);
        let top = domain.rfind('.').map_or("", |dot| &domain[dot..]);
        format!("{}***{}***{top}", &local[..1], &domain[..2])
    }
}

fn is_atom(text: &str) -> bool {
    let is_atext =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_atext)
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Email({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, address: &str, normalised: &str) {
        let email = Email::parse(text).expect(text);
        assert_eq!((email.as_str(), email.normalised()), (address, normalised));
        assert_eq!(Email::parse(address).unwrap(), email, "a stored address is read back");
    }

    #[test]
    fn case_is_folded_and_kept() {
        check("ada@example.org", "ada@example.org", "ada@example.org");
        check("Ada.L+x@Example.ORG", "Ada.L+x@Example.ORG", "ada.l+x@example.org");
    }

    #[test]
    fn international_domains_are_one_name_in_every_form() {
        let (address, normalised) = ("Ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example");
        check("Ada@bücher.example", address, normalised);
        check("Ada@BU\u{308}CHER.example", address, normalised);
        check("Ada@xn--bcher-kva.example", address, normalised);
        check("Ada@bücher。example", address, normalised);
    }

    #[test]
    fn what_is_no_plain_address_is_refused() {
        for bad in [
            "",
            "@",
            "ada",
            "ada@",
            "@example.org",
            "ada@example",
            "ada@localhost",
            "ada@example.org.",
            "ada@.example.org",
            "ada@example..org",
            "ada@-example.org",
            "ada@exam_ple.org",
            "ada@127.0.0.1",
            "ada@[127.0.0.1]",
            "ada@example.org@example.com",
            " ada@example.org",
            "ada@example.org ",
            "ada @example.org",
            "ada@exam ple.org",
            "ada@example.org\n",
            "ada\r\nBcc: eve@example.com@example.org",
            "ada\0@example.org",
            "\"ada\"@example.org",
            "ada(x)@example.org",
            "Ada <ada@example.org>",
            "ada,eve@example.org",
            ".ada@example.org",
            "ada.@example.org",
            "a..da@example.org",
            "zoë@example.org",
            "аda@example.org",
            "ada＠example.org",
            "ada@xn--a.example",
            "ada@exa\u{ad}mple.org\u{202e}",
        ] {
            assert!(Email::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn lengths_have_their_limits() {
        let local = "a".repeat(64);
        assert!(Email::parse(&format!("{local}@example.org")).is_some());
        assert!(Email::parse(&format!("{local}a@example.org")).is_none());
        let domain = format!("{}.{}.{}", "b".repeat(63), "c".repeat(63), "d".repeat(61));
        assert!(Email::parse(&format!("{local}@{domain}")).is_some(), "254 bytes");
        assert!(Email::parse(&format!("{local}@{domain}d")).is_none(), "255 bytes");
        let grown = format!("{}example", "ü.".repeat(25));
        assert!(Email::parse(&format!("ada@{grown}")).is_some());
        assert!(Email::parse(&format!("{local}@{grown}")).is_none(), "255 bytes in ASCII");
    }

    #[test]
    fn a_mask_shows_little() {
        let masked = |text| Email::parse(text).unwrap().masked();
        assert_eq!(masked("ada@example.org"), "a***@e***.org");
        assert_eq!(masked("a@b.co.uk"), "a***@b***.uk");
        assert_eq!(
            format!("{:?}", Email::parse("ada@example.org").unwrap()),
            "Email(a***@e***.org)"
        );
    }

    #[test]
    fn an_address_is_found_by_its_normalised_form() {
        let ring = KeyRing::single(&[1; 32]);
        let key = |text| Email::parse(text).unwrap().lookup_key(&ring);
        assert_eq!(key("Ada@Example.org"), key("ada@example.ORG"));
        assert_ne!(key("ada@example.org"), key("eve@example.org"));
    }

    proptest! {
        /// Whatever is read is plain ASCII without anything that a mail header could trip over,
        /// and reading the normalised form changes nothing.
        #[test]
        fn an_address_is_harmless(text in "[a-zA-Z.ü@\r\n\"<> -]{0,12}@[a-zé。.-]{1,12}\\.[a-z]{2}") {
            if let Some(email) = Email::parse(&text) {
                prop_assert!(email.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
                let again = Email::parse(email.normalised()).unwrap();
                prop_assert_eq!(again.as_str(), email.normalised());
                prop_assert_eq!(again.normalised(), email.normalised());
            }
        }

        /// Arbitrary text is refused quietly.
        #[test]
        fn any_text_can_be_read(text: String) {
            let _ = Email::parse(&text);
        }
    }
}
