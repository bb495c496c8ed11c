//! What all WebAuthn ceremonies share: beginning one, reading its answer, and whom it is asked of.

use nightlatch_core::{
    MethodId, SecretText, Timestamp, UserId,
    factors::webauthn::{
        self, CEREMONY_LIFETIME, Credential, RequestOptions, Verifier, request_options,
    },
    methods::{Method, State},
    token::Ceremony,
};
use nightlatch_store::units::{
    methods::Read,
    webauthn::{Burn, Credentials},
};

use crate::{Env, Refused};

/// A ceremony that asks for a credential.
#[derive(Debug)]
pub struct Options {
    /// To be sent back with the answer.
    pub challenge_token: SecretText,
    /// For `navigator.credentials.get()`.
    pub public_key: RequestOptions,
}

/// A ceremony that begins now.
pub(crate) fn begin(env: &Env, now: Timestamp) -> Ceremony {
    Ceremony { id: env.id(now), challenge: env.random(), expires_at: now.plus(CEREMONY_LIFETIME) }
}

/// Ends the ceremony of a token that was presented where it does not belong, if it is one.
pub(crate) async fn end_misplaced(
    env: &Env,
    challenge_token: &SecretText,
    now: Timestamp,
) -> Result<(), Refused> {
    if let Some(ceremony) = Ceremony::of_any_purpose(&env.ring(), challenge_token, now) {
        env.write(Burn { id: ceremony.id, expires_at: ceremony.expires_at }).await?;
    }
    Ok(())
}

/// The credentials of an account that may answer now: all active ones, or the one that was chosen.
///
/// # Errors
///
/// [`Refused::MethodNotAllowed`] if there is none.
pub(crate) async fn usable(
    env: &Env,
    user: UserId,
    method: Option<MethodId>,
) -> Result<Vec<Credential>, Refused> {
    let credentials = env.store.read(Credentials { ring: env.ring(), user }).await?;
    let usable: Vec<Credential> = credentials
        .into_iter()
        .filter(|(state, _)| *state == State::Active)
        .map(|(_, credential)| credential)
        .filter(|credential| method.is_none_or(|method| method == credential.method))
        .collect();
    let allowed = env.settings.allowed.0.contains(&nightlatch_core::proof::Factor::WebAuthn);
    if usable.is_empty() || !allowed { Err(Refused::MethodNotAllowed) } else { Ok(usable) }
}

/// Asks for one of `credentials`.
pub(crate) fn ask(env: &Env, ceremony: &Ceremony, credentials: &[Credential]) -> RequestOptions {
    request_options(&env.settings.webauthn.party, ceremony, credentials)
}

/// The name of one method of an account, for a notice.
pub(crate) async fn name_of(env: &Env, user: UserId, method: MethodId) -> Result<String, Refused> {
    let (holding, _) = env.store.read(Read { user }).await?;
    let named = |method: Method| method.name;
    let method = holding.methods.into_iter().find(|one| one.id == method);
    Ok(method.map(named).unwrap_or_default())
}

/// Verifies answers with what this server is set to.
pub(crate) fn with_verifier<T>(env: &Env, verify: impl FnOnce(&Verifier<'_>) -> T) -> T {
    let metadata = env.metadata.current();
    verify(&Verifier {
        party: &env.settings.webauthn.party,
        highest: &env.settings.webauthn.highest,
        metadata: metadata.as_deref(),
    })
}

/// Tells the operator which step of a ceremony did not hold; whoever answered is told nothing.
pub(crate) fn log(refused: &webauthn::Refused) {
    match refused {
        webauthn::Refused::Ceremony(refused) => {
            let (step, reason) = (refused.step.as_str(), refused.reason);
            tracing::info!(ceremony.step = step, reason, "A WebAuthn answer was refused");
        }
        webauthn::Refused::Cloned => tracing::warn!("The counter of a security key did not rise"),
        webauthn::Refused::Compromised => {
            tracing::warn!("An authenticator of a model that is known to be broken was refused");
        }
    }
}
