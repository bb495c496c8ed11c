//! The key pairs of the software authenticator.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING,
        ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
        RSA_PSS_SHA256, RsaKeyPair,
    },
};
use nightlatch_webauthn::Algorithm;

use super::cbor::Cbor;

/// A private key and the algorithm that it signs with.
#[derive(Debug)]
pub(crate) struct SigningKey {
    pub(crate) algorithm: Algorithm,
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl SigningKey {
    pub(crate) fn generate(algorithm: Algorithm) -> Self {
        let pair = match algorithm {
            Algorithm::Es256 => ec(&ECDSA_P256_SHA256_ASN1_SIGNING),
            Algorithm::Es384 => ec(&ECDSA_P384_SHA384_ASN1_SIGNING),
            Algorithm::Es512 => ec(&ECDSA_P521_SHA512_ASN1_SIGNING),
            Algorithm::EdDsa => Pair::Ed25519(Ed25519KeyPair::generate().unwrap()),
            Algorithm::Rs256 | Algorithm::Ps256 => {
                Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
            }
        };
        Self { algorithm, pair }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Ec(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) if self.algorithm == Algorithm::Ps256 => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .unwrap();
                signature
            }
        }
    }

    /// The entries of the public key's `COSE_Key`, for a test to spoil one.
    pub(crate) fn cose(&self) -> Vec<(Cbor, Cbor)> {
        match &self.pair {
            Pair::Ec(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                ec2(self.algorithm, x, y)
            }
            Pair::Ed25519(pair) => okp(pair.public_key().as_ref()),
            Pair::Rsa(pair) => {
                // RSAPublicKey in DER: the modulus of 2048 bits after nine bytes, then the exponent.
                let der = pair.public_key().as_ref();
                rsa(self.algorithm, &der[9..265], &der[267..])
            }
        }
    }
}

fn ec(algorithm: &'static aws_lc_rs::signature::EcdsaSigningAlgorithm) -> Pair {
    Pair::Ec(EcdsaKeyPair::generate(algorithm).unwrap())
}

/// A `COSE_Key` of `algorithm` on the curve that WebAuthn has it with.
pub(crate) fn ec2(algorithm: Algorithm, x: &[u8], y: &[u8]) -> Vec<(Cbor, Cbor)> {
    let curve = match algorithm {
        Algorithm::Es384 => 2,
        Algorithm::Es512 => 3,
        _ => 1,
    };
    vec![
        (Cbor::Int(1), Cbor::Int(2)),
        (Cbor::Int(3), Cbor::Int(algorithm.id())),
        (Cbor::Int(-1), Cbor::Int(curve)),
        (Cbor::Int(-2), Cbor::bytes(x)),
        (Cbor::Int(-3), Cbor::bytes(y)),
    ]
}

/// A `COSE_Key` of Ed25519.
pub(crate) fn okp(point: &[u8]) -> Vec<(Cbor, Cbor)> {
    vec![
        (Cbor::Int(1), Cbor::Int(1)),
        (Cbor::Int(3), Cbor::Int(Algorithm::EdDsa.id())),
        (Cbor::Int(-1), Cbor::Int(6)),
        (Cbor::Int(-2), Cbor::bytes(point)),
    ]
}

/// A `COSE_Key` of RSA.
pub(crate) fn rsa(algorithm: Algorithm, n: &[u8], e: &[u8]) -> Vec<(Cbor, Cbor)> {
    vec![
        (Cbor::Int(1), Cbor::Int(3)),
        (Cbor::Int(3), Cbor::Int(algorithm.id())),
        (Cbor::Int(-1), Cbor::bytes(n)),
        (Cbor::Int(-2), Cbor::bytes(e)),
    ]
}
