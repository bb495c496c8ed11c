//! `fido-u2f` (§8.6): what an authenticator that speaks U2F signed at its own registration.

use super::{AttestationType, Conveyed, Evidence, Statement, x5c::Chain};
use crate::{
    Algorithm,
    cose::{Curve, Numbers},
};

pub(super) fn verify(
    statement: Statement<'_, '_>,
    evidence: &Evidence<'_>,
) -> Result<Conveyed, &'static str> {
    let members = statement.members(&["sig", "x5c"])?;
    let signature = members.bytes("sig").ok_or("sig is no byte string")?;
    let chain = Chain::read(members)?;
    if chain.path.len() != 1 {
        return Err("x5c has more than one certificate");
    }
    // The key of a certificate is made one of ES256 below, which only a point on P-256 can be.
    let attestation_key = chain.leaf.public_key(Algorithm::Es256)?;
    let Numbers::Ec { curve: Curve::P256, point } = evidence.key.numbers() else {
        return Err("the credential's key is not on P-256");
    };
    let signed = [
        &[0],
        evidence.rp_id_hash.as_slice(),
        evidence.client_data_hash,
        evidence.credential.id,
        point,
    ]
    .concat();
    if !attestation_key.verify(&signed, signature) {
        return Err("the signature is not of the attestation certificate");
    }
    Ok(Conveyed { kind: AttestationType::Basic, chain: Some(chain) })
}
