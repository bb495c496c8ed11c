//! Public keys in COSE form (RFC 9052, RFC 9053, RFC 8230, WebAuthn Level 3 §5.8.5), and the
//! signatures that are checked with them.

use aws_lc_rs::{
    rsa,
    signature::{
        self, ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ED25519,
        ParsedPublicKey, RsaParameters, VerificationAlgorithm,
    },
};
use curve25519_dalek::edwards::CompressedEdwardsY;

use crate::cbor::{self, Map, Value};

/// A signature algorithm (IANA's COSE registry). Ed448, whose number is also -8 or -53, is not here:
/// no library that this crate would trust with it verifies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// `EdDSA` on Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
}

impl Algorithm {
    /// Every algorithm, the preferred first: what to offer in `pubKeyCredParams`.
    pub const ALL: [Self; 6] =
        [Self::EdDsa, Self::Es256, Self::Es384, Self::Es512, Self::Ps256, Self::Rs256];

    /// The number in the COSE registry.
    #[must_use]
    pub const fn id(self) -> i64 {
        match self {
            Self::Es256 => -7,
            Self::Es384 => -35,
            Self::Es512 => -36,
            Self::EdDsa => -8,
            Self::Rs256 => -257,
            Self::Ps256 => -37,
        }
    }

    /// The algorithm with this number.
    #[must_use]
    pub fn from_id(id: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.id() == id)
    }

    const fn rsa(self) -> Option<&'static RsaParameters> {
        match self {
            Self::Rs256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
            Self::Ps256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
            Self::Es256 | Self::Es384 | Self::Es512 | Self::EdDsa => None,
        }
    }
}

/// The curves on which ECDSA is done here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    /// NIST P-256, `secp256r1`.
    P256,
    /// NIST P-384, `secp384r1`.
    P384,
    /// NIST P-521, `secp521r1`.
    P521,
}

impl Curve {
    /// The curve's number in COSE.
    const fn id(self) -> i64 {
        match self {
            Self::P256 => 1,
            Self::P384 => 2,
            Self::P521 => 3,
        }
    }

    /// The bytes of one coordinate.
    pub(crate) const fn coordinate(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    const fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_ASN1,
            Self::P384 => &ECDSA_P384_SHA384_ASN1,
            Self::P521 => &ECDSA_P521_SHA512_ASN1,
        }
    }
}

/// A public key's numbers, whatever it is written in: two keys are the same if these are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// An uncompressed point (SEC 1 §2.3.3), its leading 4 included.
    Ec { curve: Curve, point: Vec<u8> },
    /// An encoded point (RFC 8032 §5.1.2).
    Ed25519 { point: [u8; 32] },
    /// Modulus and exponent, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

/// The largest modulus, in bytes.
const MAX_MODULUS: usize = 512;

impl Numbers {
    /// An uncompressed point on `curve`; `None` if a coordinate has the wrong size.
    pub(crate) fn ec(curve: Curve, x: &[u8], y: &[u8]) -> Option<Self> {
        let size = curve.coordinate();
        (x.len() == size && y.len() == size)
            .then(|| Self::Ec { curve, point: [&[4], x, y].concat() })
    }

    /// An RSA key of 2048 to 4096 bits with an odd exponent of at most four bytes, not 1.
    pub(crate) fn rsa(n: &[u8], e: &[u8]) -> Option<Self> {
        let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
        let canonical = |number: &[u8]| number.first().is_some_and(|first| *first != 0);
        let sized = (256..=MAX_MODULUS).contains(&n.len()) && (1..=4).contains(&e.len());
        let fine = sized && canonical(n) && canonical(e) && odd(n) && odd(e) && e != [1];
        fine.then(|| Self::Rsa { n: n.to_vec(), e: e.to_vec() })
    }
}

/// A public key that is well-formed, on its curve, and of the kind that its algorithm says.
#[derive(Debug, Clone)]
pub struct PublicKey {
    algorithm: Algorithm,
    numbers: Numbers,
    verifier: Verifier,
}

#[derive(Debug, Clone)]
enum Verifier {
    Parsed(ParsedPublicKey),
    Rsa(&'static RsaParameters),
}

impl PublicKey {
    /// Reads a `COSE_Key`. It holds what WebAuthn asks for (kty, alg and the key's own numbers) and
    /// nothing else.
    ///
    /// # Errors
    ///
    /// A few words on what is wrong.
    pub fn from_cose(bytes: &[u8]) -> Result<Self, &'static str> {
        Self::from_map(cbor::read(bytes)?.as_map().ok_or("the key is no map")?)
    }

    pub(crate) fn from_map(map: &Map<'_>) -> Result<Self, &'static str> {
        const MISSING: &str = "the key lacks a parameter that its type needs, or has one too many";
        let id = map.int(3).ok_or("the key names no algorithm")?;
        let algorithm = Algorithm::from_id(id).ok_or("the key's algorithm is not supported")?;
        let numbers = match map.int(1) {
            Some(1) => {
                let (Some(6), Some(x), 4) = (map.int(-1), map.bytes(-2), map.len()) else {
                    return Err(MISSING);
                };
                let point = x.try_into().map_err(|_| "a coordinate of the wrong size")?;
                Numbers::Ed25519 { point }
            }
            Some(2) => {
                let (Some(curve), Some(x), Some(y), 5) =
                    (map.int(-1), map.bytes(-2), map.bytes(-3), map.len())
                else {
                    return Err(MISSING);
                };
                let curve = [Curve::P256, Curve::P384, Curve::P521]
                    .into_iter()
                    .find(|known| known.id() == curve)
                    .ok_or("the key's curve is not supported")?;
                Numbers::ec(curve, x, y).ok_or("a coordinate of the wrong size")?
            }
            Some(3) => {
                let (Some(n), Some(e), 4) = (map.bytes(-1), map.bytes(-2), map.len()) else {
                    return Err(MISSING);
                };
                Numbers::rsa(n, e).ok_or("an RSA key of an unacceptable size or exponent")?
            }
            _ => return Err("the key's type is not supported"),
        };
        Self::new(algorithm, numbers)
    }

    /// The key with these numbers, for `algorithm`.
    pub(crate) fn new(algorithm: Algorithm, numbers: Numbers) -> Result<Self, &'static str> {
        const OFF_CURVE: &str = "the key is no point on its curve";
        let parsed = |algorithm, bytes: &[u8]| {
            ParsedPublicKey::new(algorithm, bytes).map(Verifier::Parsed).map_err(|_| OFF_CURVE)
        };
        let verifier = match (&numbers, algorithm) {
            (Numbers::Ec { curve: curve @ Curve::P256, point }, Algorithm::Es256)
            | (Numbers::Ec { curve: curve @ Curve::P384, point }, Algorithm::Es384)
            | (Numbers::Ec { curve: curve @ Curve::P521, point }, Algorithm::Es512) => {
                parsed(curve.verification(), point)?
            }
            (Numbers::Ed25519 { point }, Algorithm::EdDsa) => {
                // The library takes any 32 bytes, and a point of small order would verify anything.
                let decoded = CompressedEdwardsY(*point).decompress().ok_or(OFF_CURVE)?;
                if decoded.is_small_order() || decoded.compress().0 != *point {
                    return Err(OFF_CURVE);
                }
                parsed(&ED25519, point)?
            }
            (Numbers::Rsa { .. }, _) => {
                Verifier::Rsa(algorithm.rsa().ok_or("the key's type is not that of its algorithm")?)
            }
            (Numbers::Ec { .. } | Numbers::Ed25519 { .. }, _) => {
                return Err("the key's type is not that of its algorithm");
            }
        };
        Ok(Self { algorithm, numbers, verifier })
    }

    /// The algorithm that the key is for.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(crate) const fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// Whether `signature` is this key's over `message`.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match (&self.verifier, &self.numbers) {
            (Verifier::Parsed(key), _) => key.verify_sig(message, signature).is_ok(),
            (Verifier::Rsa(parameters), Numbers::Rsa { n, e }) => {
                let key = rsa::PublicKeyComponents { n, e };
                key.verify(parameters, message, signature).is_ok()
            }
            (Verifier::Rsa(_), Numbers::Ec { .. } | Numbers::Ed25519 { .. }) => false,
        }
    }
}

/// The map that a `COSE_Key` at the head of `bytes` is, its own bytes, and what follows it.
pub(crate) fn split(bytes: &[u8]) -> Result<(Map<'_>, &[u8], &[u8]), &'static str> {
    let (value, rest) = cbor::read_first(bytes)?;
    let Value::Map(map) = value else { return Err("the key is no map") };
    let length = bytes.len().saturating_sub(rest.len());
    let own = bytes.get(..length).unwrap_or_default();
    Ok((map, own, rest))
}
