//! One attempt at an authenticator app's code: reserved, compared and spent in one transaction.

use nightlatch_core::{
    MethodId, UserId,
    audit::Reason,
    code::OneTimeCode,
    factors::{
        hotp::Algorithm,
        totp::{self, Parameters, Refused, Seed, Totp, Window},
    },
    keys::KeyRing,
    proof::{Evidence, Factor, Proof},
};

use super::second_factor::{Attempt, Attempted};
use crate::{Fault, FromRow, Row, Tx, Unit, args, sql};

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

impl FromRow for StoredTotp {
    fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
        Ok(Self {
            method: row.get(0)?,
            secret: row.get(1)?,
            parameters: parameters(row.get(2)?, row.get(3)?, row.get(4)?)?,
            last_step: row.get(5)?,
            drift: row.get(6)?,
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
        let now = self.attempt.fresh.now;
        let account = match self.attempt.reserve(tx, Factor::Totp).await? {
            Ok(account) => account,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let totps = self.read(tx, account.id).await?;
        let proof = match totp::verify(&totps, &self.code, self.window, now) {
            Ok(proof) => proof,
            Err(refused) => {
                let reason = match refused {
                    Refused::NoMatch => Reason::WrongCode,
                    Refused::Stale => Reason::StaleCode,
                    Refused::Replayed => Reason::ReplayedCode,
                };
                return Ok(Err(self.attempt.refuse(tx, &account, Factor::Totp, reason).await?));
            }
        };
        if !spend(tx, &proof, now).await? {
            let reason = Reason::ReplayedCode;
            return Ok(Err(self.attempt.refuse(tx, &account, Factor::Totp, reason).await?));
        }
        self.attempt.complete(tx, account, &proof).await
    }
}

impl Try {
    async fn read(&self, tx: &mut Tx<'_>, user: UserId) -> Result<Vec<Totp>, Fault> {
        let rows = tx
            .rows::<StoredTotp>(
                sql!(
                    "SELECT t.method_id, t.secret, t.algorithm, t.digits, t.period, t.last_step, \
                     t.drift FROM methods m JOIN totp t \
                     ON t.user_id = m.user_id AND t.method_id = m.id \
                     WHERE m.user_id = ?1 AND m.state = 1"
                ),
                args![user],
            )
            .await?;
        rows.into_iter()
            .filter(|row| self.method.is_none_or(|method| method == row.method))
            .map(|row| row.open(&self.attempt.ring, user))
            .collect()
    }
}

/// Spends a time step: nothing up to it is accepted again.
async fn spend(
    tx: &mut Tx<'_>,
    proof: &Proof,
    now: nightlatch_core::Timestamp,
) -> Result<bool, Fault> {
    let Evidence::TotpStep { method, step, drift } = proof.evidence() else {
        return Err(Fault::broken("not the proof of a time step"));
    };
    tx.hit(
        sql!(
            "UPDATE totp SET last_step = ?3, drift = ?4, last_used_at = ?5 \
             WHERE user_id = ?1 AND method_id = ?2 AND last_step < ?3"
        ),
        args![proof.user(), method, *step, *drift, now],
    )
    .await
}
