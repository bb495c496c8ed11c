//! Authenticator data (WebAuthn Level 3 §6.1): what the authenticator says of itself and signs.

use crate::{
    cbor::{self, Value},
    cose,
};

/// The flags of the authenticator data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// The flags in this byte.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        Self(byte)
    }

    /// The byte, reserved bits included.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// UP: the person was present.
    #[must_use]
    pub const fn user_present(self) -> bool {
        self.0 & 0x01 != 0
    }

    /// UV: the authenticator verified the person.
    #[must_use]
    pub const fn user_verified(self) -> bool {
        self.0 & 0x04 != 0
    }

    /// BE: the credential may be backed up; it is multi-device (synced) then.
    #[must_use]
    pub const fn backup_eligible(self) -> bool {
        self.0 & 0x08 != 0
    }

    /// BS: the credential is backed up now.
    #[must_use]
    pub const fn backup_state(self) -> bool {
        self.0 & 0x10 != 0
    }

    const fn attested_credential(self) -> bool {
        self.0 & 0x40 != 0
    }

    const fn extensions(self) -> bool {
        self.0 & 0x80 != 0
    }
}

/// The model of an authenticator, all zero if it does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aaguid(pub [u8; 16]);

impl Aaguid {
    /// No model.
    pub const ZERO: Self = Self([0; 16]);
}

impl std::fmt::Display for Aaguid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Aaguid {
    type Err = &'static str;

    /// Reads the form of RFC 9562, in either case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "not an AAGUID";
        let grouped = text.len() == 36
            && text
                .bytes()
                .enumerate()
                .all(|(at, byte)| (byte == b'-') == matches!(at, 8 | 13 | 18 | 23));
        let digits: String = text.chars().filter(|sign| *sign != '-').collect();
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes());
        let bytes = bytes.ok().filter(|_| grouped).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(WRONG)
    }
}

/// The credential that a registration attests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestedCredential<'a> {
    /// The authenticator's model.
    pub aaguid: Aaguid,
    /// The credential id.
    pub id: &'a [u8],
    /// The public key as it was sent, a `COSE_Key`.
    pub public_key: &'a [u8],
}

/// Authenticator data, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticatorData<'a> {
    /// The hash of the RP ID.
    pub rp_id_hash: &'a [u8; 32],
    /// The flags.
    pub flags: Flags,
    /// The signature counter.
    pub sign_count: u32,
    /// The attested credential, at a registration.
    pub attested: Option<AttestedCredential<'a>>,
    /// The authenticator's extension outputs, a CBOR map.
    pub extensions: Option<&'a [u8]>,
}

impl<'a> AuthenticatorData<'a> {
    /// Takes authenticator data apart, to the last byte.
    ///
    /// # Errors
    ///
    /// A few words on what is wrong.
    pub fn read(bytes: &'a [u8]) -> Result<Self, &'static str> {
        const SHORT: &str = "the authenticator data end too early";
        let (rp_id_hash, rest) = bytes.split_first_chunk::<32>().ok_or(SHORT)?;
        let (flags, rest) = rest.split_first().ok_or(SHORT)?;
        let (counter, mut rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
        let flags = Flags(*flags);
        let attested = if flags.attested_credential() {
            let (aaguid, after) = rest.split_first_chunk::<16>().ok_or(SHORT)?;
            let (length, after) = after.split_first_chunk::<2>().ok_or(SHORT)?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (id, after) = after.split_at_checked(length).ok_or(SHORT)?;
            let (_, public_key, after) = cose::split(after)?;
            rest = after;
            Some(AttestedCredential { aaguid: Aaguid(*aaguid), id, public_key })
        } else {
            None
        };
        let extensions = if flags.extensions() {
            let Value::Map(_) = cbor::read(rest)? else {
                return Err("the extensions are no map");
            };
            Some(std::mem::take(&mut rest))
        } else {
            None
        };
        if !rest.is_empty() {
            return Err("bytes follow the authenticator data");
        }
        let sign_count = u32::from_be_bytes(*counter);
        Ok(Self { rp_id_hash, flags, sign_count, attested, extensions })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flag_is_one_bit() {
        type Flag = fn(Flags) -> bool;
        let flags: [(u8, Flag); 6] = [
            (0x01, Flags::user_present),
            (0x04, Flags::user_verified),
            (0x08, Flags::backup_eligible),
            (0x10, Flags::backup_state),
            (0x40, Flags::attested_credential),
            (0x80, Flags::extensions),
        ];
        for byte in 0..=u8::MAX {
            assert_eq!(Flags::from_byte(byte).byte(), byte);
            for (bit, flag) in flags {
                assert_eq!(flag(Flags::from_byte(byte)), byte & bit == bit, "{byte:02x} {bit:02x}");
            }
        }
    }

    #[test]
    fn a_model_is_written_and_read_in_groups() {
        const TEXT: &str = "00112233-4455-6677-8899-aabbccddeeff";
        let model = TEXT.parse::<Aaguid>();
        assert_eq!(model.map(|model| model.to_string()), Ok(TEXT.to_owned()));
        assert_eq!(TEXT.to_uppercase().parse::<Aaguid>(), model);
        assert_eq!(model.map(|model| model.0[15]), Ok(0xff));
        assert_eq!(Aaguid::ZERO.to_string(), "00000000-0000-0000-0000-000000000000");
        assert_eq!("00000000-0000-0000-0000-000000000000".parse(), Ok(Aaguid::ZERO));
        for wrong in [
            "",
            "00112233445566778899aabbccddeeff",
            "00112233-4455-6677-8899-aabbccddeef",
            "00112233-4455-6677-8899-aabbccddeefff",
            "00112233-4455-6677-8899-aabbccddeefg",
            "0011223-34455-6677-8899-aabbccddeeff",
            "00112233-4455-6677-8899-aabbccdd-eff",
            "{0112233-4455-6677-8899-aabbccddeef}",
            "00112233_4455_6677_8899_aabbccddeeff",
            "00112233-4455-6677-8899-aabbccddee\u{e4}",
        ] {
            assert!(wrong.parse::<Aaguid>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_wrong_with_authenticator_data_is_said() {
        const SHORT: &str = "the authenticator data end too early";
        let read = |flags: u8, tail: &[u8]| {
            let bytes = [&[0; 32][..], &[flags, 0, 0, 0, 1], tail].concat();
            AuthenticatorData::read(&bytes).map(|data| data.sign_count)
        };
        assert_eq!(read(0, &[]), Ok(1));
        assert_eq!(read(0, &[0]), Err("bytes follow the authenticator data"));
        assert_eq!(read(0x80, &[0x80]), Err("the extensions are no map"));
        assert_eq!(read(0x80, &[0xa0]), Ok(1));
        let attested = |tail: &[u8]| [&[0; 16], tail].concat();
        assert_eq!(read(0x40, &[0; 15]), Err(SHORT));
        assert_eq!(read(0x40, &attested(&[0])), Err(SHORT));
        assert_eq!(read(0x40, &attested(&[1, 0, 0xa0])), Err(SHORT));
        assert_eq!(read(0x40, &attested(&[0, 1, 9, 0x80])), Err("the key is no map"));
        assert_eq!(read(0x40, &attested(&[0, 1, 9, 0xa0])), Ok(1));
        assert_eq!(read(0xc0, &attested(&[0, 1, 9, 0xa0, 0xa0])), Ok(1));
        assert_eq!(
            read(0x40, &attested(&[0, 1, 9, 0xa0, 0xa0])),
            Err("bytes follow the authenticator data")
        );
    }
}
