//! Enrolling an authenticator app: pending first, a method only when a code confirmed it.

use std::sync::Arc;

use nightlatch_core::{
    MethodId, Timestamp, UserId,
    audit::{Event, Kind, Reason},
    code::OneTimeCode,
    factors::{
        recovery_codes::StoredSet,
        totp::{self, Parameters, Seed, Totp, Window},
    },
    keys::KeyRing,
    message::Template,
    proof::{Evidence, Factor, Proof, Proofs},
};

use super::{
    account::{self, Account},
    methods,
    outbox::{self, Envelope},
    presented, recovery_codes, second_factor,
    session::{self, Fresh, Session, Which},
    totp::parameters,
};
use crate::{Fault, FromRow, Row, Tx, Unit, args, sql};

/// Methods with one-time passwords that one account may have.
pub const MOST_OTP: usize = 5;

/// Who is enrolling: a session, or a sign-in that may not complete without.
#[derive(Debug, Clone)]
pub enum Enroller {
    /// A signed-in person.
    Session(Box<Session>),
    /// A person between the password and the session.
    SignIn {
        /// The enrolment token's id.
        id: [u8; 16],
        /// What was proved so far.
        proofs: Proofs,
        /// When the token ends.
        expires_at: Timestamp,
    },
}

impl Enroller {
    /// What a pending enrolment belongs to.
    #[must_use]
    pub fn lineage(&self) -> &[u8; 16] {
        match self {
            Self::Session(session) => session.id.as_bytes(),
            Self::SignIn { id, .. } => id,
        }
    }
}

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

async fn drop_pending(tx: &mut Tx<'_>, user: UserId) -> Result<(), Fault> {
    tx.put(sql!("DELETE FROM pending_totp WHERE user_id = ?1"), args![user]).await?;
    tx.put(sql!("DELETE FROM recovery_sets WHERE user_id = ?1 AND active = 0"), args![user]).await
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
    /// Opens the seed, seals the session and the notice.
    pub ring: Arc<KeyRing>,
    /// Whose.
    pub user: UserId,
    /// Who began it.
    pub enroller: Enroller,
    /// The code.
    pub code: OneTimeCode,
    /// How far the clocks may be apart.
    pub window: Window,
    /// The session to open, or its new secrets.
    pub fresh: Fresh,
    /// The notice.
    pub envelope: Envelope,
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
        let Some(pending) = self.pending(tx).await? else {
            return Ok(Err(Unconfirmed::NotFound));
        };
        // The account is locked at the epoch that the enrolment began with: whatever changed its
        // factors since ends the enrolment.
        if !account::hold_epoch(tx, self.user, pending.epoch).await? {
            return Ok(Err(Unconfirmed::NotFound));
        }
        let held = match self.hold(tx).await? {
            Ok(held) => held,
            Err(unconfirmed) => return Ok(Err(unconfirmed)),
        };
        let id = pending.method.as_bytes();
        if !presented::count_try(tx, id, self.fresh.now.plus(super::upkeep::KEEP)).await? {
            drop_pending(tx, self.user).await?;
            return Ok(Err(Unconfirmed::NotFound));
        }
        let seed =
            Seed::open(&self.ring, &pending.secret, self.user, pending.method, &pending.parameters)
                .ok_or_else(|| Fault::corrupt("pending_totp.secret"))?;
        let totp = Totp {
            user: self.user,
            method: pending.method,
            seed,
            parameters: pending.parameters,
            last_step: None,
            drift: 0,
        };
        let now = self.fresh.now;
        let verified = totp::verify(std::slice::from_ref(&totp), &self.code, self.window, now);
        let Ok(proof) = verified else { return Ok(Err(Unconfirmed::Wrong)) };
        account::raise_held(tx, self.user, pending.epoch).await?;
        let account = account::by_id(tx, self.user).await?;
        let account = account.ok_or_else(|| Fault::corrupt("users"))?;
        if !methods::holding(tx, self.user).await?.required() {
            self.end_others(tx, held.as_ref()).await?;
        }
        self.enrol(tx, &pending, &totp, &proof).await?;
        let session = self.session(tx, held, &proof).await?;
        self.told(tx, &account, &session, &pending.name).await?;
        Ok(Ok((Box::new(session), Box::new(account), pending.method)))
    }
}

impl Confirm {
    async fn pending(&self, tx: &mut Tx<'_>) -> Result<Option<Pending>, Fault> {
        tx.row(
            sql!(
                "SELECT method_id, epoch, name, secret, algorithm, digits, period, codes_set \
                 FROM pending_totp WHERE user_id = ?1 AND lineage = ?2 AND expires_at > ?3"
            ),
            args![self.user, self.enroller.lineage(), self.fresh.now],
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
        let now = self.fresh.now;
        tx.put(
            sql!(
                "INSERT INTO methods (user_id, id, factor, name, state, created_at) \
                 VALUES (?1, ?2, ?3, ?4, 1, ?5)"
            ),
            args![self.user, totp.method, Factor::Totp.code(), &pending.name, now],
        )
        .await?;
        tx.put(
            sql!(
                "INSERT INTO totp (user_id, method_id, secret, algorithm, digits, period, \
                 last_step, drift, last_used_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
            ),
            args![
                self.user,
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
                args![self.user, set],
            )
            .await?;
            second_factor::reset(tx, self.user, Factor::BackupCode).await?;
        }
        // A success of this factor like any other. Without it nobody could come back to an app by a
        // new one, after wrong codes disabled the old one.
        second_factor::reset(tx, self.user, Factor::Totp).await?;
        drop_pending(tx, self.user).await
    }

    /// The session that began the enrolment, if it is still there; `None` for a sign-in's.
    async fn hold(&self, tx: &mut Tx<'_>) -> Result<Result<Option<Session>, Unconfirmed>, Fault> {
        match &self.enroller {
            Enroller::Session(session) => {
                let held = session::hold(tx, &self.ring, session, self.fresh.now).await?;
                Ok(held.map(Some).ok_or(Unconfirmed::NotFound))
            }
            Enroller::SignIn { expires_at, .. } if self.fresh.now >= *expires_at => {
                Ok(Err(Unconfirmed::NotFound))
            }
            Enroller::SignIn { .. } => Ok(Ok(None)),
        }
    }

    /// With the first second factor whatever was opened without one ends, but for the session that
    /// proves it now.
    async fn end_others(&self, tx: &mut Tx<'_>, held: Option<&Session>) -> Result<(), Fault> {
        let which = held.map_or(Which::All, |held| Which::AllBut(held.id));
        let (reason, now) = (Reason::MethodAdded, self.fresh.now);
        session::end_some(tx, self.user, which, reason, now).await.map(drop)
    }

    async fn session(
        &self,
        tx: &mut Tx<'_>,
        held: Option<Session>,
        proof: &Proof,
    ) -> Result<Session, Fault> {
        let (ring, fresh) = (&self.ring, &self.fresh);
        match (held, &self.enroller) {
            (Some(held), _) => session::elevate(tx, ring, fresh, held, proof).await,
            (None, Enroller::SignIn { proofs, .. }) => {
                session::open(tx, ring, fresh, self.user, proofs.clone().with(proof)).await
            }
            (None, Enroller::Session(_)) => Err(Fault::broken("a session was not held")),
        }
    }

    async fn told(
        &self,
        tx: &mut Tx<'_>,
        account: &Account,
        session: &Session,
        name: &str,
    ) -> Result<(), Fault> {
        let now = self.fresh.now;
        let event = Event {
            user: Some(self.user),
            session: Some(session.id),
            factor: Some(Factor::Totp),
            level: Some(session.proofs.level()),
            address: self.fresh.address.as_deref().and_then(|text| text.parse().ok()),
            ..Event::success(Kind::MethodConfirmed, now)
        };
        tx.audit(&event).await?;
        if account.bootstrap_until.is_some_and(|until| now < until) {
            tx.put(
                sql!("UPDATE users SET is_admin = 1, bootstrap_until = NULL WHERE id = ?1"),
                args![self.user],
            )
            .await?;
            tx.audit(&Event { kind: Kind::AdministratorMade, ..event }).await?;
        }
        let template = Template::FactorAdded { name: name.to_owned() };
        outbox::notify(tx, &self.ring, &self.envelope, account, template).await
    }
}
