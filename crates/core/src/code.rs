//! Codes as people type them: what is dropped, what is folded, and what is refused unread.

use std::fmt;

use zeroize::ZeroizeOnDrop;

use crate::SecretText;

/// No code is written with more bytes than this, separators included.
const LONGEST: usize = 64;

/// Symbols of a recovery code: 80 bits of five each.
const RECOVERY_SYMBOLS: usize = 16;

pub(crate) const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The bytes of `text` without ASCII spaces and dashes; `None` if it is longer than any code.
fn stripped(text: &str) -> Option<impl Iterator<Item = u8> + Clone> {
    (text.len() <= LONGEST).then(|| text.bytes().filter(|byte| !matches!(byte, b' ' | b'-')))
}

/// A one-time code of six to eight decimal digits: from an authenticator app, a token or a mail.
#[derive(ZeroizeOnDrop)]
pub struct OneTimeCode {
    digits: u32,
    value: u32,
}

impl OneTimeCode {
    /// Reads a code. ASCII spaces and dashes are dropped and nothing else is: a digit of another
    /// script is no digit, so that one code has one meaning to the check for reuse.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (mut digits, mut value) = (0, 0_u32);
        for byte in stripped(text)? {
            if !byte.is_ascii_digit() || digits == 8 {
                return None;
            }
            digits += 1;
            value = value * 10 + u32::from(byte - b'0');
        }
        (digits >= 6).then_some(Self { digits, value })
    }

    /// How many digits it was written with: 6 to 8.
    #[must_use]
    pub const fn digits(&self) -> u32 {
        self.digits
    }

    /// The number that the digits write, leading zeros dropped.
    #[must_use]
    pub const fn value(&self) -> u32 {
        self.value
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeCode(..)")
    }
}

/// A recovery code: 80 random bits.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct RecoveryCode([u8; 10]);

impl RecoveryCode {
    /// The code that these random bits are.
    #[must_use]
    pub const fn from_entropy(entropy: [u8; 10]) -> Self {
        Self(entropy)
    }

    /// Reads a code: ASCII spaces and dashes are dropped, case and Crockford's look-alikes (`O` for
    /// `0`, `I` and `L` for `1`) are folded, and sixteen symbols must be left.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let symbols = stripped(text)?;
        if symbols.clone().count() != RECOVERY_SYMBOLS {
            return None;
        }
        let mut value = 0_u128;
        for byte in symbols {
            let symbol = match byte.to_ascii_uppercase() {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                symbol => symbol,
            };
            let place = CROCKFORD.iter().position(|known| *known == symbol)?;
            value = (value << 5) | u128::try_from(place).ok()?;
        }
        let [_, _, _, _, _, _, code @ ..] = value.to_be_bytes();
        Some(Self(code))
    }

    /// The code as it is shown: `XXXX-XXXX-XXXX-XXXX`.
    #[must_use]
    pub fn to_text(&self) -> SecretText {
        let mut bytes = [0; 16];
        bytes[6..].copy_from_slice(&self.0);
        let value = u128::from_be_bytes(bytes);
        let mut text = String::with_capacity(RECOVERY_SYMBOLS + 3);
        for place in (0..RECOVERY_SYMBOLS).rev() {
            let symbol = usize::try_from((value >> (place * 5)) & 31).unwrap_or_default();
            text.push(char::from(CROCKFORD[symbol]));
            if place > 0 && place % 4 == 0 {
                text.push('-');
            }
        }
        SecretText::new(text)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 10] {
        &self.0
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(..)")
    }
}

/// A code of either kind, where one field takes both. No text is both: their lengths differ.
#[derive(Debug)]
pub enum AnyCode {
    /// Six to eight digits.
    OneTime(OneTimeCode),
    /// Sixteen symbols, even if all of them are digits.
    Recovery(RecoveryCode),
}

impl AnyCode {
    /// Reads whichever kind it is.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        OneTimeCode::parse(text)
            .map(Self::OneTime)
            .or_else(|| RecoveryCode::parse(text).map(Self::Recovery))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn one_time(text: &str, expected: Option<(u32, u32)>) {
        let code = OneTimeCode::parse(text);
        assert_eq!(code.map(|code| (code.digits(), code.value())), expected, "{text:?}");
    }

    #[test]
    fn only_ascii_digits_are_digits() {
        one_time("123456", Some((6, 123_456)));
        one_time("0000000", Some((7, 0)));
        one_time(" 123-456 78 ", Some((8, 12_345_678)));
        one_time("12345", None);
        one_time("123456789", None);
        one_time("99999999999999999999", None);
        one_time("", None);
        one_time("１２３４５６", None);
        one_time("١٢٣٤٥٦", None);
        one_time("123456\n", None);
        one_time("123\t456", None);
        one_time("123\u{a0}456", None);
        one_time("123–456", None);
        one_time("+12345", None);
        one_time("0x1234", None);
        one_time("123456\0", None);
        one_time(&format!("123456{}", " ".repeat(58)), Some((6, 123_456)));
        one_time(&format!("123456{}", " ".repeat(59)), None);
    }

    #[test]
    fn recovery_codes_fold_case_and_look_alikes() {
        let code = RecoveryCode::parse("0123-4567-89AB-CDEF").unwrap();
        assert_eq!(code.to_text().expose(), "0123-4567-89AB-CDEF");
        for same in ["oi23 4567 89ab cdef", "OL23456789ABCDEF", "0-1-2-3-4-5-6-7-8-9-A-B-C-D-E-F"] {
            assert!(RecoveryCode::parse(same) == Some(code.clone()), "{same}");
        }
        for bad in ["0123-4567-89AB-CDE", "0123-4567-89AB-CDEFG", "U123-4567-89AB-CDEF", "", "é"] {
            assert!(RecoveryCode::parse(bad).is_none(), "{bad}");
        }
        let bound = RecoveryCode::from_entropy([0xff; 10]);
        assert_eq!(bound.to_text().expose(), "ZZZZ-ZZZZ-ZZZZ-ZZZZ");
    }

    #[test]
    fn a_field_for_both_kinds_tells_them_apart_by_length() {
        assert!(matches!(AnyCode::parse("123 456"), Some(AnyCode::OneTime(_))));
        assert!(matches!(AnyCode::parse("1234-5678-9012-3456"), Some(AnyCode::Recovery(_))));
        assert!(AnyCode::parse("123456789").is_none());
        assert!(AnyCode::parse("12345A").is_none());
    }

    #[test]
    fn no_code_can_be_read_in_a_log() {
        for text in ["123456", "1234-5612-3456-1234"] {
            let code = AnyCode::parse(text).unwrap();
            assert!(!format!("{code:?}").contains("1234"));
        }
    }

    proptest! {
        /// Showing a recovery code and typing it in, in any case, is the identity.
        #[test]
        fn a_shown_recovery_code_is_read_back(entropy: [u8; 10]) {
            let code = RecoveryCode::from_entropy(entropy);
            let text = code.to_text();
            prop_assert!(RecoveryCode::parse(text.expose()) == Some(code.clone()));
            prop_assert!(RecoveryCode::parse(&text.expose().to_lowercase()) == Some(code));
        }

        /// Digits are read as what they say, wherever the separators are.
        #[test]
        fn separators_change_nothing(value in 0_u32..100_000_000, digits in 6_usize..=8, at in 0_usize..6) {
            let value = value % 10_u32.pow(u32::try_from(digits).unwrap());
            let mut text = format!("{value:0digits$}");
            text.insert_str(at, " -");
            let code = OneTimeCode::parse(&text).unwrap();
            prop_assert_eq!(code.value(), value);
            prop_assert_eq!(usize::try_from(code.digits()).unwrap(), digits);
        }

        /// Whatever is typed, reading it does not panic, and what is read is in range.
        #[test]
        fn any_text_can_be_read(text: String) {
            if let Some(AnyCode::OneTime(code)) = AnyCode::parse(&text) {
                prop_assert!(code.value() < 10_u32.pow(code.digits()));
            }
        }
    }
}
