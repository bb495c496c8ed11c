//! One attempt at an authenticator app's code: reserved, compared and spent in one transaction.

use nightlatch_core::{
    MethodId, Timestamp, UserId,
    audit::Reason,
    code::OneTimeCode,
    factors::{
        hotp::Algorithm,
        totp::{self, Parameters, Refused, Seed, Totp, Window},
    },
    keys::KeyRing,
    proof::{Evidence, Factor, Proof},
};

use super::second_factor::{Attempt, Attempted, Refusal};
use crate::{Fault, Row, Tx, Unit, args, sql};

/// Tries a code on a user's authenticator apps.
pub struct Try {
    /// What it is for.
    pub attempt: Attempt,
    /// The code.
    pub code: OneTimeCode,
    /// The one method that is meant, if the person chose one.
    pub method: Option<MethodId>,
    /// How far the clocks may be apart.
    pub window: Window,
}

pub(crate) struct StoredTotp {
    method: MethodId,
    secret: Vec<u8>,
    pub(crate) parameters: Parameters,
    last_step: i64,
    drift: i64,
}

impl StoredTotp {
    /// Reads the app whose columns begin at `first`.
    pub(crate) fn from_columns(row: &Row<'_>, first: usize) -> Result<Self, Fault> {
        Ok(Self {
            method: row.get(first)?,
            secret: row.get(first + 1)?,
            parameters: parameters(row.get(first + 2)?, row.get(first + 3)?, row.get(first + 4)?)?,
            last_step: row.get(first + 5)?,
            drift: row.get(first + 6)?,
        })
    }
}

/// The parameters in a row.
pub(crate) fn parameters(algorithm: i64, digits: i64, period: i64) -> Result<Parameters, Fault> {
    Algorithm::from_code(algorithm)
        .zip(u32::try_from(digits).ok())
        .zip(u32::try_from(period).ok())
        .and_then(|((algorithm, digits), period)| Parameters::new(algorithm, digits, period))
        .ok_or_else(|| Fault::corrupt("totp"))
}

impl StoredTotp {
    fn open(self, ring: &KeyRing, user: UserId) -> Result<Totp, Fault> {
        let Self { method, secret, parameters, last_step, drift } = self;
        let seed = Seed::open(ring, &secret, user, method, &parameters)
            .ok_or_else(|| Fault::corrupt("totp.secret"))?;
        Ok(Totp { user, method, seed, parameters, last_step: Some(last_step), drift })
    }
}

impl Unit for Try {
    type Out = Attempted;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Attempted, Fault> {
        let attempt = &self.attempt;
        let (user, now) = (attempt.user(), attempt.fresh.now);
        let looked = attempt.look_at_apps(tx).await?;
        let Some((footing, apps)) = looked.filter(|(footing, _)| attempt.has_tries(footing)) else {
            return Ok(Err(Refusal::Ended));
        };
        let allowed = attempt.allowed.0.contains(&Factor::Totp);
        if apps.is_empty() || !allowed || !attempt.is_completed_by(Factor::Totp) {
            return Ok(Err(Refusal::NotAllowed));
        }
        if let Err(refusal) = attempt.may_try(&footing) {
            return Ok(Err(refusal));
        }
        match totp::verify(&self.open(apps)?, &self.code, self.window, now) {
            Ok(proof) => {
                spend(tx, &proof, now).await?;
                attempt.complete(tx, footing, &proof).await
            }
            Err(refused) => {
                let reason = match refused {
                    Refused::NoMatch => Reason::WrongCode,
                    Refused::Stale => Reason::StaleCode,
                    Refused::Replayed => Reason::ReplayedCode,
                };
                attempt.count(tx, user, Factor::Totp).await?;
                Ok(Err(attempt.refuse(tx, &footing.account, Factor::Totp, reason).await?))
            }
        }
    }
}

impl Try {
    /// The apps that the code may be of.
    fn open(&self, apps: Vec<StoredTotp>) -> Result<Vec<Totp>, Fault> {
        apps.into_iter()
            .filter(|app| self.method.is_none_or(|method| method == app.method))
            .map(|app| app.open(&self.attempt.ring, self.attempt.user()))
            .collect()
    }
}

/// Spends a time step: nothing up to it is accepted again.
async fn spend(tx: &mut Tx<'_>, proof: &Proof, now: Timestamp) -> Result<(), Fault> {
    let Evidence::TotpStep { method, step, drift } = proof.evidence() else {
        return Err(Fault::broken("not the proof of a time step"));
    };
    tx.take(
        sql!(
            "UPDATE totp SET last_step = ?3, drift = ?4, last_used_at = ?5 \
             WHERE user_id = ?1 AND method_id = ?2 AND last_step < ?3"
        ),
        args![proof.user(), method, *step, *drift, now],
    )
    .await
}
