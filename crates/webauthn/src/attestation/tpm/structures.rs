//! The TPM's own structures (TPM 2.0 Library, Part 2), read to the last byte.

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, digest};

use crate::cose::{Curve, Numbers};

const ALG_RSA: u16 = 0x0001;
const ALG_SHA1: u16 = 0x0004;
const ALG_SHA256: u16 = 0x000b;
const ALG_SHA384: u16 = 0x000c;
const ALG_SHA512: u16 = 0x000d;
const ALG_NULL: u16 = 0x0010;
const ALG_RSASSA: u16 = 0x0014;
const ALG_RSAPSS: u16 = 0x0016;
const ALG_ECDSA: u16 = 0x0018;
const ALG_ECC: u16 = 0x0023;

const GENERATED_VALUE: u32 = 0xff54_4347;
const ST_ATTEST_CERTIFY: u16 = 0x8017;

/// What is left of a structure: numbers are big-endian.
struct Reader<'a>(&'a [u8]);

const TRUNCATED: &str = "a TPM structure that ends too early";

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(TRUNCATED)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u16(&mut self) -> Result<u16, &'static str> {
        self.take().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, &'static str> {
        self.take().map(u32::from_be_bytes)
    }

    /// A `TPM2B`: a size, and as many bytes.
    fn sized(&mut self) -> Result<&'a [u8], &'static str> {
        let size = usize::from(self.u16()?);
        let (taken, rest) = self.0.split_at_checked(size).ok_or(TRUNCATED)?;
        self.0 = rest;
        Ok(taken)
    }

    const fn end(&self) -> Result<(), &'static str> {
        if self.0.is_empty() { Ok(()) } else { Err("bytes follow a TPM structure") }
    }

    /// The scheme of a signing key: none, or one of these with its hash.
    fn scheme(&mut self, known: &[u16]) -> Result<(), &'static str> {
        match self.u16()? {
            ALG_NULL => Ok(()),
            scheme if known.contains(&scheme) => self.u16().map(drop),
            _ => Err("a TPM key with a scheme that is not for signing"),
        }
    }

    fn null(&mut self) -> Result<(), &'static str> {
        if self.u16()? == ALG_NULL { Ok(()) } else { Err("a TPM key that is not for signing") }
    }
}

/// `TPMT_PUBLIC`
pub(super) struct PublicArea {
    name_algorithm: u16,
    pub(super) key: Numbers,
}

impl PublicArea {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut reader = Reader(bytes);
        let kind = reader.u16()?;
        let name_algorithm = reader.u16()?;
        // Attributes and policy say nothing that the specification asks about.
        reader.u32()?;
        reader.sized()?;
        // The symmetric algorithm, which only keys that protect others have.
        reader.null()?;
        let key = match kind {
            ALG_RSA => rsa(&mut reader)?,
            ALG_ECC => ecc(&mut reader)?,
            _ => return Err("a TPM key of a type that is not supported"),
        };
        reader.end()?;
        Ok(Self { name_algorithm, key })
    }

    /// The Name of the object (TPM 2.0 Library, Part 1, section 16).
    pub(super) fn name(&self, bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
        let hash: &'static digest::Algorithm = match self.name_algorithm {
            ALG_SHA1 => &SHA1_FOR_LEGACY_USE_ONLY,
            ALG_SHA256 => &SHA256,
            ALG_SHA384 => &SHA384,
            ALG_SHA512 => &SHA512,
            _ => return Err("a TPM key whose Name is made with an unknown hash"),
        };
        Ok([&self.name_algorithm.to_be_bytes(), digest(hash, bytes).as_ref()].concat())
    }
}

fn rsa(reader: &mut Reader<'_>) -> Result<Numbers, &'static str> {
    reader.scheme(&[ALG_RSASSA, ALG_RSAPSS])?;
    let bits = usize::from(reader.u16()?);
    let exponent = match reader.u32()? {
        // The TPM's default.
        0 => 0x1_0001,
        exponent => exponent,
    };
    let modulus = reader.sized()?;
    let exponent = exponent.to_be_bytes();
    let leading = exponent.iter().take_while(|byte| **byte == 0).count();
    let key = Numbers::rsa(modulus, exponent.get(leading..).unwrap_or_default());
    key.filter(|_| modulus.len().saturating_mul(8) == bits)
        .ok_or("an RSA key of an unacceptable size or exponent")
}

fn ecc(reader: &mut Reader<'_>) -> Result<Numbers, &'static str> {
    reader.scheme(&[ALG_ECDSA])?;
    let curve = match reader.u16()? {
        0x0003 => Curve::P256,
        0x0004 => Curve::P384,
        0x0005 => Curve::P521,
        _ => return Err("a TPM key on a curve that is not supported"),
    };
    // The key derivation scheme, which signing keys do not have.
    reader.null()?;
    let x = padded(reader.sized()?, curve.coordinate());
    let y = padded(reader.sized()?, curve.coordinate());
    Numbers::ec(curve, &x, &y).ok_or("a coordinate of the wrong size")
}

/// A coordinate in its full size: some TPMs leave out leading zeros.
fn padded(coordinate: &[u8], size: usize) -> Vec<u8> {
    let mut full = vec![0; size.saturating_sub(coordinate.len())];
    full.extend_from_slice(coordinate);
    full
}

/// What is needed of a `TPMS_ATTEST` that certifies an object.
pub(super) struct CertifyInfo<'a> {
    pub(super) extra_data: &'a [u8],
    pub(super) name: &'a [u8],
}

impl<'a> CertifyInfo<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let mut reader = Reader(bytes);
        if reader.u32()? != GENERATED_VALUE {
            return Err("certInfo was not made by a TPM");
        }
        if reader.u16()? != ST_ATTEST_CERTIFY {
            return Err("certInfo certifies no object");
        }
        // Qualified signer, clock and firmware are ignored (§8.3), and may be obfuscated.
        reader.sized()?;
        let extra_data = reader.sized()?;
        reader.take::<17>()?;
        reader.take::<8>()?;
        let name = reader.sized()?;
        // The qualified name.
        reader.sized()?;
        reader.end()?;
        Ok(Self { extra_data, name })
    }
}
