//! The whole sign-in by a passkey: nobody says who they are before the passkey does.

use nightlatch_core::{
    MethodId, SecretText, Timestamp,
    audit::Reason,
    factors::webauthn::{self, AuthenticationResponse, Credential, credential_lookup},
    methods::State,
    proof::{Factor, Proofs},
    token::{PasskeyCeremony, SignInStep},
};
use nightlatch_store::units::{
    account::Account,
    webauthn::{Burn, ByCredential, Found, Passkey, RefusePasskey, SignedIn},
};

use super::{Challenge, STEP_LIFETIME, SignIn, password};
use crate::{
    Client, Env, Refused,
    authenticate::holding,
    ceremonies::{self, Options, with_verifier},
    observer::Outcome,
    refused::UnknownCredential,
    tokens,
};

/// A sign-in that begins with a passkey.
#[derive(Debug)]
pub struct Input<'a> {
    /// The ceremony.
    pub challenge_token: &'a SecretText,
    /// The browser's answer, as JSON text.
    pub credential: &'a [u8],
    /// What a device got at its last sign-in: recognises it, proves nothing.
    pub device_token: Option<&'a SecretText>,
}

/// Asks for any passkey, for the button and for autofill. It costs nothing: nobody is named and
/// nothing is remembered.
#[must_use]
pub fn options(env: &Env, client: &Client) -> Options {
    let ceremony = ceremonies::begin(env, env.clock.now());
    let public_key = ceremonies::ask(env, &ceremony, &[]);
    let token = PasskeyCeremony::of_browser(ceremony, client.agent.as_deref());
    Options { challenge_token: token.seal(&env.ring(), env.random()), public_key }
}

/// Signs in by a passkey. Its presence alone is one factor, and the password is asked for next.
///
/// # Errors
///
/// [`Refused::InvalidCredential`] for every answer that is not accepted, whatever the reason; and to
/// who has shown that they hold the key [`Refused::AccountDisabled`], [`Refused::EmailUnverified`],
/// [`Refused::MethodNotAllowed`] and [`Refused::RecoveryRequired`].
pub async fn sign_in(env: &Env, client: &Client, input: Input<'_>) -> Result<SignIn, Refused> {
    let now = env.clock.now();
    let Some(token) = PasskeyCeremony::open(&env.ring(), input.challenge_token, now) else {
        ceremonies::end_misplaced(env, input.challenge_token, now).await?;
        return Err(Refused::InvalidCredential(None));
    };
    let attempt = Attempt { env, client, token: &token, now };
    let response = AuthenticationResponse::from_json(input.credential);
    let response = match response.map_err(webauthn::Refused::Ceremony) {
        Ok(response) if token.is_of_browser(client.agent.as_deref()) => response,
        Ok(_) => return attempt.refuse(None).await,
        Err(refused) => {
            ceremonies::log(&refused);
            return attempt.refuse(None).await;
        }
    };
    let lookup = credential_lookup(&response.raw_id);
    let found = env.store.read(ByCredential { ring: env.ring(), lookup }).await?;
    match found {
        Found::Credential(account, state, credential) => {
            attempt.known(*account, state, &credential, &response, input.device_token).await
        }
        Found::Removed(key) => attempt.unknown(&response, Some(&key)).await,
        Found::Nothing => attempt.unknown(&response, None).await,
    }
}

struct Attempt<'a> {
    env: &'a Env,
    client: &'a Client,
    token: &'a PasskeyCeremony,
    now: Timestamp,
}

impl Attempt<'_> {
    fn burn(&self) -> Burn {
        Burn { id: self.token.ceremony.id, expires_at: self.token.ceremony.expires_at }
    }

    /// Ends the ceremony with `refused`, which is told once: whoever sends the answer again gets the
    /// refusal that everybody gets. `known` says whose key was shown to be held, and why that was not
    /// enough.
    async fn end(
        &self,
        known: Option<(Account, Reason)>,
        cloned: Option<String>,
        refused: Refused,
    ) -> Result<SignIn, Refused> {
        let unit = RefusePasskey {
            burn: self.burn(),
            known,
            cloned,
            ring: self.env.ring(),
            envelope: self.env.envelope(self.now),
            address: self.client.address,
        };
        self.env.observer.presented(Factor::WebAuthn, Outcome::Refused);
        let first = self.env.write(unit).await?;
        Err(if first { refused } else { Refused::InvalidCredential(None) })
    }

    async fn refuse(&self, unknown: Option<UnknownCredential>) -> Result<SignIn, Refused> {
        self.end(None, None, Refused::InvalidCredential(unknown)).await
    }

    /// No account has the credential. The work is the same as if one had; whoever holds the key of
    /// one that was removed is told, so that their device can forget it.
    async fn unknown(
        &self,
        response: &AuthenticationResponse,
        removed: Option<&[u8]>,
    ) -> Result<SignIn, Refused> {
        let held = with_verifier(self.env, |verifier| {
            verifier.assert_removed(&self.token.ceremony, response, removed)
        });
        let unknown = held.then(|| UnknownCredential {
            rp_id: self.env.settings.webauthn.party.id.clone(),
            credential_id: webauthn::base64url::encode(&response.raw_id),
        });
        self.refuse(unknown).await
    }

    async fn known(
        &self,
        account: Account,
        state: State,
        credential: &Credential,
        response: &AuthenticationResponse,
        device_token: Option<&SecretText>,
    ) -> Result<SignIn, Refused> {
        let env = self.env;
        let verified = with_verifier(env, |verifier| {
            verifier.assert(&self.token.ceremony, response, credential, false, self.now)
        });
        let asserted = match verified {
            Ok(asserted) => asserted,
            Err(refused) => {
                ceremonies::log(&refused);
                if refused == webauthn::Refused::Cloned {
                    let name = ceremonies::name_of(env, account.id, credential.method).await?;
                    let known = Some((account, refused.reason()));
                    return self.end(known, Some(name), Refused::InvalidCredential(None)).await;
                }
                if let webauthn::Refused::Ceremony(step) = refused
                    && step.step != webauthn::Step::Signature
                {
                    // The work that there is for a credential of nobody.
                    with_verifier(env, |verifier| {
                        verifier.assert_removed(&self.token.ceremony, response, None)
                    });
                }
                return self.refuse(None).await;
            }
        };
        if let Some((reason, refused)) = password::closed(env, &account) {
            return self.end(Some((account, reason)), None, refused).await;
        }
        if state != State::Active {
            let refused = not_usable(env, &account).await?;
            let known = Some((account, Reason::Disabled));
            return self.end(known, None, refused).await;
        }
        let known_device = password::known_device(env, &account, device_token).is_some();
        let verified_by = asserted.verified.then_some(credential.method);
        let fresh = env.fresh(self.client, self.now);
        let random = fresh.random;
        let unit = Passkey {
            ring: env.ring(),
            burn: self.burn(),
            account: account.clone(),
            asserted,
            fresh,
            allowed: env.settings.allowed.clone(),
        };
        match env.write(unit).await? {
            SignedIn::Session(session) => {
                env.observer.presented(Factor::WebAuthn, Outcome::Accepted);
                let tokens = tokens::hand_out(env, *session, account, random, self.now);
                // One device for all sign-ins with this passkey: each known device may guess passwords
                // apart from others, and whoever holds a passkey need not know the password.
                let tokens = if known_device {
                    tokens
                } else {
                    tokens.on_device(env, *credential.method.as_bytes(), self.now)
                };
                Ok(SignIn::Complete(Box::new(tokens)))
            }
            SignedIn::AskPassword(proofs) => {
                env.observer.presented(Factor::WebAuthn, Outcome::Accepted);
                self.ask_password(&account, proofs, known_device, verified_by)
            }
            SignedIn::NotAllowed => {
                env.observer.presented(Factor::WebAuthn, Outcome::Refused);
                Err(not_usable(env, &account).await?)
            }
            SignedIn::Ended => {
                env.observer.presented(Factor::WebAuthn, Outcome::Refused);
                Err(Refused::InvalidCredential(None))
            }
        }
    }

    /// Presence alone was shown: something the person knows is asked for, never another thing they
    /// have.
    fn ask_password(
        &self,
        account: &Account,
        proofs: Proofs,
        known_device: bool,
        verified: Option<MethodId>,
    ) -> Result<SignIn, Refused> {
        if account.password.is_none() {
            return Err(Refused::RecoveryRequired);
        }
        let step = SignInStep {
            id: self.env.id(self.now),
            user: account.id,
            epoch: account.epoch,
            proofs,
            known_device,
            verified,
            expires_at: self.now.plus(STEP_LIFETIME),
        };
        Ok(SignIn::Challenge(Challenge {
            temp_token: step.seal(&self.env.ring(), self.env.random()),
            factors: vec![Factor::Password],
            methods: Vec::new(),
            expires_in: STEP_LIFETIME,
        }))
    }
}

/// What is told to whoever holds a passkey that can't be used: another method, if there is one.
async fn not_usable(env: &Env, account: &Account) -> Result<Refused, Refused> {
    let usable = holding(env, account).await?.usable(&env.settings.allowed);
    Ok(if usable.is_empty() { Refused::RecoveryRequired } else { Refused::MethodNotAllowed })
}
