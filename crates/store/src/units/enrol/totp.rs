//! Enrolling an authenticator app: pending first, a method only when a code confirmed it.

use nightlatch_core::{
    MethodId, Timestamp,
    code::OneTimeCode,
    factors::{
        recovery_codes::StoredSet,
        totp::{self, Parameters, Seed, Totp, Window},
    },
    proof::{Evidence, Factor, Proof},
};

use super::{Completion, drop_pending};
use crate::{
    Fault, FromRow, Row, Tx, Unit, args, sql,
    units::{
        account::{self, Account},
        methods, presented, recovery_codes, second_factor,
        session::Session,
        totp::parameters,
        upkeep::KEEP,
    },
};

/// Methods with one-time passwords that one account may have.
pub const MOST_OTP: usize = 5;

/// Begins an enrolment; an earlier one of the same user that was not confirmed is dropped.
pub struct Begin {
    /// Whose, as read when the request was decided.
    pub account: Account,
    /// What it belongs to.
    pub lineage: [u8; 16],
    /// The method-to-be.
    pub method: MethodId,
    /// Its name; `None` if none was given, which is refused beside another authenticator app.
    pub name: Option<String>,
    /// Its seed, sealed.
    pub secret: Vec<u8>,
    /// Its parameters.
    pub parameters: Parameters,
    /// Recovery codes to be activated with it, for an account without a second factor.
    pub codes: Option<StoredSet>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When.
    pub now: Timestamp,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// It waits for its first code.
    Pending {
        /// Whether the set of recovery codes waits with it.
        codes: bool,
    },
    /// There is an authenticator app, and no name tells the new one apart.
    AlreadyEnabled,
    /// There are as many as there may be.
    TooMany,
    /// The account changed meanwhile.
    Conflict,
}

impl Unit for Begin {
    type Out = Begun;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Begun, Fault> {
        let user = self.account.id;
        if !account::hold_epoch(tx, user, self.account.epoch).await? {
            return Ok(Begun::Conflict);
        }
        let holding = methods::holding(tx, user).await?;
        let mut apps = holding.methods.iter().filter(|method| method.factor == Factor::Totp);
        if apps.clone().count() >= MOST_OTP {
            return Ok(Begun::TooMany);
        }
        let name = self.name.as_deref();
        if apps.clone().next().is_some()
            && name.is_none_or(|name| apps.any(|method| method.name == name))
        {
            return Ok(Begun::AlreadyEnabled);
        }
        // Shown only where it can be activated: with the first second factor.
        let codes = self.codes.as_ref().filter(|_| !holding.required());
        drop_pending(tx, user).await?;
        if let Some(set) = codes {
            recovery_codes::insert(tx, user, set, false, self.now).await?;
        }
        tx.put(
            sql!(
                "INSERT INTO pending_totp (user_id, method_id, lineage, epoch, name, secret, \
                 algorithm, digits, period, codes_set, expires_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
            ),
            args![
                user,
                self.method,
                &self.lineage,
                self.account.epoch,
                name.unwrap_or("Authenticator app"),
                &self.secret,
                self.parameters.algorithm().code(),
                i64::from(self.parameters.digits()),
                i64::from(self.parameters.period()),
                codes.map(|set| &set.id),
                self.expires_at
            ],
        )
        .await?;
        Ok(Begun::Pending { codes: codes.is_some() })
    }
}

struct Pending {
    method: MethodId,
    epoch: i64,
    name: String,
    secret: Vec<u8>,
    parameters: Parameters,
    codes_set: Option<[u8; 16]>,
}

impl FromRow for Pending {
    fn from_row(row: &Row<'_>) -> Result<Self, Fault> {
        Ok(Self {
            method: row.get(0)?,
            epoch: row.get(1)?,
            name: row.get(2)?,
            secret: row.get(3)?,
            parameters: parameters(row.get(4)?, row.get(5)?, row.get(6)?)?,
            codes_set: row.get(7)?,
        })
    }
}

/// Confirms an enrolment by its first code, which proves the new factor as well.
pub struct Confirm {
    /// What the code completes.
    pub completion: Completion,
    /// The code.
    pub code: OneTimeCode,
    /// How far the clocks may be apart.
    pub window: Window,
}

/// Why an enrolment was not confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unconfirmed {
    /// Nothing waits for a code here, or no longer.
    NotFound,
    /// The code is wrong.
    Wrong,
}

impl Unit for Confirm {
    type Out = Result<(Box<Session>, Box<Account>, MethodId), Unconfirmed>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Out, Fault> {
        let completion = &self.completion;
        let (user, now) = (completion.user, completion.fresh.now);
        let Some(pending) = self.pending(tx).await? else {
            return Ok(Err(Unconfirmed::NotFound));
        };
        // The account is locked at the epoch that the enrolment began with: whatever changed its
        // factors since ends the enrolment.
        if !account::hold_epoch(tx, user, pending.epoch).await? {
            return Ok(Err(Unconfirmed::NotFound));
        }
        let Ok(held) = completion.hold(tx).await? else {
            return Ok(Err(Unconfirmed::NotFound));
        };
        let id = pending.method.as_bytes();
        if !presented::count_try(tx, id, now.plus(KEEP)).await? {
            drop_pending(tx, user).await?;
            return Ok(Err(Unconfirmed::NotFound));
        }
        let Some((totp, proof)) = self.verify(&pending)? else {
            return Ok(Err(Unconfirmed::Wrong));
        };
        account::raise_held(tx, user, pending.epoch).await?;
        let account = account::by_id(tx, user).await?;
        let account = account.ok_or_else(|| Fault::corrupt("users"))?;
        if !methods::holding(tx, user).await?.required() {
            completion.end_others(tx, held.as_ref()).await?;
        }
        self.enrol(tx, &pending, &totp, &proof).await?;
        let session = completion.session(tx, held, &proof).await?;
        completion.told(tx, &account, &session, (Factor::Totp, &pending.name)).await?;
        Ok(Ok((Box::new(session), Box::new(account), pending.method)))
    }
}

impl Confirm {
    fn verify(&self, pending: &Pending) -> Result<Option<(Totp, Proof)>, Fault> {
        let Completion { ring, user, fresh, .. } = &self.completion;
        let Pending { method, secret, parameters, .. } = pending;
        let seed = Seed::open(ring, secret, *user, *method, parameters)
            .ok_or_else(|| Fault::corrupt("pending_totp.secret"))?;
        let (user, method, parameters) = (*user, *method, *parameters);
        let totp = Totp { user, method, seed, parameters, last_step: None, drift: 0 };
        let verified =
            totp::verify(std::slice::from_ref(&totp), &self.code, self.window, fresh.now);
        Ok(verified.ok().map(|proof| (totp, proof)))
    }

    async fn pending(&self, tx: &mut Tx<'_>) -> Result<Option<Pending>, Fault> {
        let completion = &self.completion;
        tx.row(
            sql!(
                "SELECT method_id, epoch, name, secret, algorithm, digits, period, codes_set \
                 FROM pending_totp WHERE user_id = ?1 AND lineage = ?2 AND expires_at > ?3"
            ),
            args![completion.user, completion.enroller.lineage(), completion.fresh.now],
        )
        .await
    }

    async fn enrol(
        &self,
        tx: &mut Tx<'_>,
        pending: &Pending,
        totp: &Totp,
        proof: &Proof,
    ) -> Result<(), Fault> {
        let Evidence::TotpStep { step, drift, .. } = proof.evidence() else {
            return Err(Fault::broken("not the proof of a time step"));
        };
        let (user, now) = (self.completion.user, self.completion.fresh.now);
        tx.put(
            sql!(
                "INSERT INTO methods (user_id, id, factor, name, state, created_at) \
                 VALUES (?1, ?2, ?3, ?4, 1, ?5)"
            ),
            args![user, totp.method, Factor::Totp.code(), &pending.name, now],
        )
        .await?;
        tx.put(
            sql!(
                "INSERT INTO totp (user_id, method_id, secret, algorithm, digits, period, \
                 last_step, drift, last_used_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
            ),
            args![
                user,
                totp.method,
                &pending.secret,
                totp.parameters.algorithm().code(),
                i64::from(totp.parameters.digits()),
                i64::from(totp.parameters.period()),
                *step,
                *drift,
                now
            ],
        )
        .await?;
        if let Some(set) = &pending.codes_set {
            tx.put(
                sql!("UPDATE recovery_sets SET active = 1 WHERE user_id = ?1 AND id = ?2"),
                args![user, set],
            )
            .await?;
            second_factor::reset(tx, user, Factor::BackupCode).await?;
        }
        // A success of this factor like any other. Without it nobody could come back to an app by a
        // new one, after wrong codes disabled the old one.
        second_factor::reset(tx, user, Factor::Totp).await?;
        drop_pending(tx, user).await
    }
}
