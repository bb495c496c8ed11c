//! Enrolling an authenticator app: shown, then confirmed by its first code.

use std::time::Duration;

use nightlatch_core::{
    MethodId, SecretText,
    code::{AnyCode, OneTimeCode},
    factors::{
        hotp::Algorithm,
        totp::{self, Seed},
    },
    methods::Method,
    name::Name,
    proof::Factor,
};
use nightlatch_store::units::{
    enrol::{Begin, Begun, Confirm, Unconfirmed},
    methods::Read,
};

use super::{completion, enroller, may_enrol, new_set, qr};
use crate::{
    Client, Env, Refused,
    authenticate::Enrolling,
    tokens::{self, Tokens},
};

/// How long an enrolment waits for its first code.
pub const PENDING_LIFETIME: Duration = Duration::from_mins(10);

/// What a person needs to set up their app. Shown once.
#[derive(Debug)]
pub struct Setup {
    /// The seed in base32, for typing.
    pub secret: SecretText,
    /// The Key URI.
    pub otpauth_uri: SecretText,
    /// The Key URI as a QR code.
    pub pictures: qr::Pictures,
    /// Recovery codes that will count once the app is confirmed, if the account has none yet.
    pub backup_codes: Option<Vec<SecretText>>,
}

/// An enrolment that was confirmed.
#[derive(Debug)]
pub struct Confirmed {
    /// The new method.
    pub method: Method,
    /// The session, raised by the new factor.
    pub tokens: Tokens,
}

/// Begins to enrol an app.
///
/// # Errors
///
/// [`Refused::StepUp`] without a recent proof; [`Refused::AlreadyEnabled`] for a second app without
/// a name of its own; [`Refused::TooManyMethods`]; [`Refused::MethodNotAllowed`] by policy.
pub async fn enable(env: &Env, caller: &Enrolling, name: Option<&str>) -> Result<Setup, Refused> {
    let held = may_enrol(env, caller).await?;
    if !env.settings.allowed.0.contains(&Factor::Totp) {
        return Err(Refused::MethodNotAllowed);
    }
    let parsed = name.and_then(Name::parse);
    if name.is_some() && parsed.is_none() {
        return Err(Refused::invalid("name", "Use 1 to 100 ordinary characters."));
    }
    let (now, account) = (env.clock.now(), caller.account());
    let parameters = env.settings.totp_parameters;
    let method = MethodId::new(now, env.random());
    let seed = new_seed(env, parameters.algorithm());
    let issuer = &env.settings.totp_issuer;
    let otpauth_uri = totp::otpauth_uri(issuer, &account.email, &seed, &parameters);
    let pictures = qr::draw(&otpauth_uri)
        .ok_or_else(|| Refused::invalid("email", "The address is too long for a QR code."))?;
    let codes = if held.required() { None } else { Some(new_set(env, account.id, now).await?) };
    let (shown, stored) = codes.unzip();
    let unit = Begin {
        account: account.clone(),
        lineage: *enroller(caller).lineage(),
        method,
        name: parsed.map(|name| name.as_str().to_owned()),
        secret: seed.seal(&env.ring(), env.random(), account.id, method, &parameters),
        parameters,
        codes: stored,
        expires_at: now.plus(PENDING_LIFETIME),
        now,
    };
    match env.write(unit).await? {
        Begun::Pending { codes } => Ok(Setup {
            secret: seed.base32(),
            otpauth_uri,
            pictures,
            backup_codes: shown.filter(|_| codes),
        }),
        Begun::AlreadyEnabled => Err(Refused::AlreadyEnabled),
        Begun::TooMany => Err(Refused::TooManyMethods),
        Begun::Conflict => Err(Refused::Conflict),
    }
}

/// As long as the HMAC's output (RFC 6238 §5.1).
fn new_seed(env: &Env, algorithm: Algorithm) -> Seed {
    match algorithm {
        Algorithm::Sha1 => Seed::new(&env.random::<20>()),
        Algorithm::Sha256 => Seed::new(&env.random::<32>()),
        Algorithm::Sha512 => Seed::new(&env.random::<64>()),
    }
}

/// Confirms an enrolment by the app's first code, which signs the person in with the new factor.
///
/// # Errors
///
/// [`Refused::SetupNotFound`] when nothing waits here, or no longer; [`Refused::SetupCode`] for a
/// wrong code.
pub async fn confirm(
    env: &Env,
    client: &Client,
    caller: &Enrolling,
    code: &SecretText,
) -> Result<Confirmed, Refused> {
    let code: OneTimeCode = match AnyCode::parse(code.expose()) {
        Some(AnyCode::OneTime(code)) => code,
        Some(AnyCode::Recovery(_)) | None => {
            return Err(Refused::invalid("token", "The code is 6 to 8 numbers."));
        }
    };
    let completion = completion(env, client, caller);
    let (now, random) = (completion.fresh.now, completion.fresh.random);
    let user = completion.user;
    let unit = Confirm { completion, code, window: env.settings.totp_window };
    let (session, account, id) =
        env.write(unit).await?.map_err(|unconfirmed| match unconfirmed {
            Unconfirmed::NotFound => Refused::SetupNotFound,
            Unconfirmed::Wrong => Refused::SetupCode,
        })?;
    let (holding, _) = env.store.read(Read { user }).await?;
    let method = holding.methods.into_iter().find(|method| method.id == id);
    let tokens = tokens::hand_out(env, *session, *account, random, now);
    Ok(Confirmed { method: method.ok_or(Refused::Conflict)?, tokens })
}
