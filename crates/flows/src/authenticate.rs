//! Who is calling: a signed-in person, or one who has to enrol first.

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

use crate::{Env, Refused};

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
    SignedIn(Box<SignedIn>),
    /// A sign-in that has to enrol before it can complete.
    Token(Enrollment, Box<Account>),
}

/// The person whose access token this is.
///
/// # Errors
///
/// [`Refused::Unauthenticated`] for anything but a live token of a live session.
pub async fn signed_in(env: &Env, bearer: &SecretText) -> Result<SignedIn, Refused> {
    let now = env.clock.now();
    let claims = env.tokens.read(bearer, now).ok_or(Refused::Unauthenticated)?;
    let load = Load { ring: env.ring.clone(), id: claims.sid, now };
    let (session, account) = env.store.read(load).await?.ok_or(Refused::Unauthenticated)?;
    if session.user != claims.sub || session.secrets != claims.generation {
        return Err(Refused::Unauthenticated);
    }
    Ok(SignedIn { session, account })
}

/// The person who may enrol with this token.
///
/// # Errors
///
/// [`Refused::Unauthenticated`] for anything but a live access or enrolment token.
pub async fn enrolling(env: &Env, bearer: &SecretText) -> Result<Enrolling, Refused> {
    let Some(token) = Enrollment::open(&env.ring, bearer, env.clock.now()) else {
        return signed_in(env, bearer).await.map(|signed| Enrolling::SignedIn(Box::new(signed)));
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
