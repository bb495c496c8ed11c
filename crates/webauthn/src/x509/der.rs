//! DER (X.690 §10), as far as the extensions that attestation is about need it.
//!
//! The `der` crate reads no tag above 30, and Android's key description has tags up to 724. This
//! reader is strict: the shortest form of tag and length, definite lengths only.

use x509_cert::der::Decode;

/// The tag of an element: class and constructed bit as they stand in its first byte, and the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag {
    bits: u8,
    number: u32,
}

const CONSTRUCTED: u8 = 0x20;
const CONTEXT: u8 = 0x80;

impl Tag {
    pub(crate) const INTEGER: Self = Self { bits: 0, number: 2 };
    pub(crate) const OCTET_STRING: Self = Self { bits: 0, number: 4 };
    pub(crate) const ENUMERATED: Self = Self { bits: 0, number: 10 };
    pub(crate) const SEQUENCE: Self = Self { bits: CONSTRUCTED, number: 16 };
    pub(crate) const SET: Self = Self { bits: CONSTRUCTED, number: 17 };

    /// `[number] EXPLICIT`
    pub(crate) const fn explicit(number: u32) -> Self {
        Self { bits: CONTEXT | CONSTRUCTED, number }
    }
}

const TRUNCATED: &str = "the DER ends too early";
const NOT_SHORTEST: &str = "DER that is longer than needed";

/// What is left of a sequence of elements.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The content of the next element, which has this tag.
    pub(crate) fn expect(&mut self, tag: Tag) -> Result<&'a [u8], &'static str> {
        let (found, content) = self.element()?;
        if found == tag { Ok(content) } else { Err("an unexpected DER element") }
    }

    /// The next element.
    pub(crate) fn element(&mut self) -> Result<(Tag, &'a [u8]), &'static str> {
        let first = self.byte()?;
        let number = match u32::from(first & 0x1f) {
            0x1f => self.high_number()?,
            low => low,
        };
        let length = self.length()?;
        let (content, rest) = self.0.split_at_checked(length).ok_or(TRUNCATED)?;
        self.0 = rest;
        Ok((Tag { bits: first & 0xe0, number }, content))
    }

    fn byte(&mut self) -> Result<u8, &'static str> {
        let (first, rest) = self.0.split_first().ok_or(TRUNCATED)?;
        self.0 = rest;
        Ok(*first)
    }

    /// A tag's number in base 128, of at most two digits.
    fn high_number(&mut self) -> Result<u32, &'static str> {
        let mut number = 0;
        for _ in 0..2 {
            let digit = self.byte()?;
            number = number << 7 | u32::from(digit & 0x7f);
            if number == 0 {
                return Err(NOT_SHORTEST);
            }
            if digit & 0x80 == 0 {
                return if number < 0x1f { Err(NOT_SHORTEST) } else { Ok(number) };
            }
        }
        Err("a DER tag beyond all that is known")
    }

    fn length(&mut self) -> Result<usize, &'static str> {
        let (length, shortest) = match self.byte()? {
            short @ 0..=0x7f => return Ok(usize::from(short)),
            0x81 => (usize::from(self.byte()?), 0x80),
            0x82 => (usize::from(u16::from_be_bytes([self.byte()?, self.byte()?])), 0x100),
            _ => return Err("a DER length that is indefinite or too large"),
        };
        if length < shortest { Err(NOT_SHORTEST) } else { Ok(length) }
    }
}

/// How deep elements may be nested: certificates take less than half of it.
const MAX_DEPTH: usize = 24;

/// Decodes `bytes` with the `der` crate, once every length in them fits into what is around it.
///
/// The crate makes room for as many bytes as a length says before it looks whether they are there: a
/// certificate of a thousand bytes would cost hundreds of millions.
pub(crate) fn decode<T: for<'a> Decode<'a>>(bytes: &[u8]) -> Option<T> {
    if !is_bounded(bytes, 0) {
        return None;
    }
    T::from_der(bytes).ok()
}

/// Whether elements and those within them end where what is around them ends, or before.
fn is_bounded(bytes: &[u8], depth: usize) -> bool {
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let Ok((tag, content)) = reader.element() else { return false };
        let inside = tag.bits & CONSTRUCTED == 0
            || (depth < MAX_DEPTH && is_bounded(content, depth.saturating_add(1)));
        if !inside {
            return false;
        }
    }
    true
}

/// The content of the one element that `bytes` are.
pub(crate) fn only(bytes: &[u8], tag: Tag) -> Result<&[u8], &'static str> {
    let mut reader = Reader::new(bytes);
    let content = reader.expect(tag)?;
    if reader.is_empty() { Ok(content) } else { Err("bytes follow the DER element") }
}

/// The bytes of a positive INTEGER, or zero, without the one that stands for its sign.
pub(crate) fn unsigned(content: &[u8]) -> Result<&[u8], &'static str> {
    match content {
        [0] | [1..=0x7f, ..] => Ok(content),
        [0, number @ ..] if number.first().is_some_and(|first| *first >= 0x80) => Ok(number),
        _ => Err("a DER integer that is negative or not in its shortest form"),
    }
}

/// The number that the one INTEGER in `bytes` is, if it fits into a byte.
pub(crate) fn small(bytes: &[u8]) -> Result<u8, &'static str> {
    match unsigned(only(bytes, Tag::INTEGER)?)? {
        [number] => Ok(*number),
        _ => Err("a DER integer that is out of range"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use x509_cert::der::asn1::OctetString;

    #[test]
    fn no_length_is_believed_that_does_not_fit() {
        let decoded = |bytes: &[u8]| decode::<Vec<OctetString>>(bytes).map(|list| list.len());
        assert_eq!(decoded(&[0x30, 4, 4, 2, 7, 7]), Some(1));
        // Two hundred megabytes in a sequence of six bytes.
        assert_eq!(decoded(&[0x30, 6, 4, 0x84, 0x0c, 0, 0, 0]), None);
        assert_eq!(decoded(&[0x30, 4, 4, 3, 7, 7]), None);
        let nested = |depth: usize| {
            (0..depth).fold(Vec::new(), |inner: Vec<u8>, _| {
                let length = u8::try_from(inner.len()).unwrap_or_default();
                [&[0x30, length], inner.as_slice()].concat()
            })
        };
        assert!(is_bounded(&nested(24), 0));
        assert!(!is_bounded(&nested(25), 0));
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: Result<(Tag, &[u8]), &str>) {
        assert_eq!(Reader::new(bytes).element(), expected, "{bytes:02x?}");
    }

    #[test]
    fn elements_are_read() {
        check(&[0x02, 1, 5], Ok((Tag::INTEGER, &[5])));
        check(&[0x0a, 0], Ok((Tag::ENUMERATED, &[])));
        check(&[0x30, 2, 4, 0, 9], Ok((Tag::SEQUENCE, &[4, 0])));
        check(&[0x31, 0], Ok((Tag::SET, &[])));
        check(&[0xa1, 1, 7], Ok((Tag::explicit(1), &[7])));
        check(&[0xbf, 31, 0], Ok((Tag::explicit(31), &[])));
        check(&[0xbf, 0x85, 0x3e, 0], Ok((Tag::explicit(702), &[])));
        for length in [0x80_u8, 0xff] {
            let content = vec![1; usize::from(length)];
            let element = [&[0x04, 0x81, length], content.as_slice()].concat();
            check(&element, Ok((Tag::OCTET_STRING, &content)));
        }
        let content = vec![1; 0x123];
        let element = [&[0x04, 0x82, 0x01, 0x23], content.as_slice()].concat();
        check(&element, Ok((Tag::OCTET_STRING, &content)));
    }

    #[test]
    fn what_is_not_strict_is_refused() {
        for short in [&[][..], &[4], &[4, 1], &[4, 0x81], &[4, 0x82, 1], &[0xbf], &[0xbf, 0x85]] {
            check(short, Err(TRUNCATED));
        }
        check(&[4, 0x81, 0x7f], Err(NOT_SHORTEST));
        check(&[4, 0x82, 0x00, 0xff], Err(NOT_SHORTEST));
        check(&[0xbf, 30, 0], Err(NOT_SHORTEST));
        check(&[0xbf, 0x80, 0x3e, 0], Err(NOT_SHORTEST));
        check(&[0xbf, 0x81, 0x80, 0x00, 0], Err("a DER tag beyond all that is known"));
        for length in [0x80, 0x83, 0xff] {
            check(&[4, length, 1, 0, 0], Err("a DER length that is indefinite or too large"));
        }
    }

    #[test]
    fn one_element_has_its_tag_and_nothing_after_it() {
        assert_eq!(only(&[4, 1, 7], Tag::OCTET_STRING), Ok(&[7][..]));
        assert_eq!(only(&[4, 1, 7], Tag::INTEGER), Err("an unexpected DER element"));
        assert_eq!(only(&[4, 1, 7, 0], Tag::OCTET_STRING), Err("bytes follow the DER element"));
        assert_eq!(only(&[0xa4, 0], Tag::explicit(5)), Err("an unexpected DER element"));
    }

    #[test]
    fn small_integers_are_read_in_their_one_form() {
        const FORM: &str = "a DER integer that is negative or not in its shortest form";
        assert_eq!(small(&[2, 1, 0]), Ok(0));
        assert_eq!(small(&[2, 1, 0x7f]), Ok(0x7f));
        assert_eq!(small(&[2, 2, 0, 0x80]), Ok(0x80));
        for wrong in [&[2, 0][..], &[2, 1, 0x80], &[2, 2, 0, 0x7f], &[2, 2, 0, 0]] {
            assert_eq!(small(wrong), Err(FORM), "{wrong:02x?}");
        }
        for wrong in [&[2, 2, 1, 0][..], &[2, 3, 0, 0x80, 0]] {
            assert_eq!(small(wrong), Err("a DER integer that is out of range"), "{wrong:02x?}");
        }
    }
}
