//! `none` (§8.7): the authenticator, or the browser for it, says nothing.

use super::{AttestationType, Conveyed, Statement};

pub(super) fn verify(statement: Statement<'_, '_>) -> Result<Conveyed, &'static str> {
    statement.members(&[])?;
    Ok(Conveyed { kind: AttestationType::None, chain: None })
}
