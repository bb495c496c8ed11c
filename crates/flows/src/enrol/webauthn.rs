//! Enrolling a passkey or a security key: options, then what the browser made of them.

use nightlatch_core::{
    MethodId, SecretText,
    factors::webauthn::{
        self, Aaguid, AuthenticatorAttachment, CreationOptions, CredentialKind, MOST_CREDENTIALS,
        Person, RegistrationResponse, Wanted, creation_options, provider_name,
    },
    methods::Method,
    name::Name,
    proof::Factor,
    token::EnrollingCeremony,
};
use nightlatch_store::units::{
    enrol::{Enrol, NotEnrolled},
    methods::Read,
    webauthn::{Burn, Credentials},
};

use super::{completion, enroller, may_enrol, new_set};
use crate::{
    Client, Env, Refused,
    authenticate::{Enrolling, holding},
    ceremonies::{self, with_verifier},
    observer::Outcome,
    tokens::{self, Tokens},
};

/// What is to be enrolled.
#[derive(Debug)]
pub struct Wish {
    /// As what.
    pub kind: CredentialKind,
    /// How its authenticator is to be attached, if it matters.
    pub attachment: Option<AuthenticatorAttachment>,
    /// Its name, if its owner has one for it already.
    pub name: Option<String>,
}

/// A ceremony that makes a credential.
#[derive(Debug)]
pub struct Options {
    /// To be sent back with the answer.
    pub challenge_token: SecretText,
    /// For `navigator.credentials.create()`.
    pub public_key: CreationOptions,
}

/// A credential that was enrolled.
#[derive(Debug)]
pub struct Enrolled {
    /// The new method.
    pub method: Method,
    /// The session, raised by the new factor.
    pub tokens: Tokens,
    /// Recovery codes, if this is the account's first second factor. Shown once.
    pub backup_codes: Option<Vec<SecretText>>,
}

fn name(text: Option<&str>) -> Result<Option<String>, Refused> {
    let Some(text) = text else { return Ok(None) };
    let name = Name::parse(text);
    let name = name.ok_or_else(|| Refused::invalid("name", "Use 1 to 100 ordinary characters."))?;
    Ok(Some(name.as_str().to_owned()))
}

/// Begins an enrolment.
///
/// # Errors
///
/// [`Refused::StepUp`] without a recent proof; [`Refused::MethodNotAllowed`] by policy;
/// [`Refused::TooManyMethods`].
pub async fn options(env: &Env, caller: &Enrolling, wish: Wish) -> Result<Options, Refused> {
    may_enrol(env, caller).await?;
    if !env.settings.allowed.0.contains(&Factor::WebAuthn) {
        return Err(Refused::MethodNotAllowed);
    }
    let (now, account) = (env.clock.now(), caller.account());
    let existing = Credentials { ring: env.ring(), user: account.id };
    let existing: Vec<_> = env.store.read(existing).await?.into_iter().map(|(_, it)| it).collect();
    if existing.len() >= MOST_CREDENTIALS {
        return Err(Refused::TooManyMethods);
    }
    let settings = &env.settings.webauthn;
    let ceremony = ceremonies::begin(env, now);
    let person = Person { id: account.id, email: &account.email, name: account.name.as_deref() };
    let wanted = Wanted {
        kind: wish.kind,
        attachment: wish.attachment,
        service: &settings.name,
        attested: env.metadata.current().is_some(),
    };
    let public_key = creation_options(&settings.party, &ceremony, person, wanted, &existing);
    let token = EnrollingCeremony {
        ceremony,
        user: account.id,
        lineage: *enroller(caller).lineage(),
        epoch: account.epoch,
        kind: wish.kind,
        name: name(wish.name.as_deref())?,
    };
    Ok(Options { challenge_token: token.seal(&env.ring(), env.random()), public_key })
}

/// Finishes an enrolment with the browser's answer, which is the JSON text `credential`.
///
/// # Errors
///
/// [`Refused::CredentialRefused`] for an answer that is not accepted, whatever the reason;
/// [`Refused::CredentialExists`] if the account has it already; [`Refused::TooManyMethods`].
pub async fn finish(
    env: &Env,
    client: &Client,
    caller: &Enrolling,
    challenge_token: &SecretText,
    credential: &[u8],
    new_name: Option<&str>,
) -> Result<Enrolled, Refused> {
    let now = env.clock.now();
    let new_name = name(new_name)?;
    if !env.settings.allowed.0.contains(&Factor::WebAuthn) {
        return Err(Refused::MethodNotAllowed);
    }
    let account = caller.account();
    let Some(token) = EnrollingCeremony::open(&env.ring(), challenge_token, now) else {
        ceremonies::end_misplaced(env, challenge_token, now).await?;
        return Err(Refused::CredentialRefused);
    };
    let burn = Burn { id: token.ceremony.id, expires_at: token.ceremony.expires_at };
    if token.user != account.id || token.lineage != *enroller(caller).lineage() {
        env.write(burn).await?;
        return Err(Refused::CredentialRefused);
    }
    let method = MethodId::new(now, env.random());
    let verified = RegistrationResponse::from_json(credential)
        .map_err(webauthn::Refused::Ceremony)
        .and_then(|response| {
            let record = (account.id, method, token.kind);
            with_verifier(env, |verifier| verifier.enrol(&token.ceremony, &response, record, now))
        });
    let enrolled = match verified {
        Ok(enrolled) => enrolled,
        Err(refused) => {
            ceremonies::log(&refused);
            env.observer.presented(Factor::WebAuthn, Outcome::Refused);
            env.write(burn).await?;
            return Err(Refused::CredentialRefused);
        }
    };
    let held = holding(env, account).await?;
    let (shown, codes) = if held.required() {
        (None, None)
    } else {
        let (shown, set) = new_set(env, account.id, now).await?;
        (Some(shown), Some(set))
    };
    let suggested = suggestion(enrolled.credential.aaguid, token.kind);
    let completion = completion(env, client, caller);
    let random = completion.fresh.random;
    let unit = Enrol {
        completion,
        burn,
        epoch: token.epoch,
        name: new_name.or(token.name).unwrap_or(suggested),
        credential: enrolled.credential,
        nonce: env.random(),
        proof: enrolled.proof,
        codes,
    };
    let done = env.write(unit).await?.map_err(|refusal| match refusal {
        NotEnrolled::Over | NotEnrolled::Taken => Refused::CredentialRefused,
        NotEnrolled::Exists => Refused::CredentialExists,
        NotEnrolled::TooMany => Refused::TooManyMethods,
    })?;
    env.observer.presented(Factor::WebAuthn, Outcome::Accepted);
    let (holding, _) = env.store.read(Read { user: account.id }).await?;
    let method = holding.methods.into_iter().find(|method| method.id == done.method);
    Ok(Enrolled {
        method: method.ok_or(Refused::Conflict)?,
        tokens: tokens::hand_out(env, *done.session, *done.account, random, now),
        backup_codes: shown.filter(|_| done.codes),
    })
}

/// What a credential is called until its owner has a better name.
fn suggestion(aaguid: Aaguid, kind: CredentialKind) -> String {
    let plain = match kind {
        CredentialKind::Passkey => "Passkey",
        CredentialKind::SecurityKey => "Security key",
    };
    provider_name(aaguid).unwrap_or(plain).to_owned()
}
