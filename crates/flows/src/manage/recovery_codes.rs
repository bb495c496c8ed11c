//! Making recovery codes anew, and saying that they are kept safe.

use nightlatch_core::{SecretText, Timestamp};
use nightlatch_store::units::recovery_codes::{Acknowledge, Regenerate, Regenerated};

use crate::{
    Env, Refused,
    authenticate::{SignedIn, stepped_up},
    enrol::new_set,
};

/// A new set of recovery codes. Shown once.
#[derive(Debug)]
pub struct Codes {
    /// The codes.
    pub codes: Vec<SecretText>,
    /// When the set was made; names it when it is acknowledged.
    pub generated_at: Timestamp,
}

/// Replaces the recovery codes of an account; the old ones are void and the owner is told.
///
/// # Errors
///
/// [`Refused::StepUp`]; [`Refused::SetupNotFound`] for an account without a second factor.
pub async fn regenerate(env: &Env, signed: &SignedIn) -> Result<Codes, Refused> {
    stepped_up(env, signed).await?;
    let now = env.clock.now();
    let (codes, set) = new_set(env, signed.account.id, now).await?;
    let unit = Regenerate {
        ring: env.ring(),
        account: signed.account.clone(),
        session: signed.session.clone(),
        set,
        envelope: env.envelope(now),
    };
    match env.write(unit).await? {
        Regenerated::Done => Ok(Codes { codes, generated_at: now }),
        Regenerated::NoMethod => Err(Refused::SetupNotFound),
        Regenerated::Conflict => Err(Refused::Conflict),
    }
}

/// Notes that a person has kept the set of `generated_at`.
///
/// # Errors
///
/// [`Refused::NotFound`] when that set is not the one in force.
pub async fn acknowledge(
    env: &Env,
    signed: &SignedIn,
    generated_at: Timestamp,
) -> Result<(), Refused> {
    let (user, now) = (signed.account.id, env.clock.now());
    let noted = env.write(Acknowledge { user, generated_at, now }).await?;
    if noted { Ok(()) } else { Err(Refused::NotFound) }
}
