//! The byte format of everything Nightlatch seals: fixed-width integers and length-prefixed fields.
//!
//! Lengths come first, so that no two lists of fields share an encoding: it serves associated data
//! as well as the insides of sealed tokens.

use crate::{MethodId, Timestamp};

/// Writes fields one after the other.
#[derive(Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    pub(crate) fn int(mut self, value: i64) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn time(self, at: Timestamp) -> Self {
        self.int(at.millis())
    }

    pub(crate) fn flag(self, flag: bool) -> Self {
        self.int(i64::from(flag))
    }

    /// An optional field: an empty or one-field list.
    pub(crate) fn optional(self, text: Option<&str>) -> Self {
        let present = self.flag(text.is_some());
        present.text(text.unwrap_or_default())
    }

    /// A method that may not have been named: an empty field or its id.
    pub(crate) fn method(self, method: Option<MethodId>) -> Self {
        self.bytes(method.as_ref().map_or(&[][..], |method| method.as_bytes()))
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads fields in the order they were written; `None` for anything else.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(head)
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = u32::from_be_bytes(self.take(4)?.try_into().ok()?);
        self.take(usize::try_from(length).ok()?)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes()?.try_into().ok()
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    pub(crate) fn int(&mut self) -> Option<i64> {
        Some(i64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    pub(crate) fn time(&mut self) -> Option<Timestamp> {
        self.int().map(Timestamp::from_millis)
    }

    pub(crate) fn flag(&mut self) -> Option<bool> {
        match self.int()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    #[expect(
        clippy::option_option,
        reason = "the outer one is the reader's, the inner one the field's"
    )]
    pub(crate) fn optional(&mut self) -> Option<Option<String>> {
        let present = self.flag()?;
        let text = self.text()?;
        Some(present.then_some(text))
    }

    #[expect(
        clippy::option_option,
        reason = "the outer one is the reader's, the inner one the field's"
    )]
    pub(crate) fn method(&mut self) -> Option<Option<MethodId>> {
        match self.bytes()? {
            [] => Some(None),
            bytes => Some(Some(MethodId::from_bytes(bytes.try_into().ok()?))),
        }
    }

    /// Nothing may follow the last field.
    pub(crate) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}
