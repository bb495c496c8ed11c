//! A writer of CBOR that also writes what the reader refuses.

/// One data item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cbor {
    Int(i64),
    Bytes(Vec<u8>),
    Text(String),
    Array(Vec<Cbor>),
    Map(Vec<(Cbor, Cbor)>),
    Bool(bool),
    Null,
    /// Bytes that stand where an item should, whatever they are.
    Raw(Vec<u8>),
}

impl Cbor {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub(crate) fn bytes(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }

    /// The byte string that this is.
    pub(crate) fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// The bytes: definite lengths in the shortest form, a map's entries in the order given.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.append(&mut out);
        out
    }

    fn append(&self, out: &mut Vec<u8>) {
        match self {
            Self::Int(int) if *int < 0 => out.extend(head(1, (!int).cast_unsigned())),
            Self::Int(int) => out.extend(head(0, int.cast_unsigned())),
            Self::Bytes(bytes) => {
                out.extend(head(2, length(bytes.len())));
                out.extend(bytes);
            }
            Self::Text(text) => {
                out.extend(head(3, length(text.len())));
                out.extend(text.as_bytes());
            }
            Self::Array(items) => {
                out.extend(head(4, length(items.len())));
                for item in items {
                    item.append(out);
                }
            }
            Self::Map(entries) => {
                out.extend(head(5, length(entries.len())));
                for (key, value) in entries {
                    key.append(out);
                    value.append(out);
                }
            }
            Self::Bool(bool) => out.push(0xf4 | u8::from(*bool)),
            Self::Null => out.push(0xf6),
            Self::Raw(bytes) => out.extend(bytes),
        }
    }
}

fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap()
}

/// The head of an item (RFC 8949 §3), in the shortest form.
pub(crate) fn head(major: u8, argument: u64) -> Vec<u8> {
    let bytes = argument.to_be_bytes();
    let (info, width) = match argument {
        0..24 => (bytes[7], 0),
        24..0x100 => (24, 1),
        0x100..0x1_0000 => (25, 2),
        0x1_0000..0x1_0000_0000 => (26, 4),
        _ => (27, 8),
    };
    [&[major << 5 | info], &bytes[8 - width..]].concat()
}
