//! `compound` (§8.9): several statements on one credential.
//!
//! The specification leaves open how many of them must hold. Here all must, or whoever adds a wrong
//! one to a right one loses nothing. The result is that of the part which says most: a trusted one
//! before others, one with certificates before self, and self before none.

use std::cmp::Reverse;

use super::{Attestation, AttestationPolicy, AttestationType, Evidence, Format, Statement};
use crate::{
    cbor::{Key, Value},
    refused::{At, Refused, Step, ensure},
};

/// How many statements one may consist of.
const MAX_PARTS: usize = 8;

pub(super) fn verify(
    policy: &AttestationPolicy<'_>,
    statement: Statement<'_, '_>,
    evidence: &Evidence<'_>,
) -> Result<Attestation, Refused> {
    let step = Step::AttestationStatement;
    let parts = statement.0.as_array().ok_or("a compound statement that is no array").at(step)?;
    let several = (2..=MAX_PARTS).contains(&parts.len());
    ensure(several, step, "a compound statement of too few or too many parts")?;
    let mut attestations = Vec::new();
    for part in parts {
        let (identifier, statement) =
            read(part).ok_or("a part of a compound statement has no such shape").at(step)?;
        attestations.push(policy.verify_single(identifier, statement, evidence)?);
    }
    // The first of those that say most: a stable sort keeps their order.
    attestations.sort_by_key(|part| Reverse((part.trusted, weight(part.kind))));
    let first = attestations.into_iter().next().ok_or("an empty statement").at(step)?;
    Ok(Attestation { format: Format::Compound, ..first })
}

fn read<'m, 'a>(part: &'m Value<'a>) -> Option<(&'a str, Statement<'m, 'a>)> {
    let keys = ["fmt", "attStmt"].map(Key::Text);
    let part = part.as_map().filter(|map| map.has_only(&keys))?;
    Some((part.text("fmt")?, Statement(part.get("attStmt")?)))
}

const fn weight(kind: AttestationType) -> u8 {
    match kind {
        AttestationType::None => 0,
        AttestationType::SelfAttestation => 1,
        AttestationType::Basic | AttestationType::AttCa | AttestationType::AnonCa => 2,
    }
}
