//! Who is calling: a signed-in person, or one who has to enrol first.

use std::sync::Arc;

use nightlatch_core::{
    SecretText,
    gate::{Question, Required},
    methods::Holding,
    token::Enrollment,
};
use nightlatch_store::units::{
    account::{Account, ById, Standing},
    methods,
    session::{Load, Session},
};

use crate::{
    Env, Refused,
    callers::{Fingerprint, Known},
    observer::Source,
    tokens::Claimed,
};

/// A signed-in person.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// The account.
    pub account: Account,
}

/// Whoever may enrol a second factor.
#[derive(Debug, Clone)]
pub enum Enrolling {
    /// A signed-in person.
    SignedIn(Arc<SignedIn>),
    /// A sign-in that has to enrol before it can complete.
    Token(Enrollment, Box<Account>),
}

/// The person whose access token this is.
///
/// Who called before is known from memory, by the hash of the token, for as long as nothing changed.
/// Otherwise the session is looked up first, and only a token of a live one is worth the check of its
/// signature.
///
/// # Errors
///
/// [`Refused::Unauthenticated`] for anything but a live token of a live session.
pub async fn signed_in(env: &Env, bearer: &SecretText) -> Result<Arc<SignedIn>, Refused> {
    let (now, token) = (env.clock.now(), Fingerprint::of(bearer));
    // Whoever was read under keys that are replaced meanwhile is remembered with them, and so forgotten.
    let tokens = env.tokens();
    match tokens.callers.look(&env.store, token, now) {
        Known::Caller(signed) => {
            env.observer.recognized(Source::Memory);
            return Ok(signed);
        }
        Known::Refused => {
            env.observer.recognized(Source::Memory);
            return Err(Refused::Unauthenticated);
        }
        Known::New => {}
    }
    let claimed = tokens.claimed(bearer, now).ok_or(Refused::Unauthenticated)?;
    // Before the session is read: a change that this read does not see must void what it saw.
    let mark = env.store.mark(claimed.user());
    let load = Load { ring: env.ring(), id: claimed.session(), now };
    let found = env.store.read(load).await?;
    env.observer.recognized(Source::Database);
    let Some((signed, ends)) = found.and_then(|found| vouched(claimed, found)) else {
        // A session that ended does not come back, and a token does not get better.
        tokens.callers.refuse(token);
        return Err(Refused::Unauthenticated);
    };
    if let Some(mark) = mark {
        tokens.callers.remember(&env.store, token, (&signed, ends, mark), now);
    }
    Ok(signed)
}

/// Whoever a token names if it is a genuine one of this session, and the second in which it ends.
fn vouched(
    claimed: Claimed<'_>,
    (session, account): (Session, Account),
) -> Option<(Arc<SignedIn>, i64)> {
    let claims = claimed.verify()?;
    let matches = session.id == claims.sid
        && session.user == claims.sub
        && session.secrets == claims.generation;
    matches.then(|| (Arc::new(SignedIn { session, account }), claims.exp))
}

/// The person who may enrol with this token.
///
/// # Errors
///
/// [`Refused::Unauthenticated`] for anything but a live access or enrolment token.
pub async fn enrolling(env: &Env, bearer: &SecretText) -> Result<Enrolling, Refused> {
    let Some(token) = Enrollment::open(&env.ring(), bearer, env.clock.now()) else {
        return signed_in(env, bearer).await.map(Enrolling::SignedIn);
    };
    let account = env.store.read(ById { user: token.user }).await?;
    account
        .filter(|account| account.standing == Standing::Active && account.epoch == token.epoch)
        .map(|account| Enrolling::Token(token, Box::new(account)))
        .ok_or(Refused::Unauthenticated)
}

impl Enrolling {
    /// The account.
    #[must_use]
    pub fn account(&self) -> &Account {
        match self {
            Self::SignedIn(signed) => &signed.account,
            Self::Token(_, account) => account,
        }
    }
}

/// What an account has enrolled.
pub(crate) async fn holding(env: &Env, account: &Account) -> Result<Holding, Refused> {
    Ok(env.store.read(methods::Read { user: account.id }).await?.0)
}

/// Lets a signed-in person pass who proved recently enough who they are.
pub(crate) async fn gate(
    env: &Env,
    signed: &SignedIn,
    ask: impl FnOnce(Question<'_>) -> Result<(), Required>,
) -> Result<Holding, Refused> {
    let holding = holding(env, &signed.account).await?;
    let question = Question {
        proofs: &signed.session.proofs,
        holding: &holding,
        allowed: &env.settings.allowed,
        max_age: env.settings.step_up_max_age,
        now: env.clock.now(),
    };
    ask(question).map_err(Refused::StepUp)?;
    Ok(holding)
}

/// Lets a signed-in person pass whose last proof at the account's own level is recent.
pub(crate) async fn stepped_up(env: &Env, signed: &SignedIn) -> Result<Holding, Refused> {
    gate(env, signed, |question| question.step_up()).await
}
