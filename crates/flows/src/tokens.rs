//! Access tokens: JWTs by RFC 9068, signed with Ed25519, short-lived, and bound to a live session.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use nightlatch_core::{
    SecretText, SessionId, Timestamp, UserId,
    keys::{KeyRing, Signer},
    token::{Device, Refresh},
};
use nightlatch_store::units::{account::Account, session::Session};
use serde::{Deserialize, Serialize};

use crate::{Env, callers::Callers};

/// The `typ` of an access token (RFC 9068 §2.1).
const TYPE: &str = "at+jwt";

/// When each level was last proved, in seconds since the Unix epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelClaims {
    /// Two factors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aal2: Option<i64>,
    /// Two factors that cannot be phished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phishing_resistant: Option<i64>,
    /// The same, from attested hardware.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aal3: Option<i64>,
}

/// The claims of an access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// This server.
    pub iss: String,
    /// The account.
    pub sub: UserId,
    /// The session.
    pub sid: SessionId,
    /// Whom it is for: this server itself, or one application.
    pub aud: String,
    /// When it was issued, in seconds since the Unix epoch.
    pub iat: i64,
    /// When it ends.
    pub exp: i64,
    /// Tells tokens apart.
    pub jti: String,
    /// When the person last proved anything.
    pub auth_time: i64,
    /// The session's level.
    pub acr: String,
    /// What was proved (RFC 8176).
    pub amr: Vec<String>,
    /// When each level was proved as a whole.
    pub levels: LevelClaims,
    /// Counts the session's rotations: a token of an earlier count is dead.
    pub generation: i64,
}

struct Key {
    kid: String,
    signer: Signer,
    /// The first part of every token of this key, with its dot.
    header: String,
    decoding: DecodingKey,
}

impl Key {
    fn new(signer: Signer) -> Self {
        let kid = signer.tag().to_string();
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(kid.clone());
        let header = part(&header) + ".";
        Self { kid, header, decoding: DecodingKey::from_ed_der(signer.public_key()), signer }
    }

    /// A JWS in compact form (RFC 7515 §7.1). Made here because the library takes the key as a document
    /// and derives the public key from it anew for each token, which costs more than the signature.
    fn sign(&self, claims: &Claims) -> SecretText {
        let mut text = self.header.clone() + &part(claims);
        let signature = self.signer.sign(text.as_bytes());
        text.push('.');
        BASE64URL_NOPAD.encode_append(&signature, &mut text);
        SecretText::new(text)
    }
}

/// Longer than most claims.
const USUAL: usize = 512;

/// A part of a token: JSON in base64url.
fn part(content: &impl Serialize) -> String {
    let mut json = Vec::with_capacity(USUAL);
    serde_json::to_writer(&mut json, content).expect("headers and claims are plain data");
    BASE64URL_NOPAD.encode(&json)
}

/// Issues and reads access tokens.
pub struct AccessTokens {
    issuer: String,
    keys: Vec<Key>,
    /// Tokens that were read under these keys.
    pub(crate) callers: Callers,
}

/// What a token says whose signature was not checked yet: good for looking up, and for nothing else.
pub(crate) struct Claimed<'t> {
    tokens: &'t AccessTokens,
    text: &'t SecretText,
    key: &'t Key,
    claims: Claims,
}

/// One public key (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwk {
    /// Key type: an octet key pair.
    pub kty: &'static str,
    /// The curve.
    pub crv: &'static str,
    /// What it is for: signatures.
    #[serde(rename = "use")]
    pub use_: &'static str,
    /// The algorithm.
    pub alg: &'static str,
    /// Its name.
    pub kid: String,
    /// The public key, base64url.
    pub x: String,
}

impl AccessTokens {
    /// Tokens of `issuer`, signed with the ring's first key and read under all of them.
    #[must_use]
    pub fn new(ring: &KeyRing, issuer: &str) -> Self {
        let keys = ring.access_token_signers().into_iter().map(Key::new).collect();
        Self { issuer: issuer.to_owned(), keys, callers: Callers::new() }
    }

    /// The public keys, the one in use first.
    #[must_use]
    pub fn public_keys(&self) -> Vec<Jwk> {
        let x = |key: &Key| BASE64URL_NOPAD.encode(key.signer.public_key());
        self.keys
            .iter()
            .map(|key| Jwk {
                kty: "OKP",
                crv: "Ed25519",
                use_: "sig",
                alg: "EdDSA",
                kid: key.kid.clone(),
                x: x(key),
            })
            .collect()
    }

    fn sign(&self, claims: &Claims) -> SecretText {
        self.keys.first().expect("a ring holds at least one key").sign(claims)
    }

    /// What `text` claims, if it looks like a token that was issued here for the account API itself and
    /// has not expired at `now`.
    pub(crate) fn claimed<'t>(
        &'t self,
        text: &'t SecretText,
        now: Timestamp,
    ) -> Option<Claimed<'t>> {
        let header = jsonwebtoken::decode_header(text.expose()).ok()?;
        if header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some(TYPE) {
            return None;
        }
        let kid = header.kid?;
        let key = self.keys.iter().find(|key| key.kid == kid)?;
        let payload = text.expose().split('.').nth(1)?;
        let payload = BASE64URL_NOPAD.decode(payload.as_bytes()).ok()?;
        let claims: Claims = serde_json::from_slice(&payload).ok()?;
        let ours = claims.iss == self.issuer && claims.aud == self.issuer;
        (ours && now.seconds() < claims.exp).then_some(Claimed { tokens: self, text, key, claims })
    }
}

impl Claimed<'_> {
    /// The session that it claims to be of.
    pub(crate) const fn session(&self) -> SessionId {
        self.claims.sid
    }

    /// The account that it claims to be of.
    pub(crate) const fn user(&self) -> UserId {
        self.claims.sub
    }

    /// Checks the signature.
    pub(crate) fn verify(self) -> Option<Claims> {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&self.tokens.issuer]);
        validation.set_audience(&[&self.tokens.issuer]);
        // The library would read the system's clock; ours was asked.
        validation.validate_exp = false;
        let (text, key) = (self.text.expose(), &self.key.decoding);
        let read = jsonwebtoken::decode::<Claims>(text, key, &validation).ok()?.claims;
        (read == self.claims).then_some(read)
    }
}

/// What a completed sign-in hands out.
#[derive(Debug)]
pub struct Tokens {
    /// For calls.
    pub access_token: SecretText,
    /// How long the access token lives.
    pub expires_in: Duration,
    /// For the next tokens; works once.
    pub refresh_token: SecretText,
    /// The session.
    pub session: Session,
    /// Its account.
    pub account: Account,
    /// Makes this device known at the next sign-in.
    pub device_token: Option<SecretText>,
}

/// An access token of `session` for `audience`.
#[must_use]
pub fn access_token(env: &Env, session: &Session, audience: &str, now: Timestamp) -> SecretText {
    let levels = session.proofs.levels();
    let lifetime = env.settings.access_lifetime;
    let expires_at = now.plus(lifetime).min(session.expires_at);
    let claims = Claims {
        iss: env.settings.public_url.clone(),
        sub: session.user,
        sid: session.id,
        aud: audience.to_owned(),
        iat: now.seconds(),
        exp: expires_at.seconds(),
        jti: BASE64URL_NOPAD.encode(&env.random::<16>()),
        auth_time: session.proofs.authenticated_at().seconds(),
        acr: session.proofs.level().acr(),
        amr: session.proofs.amr().into_iter().map(str::to_owned).collect(),
        levels: LevelClaims {
            aal2: levels.aal2.map(Timestamp::seconds),
            phishing_resistant: levels.phishing_resistant.map(Timestamp::seconds),
            aal3: levels.aal3.map(Timestamp::seconds),
        },
        generation: session.secrets,
    };
    env.tokens().sign(&claims)
}

/// All tokens of a session whose refresh token has the random part `random`.
pub(crate) fn hand_out(
    env: &Env,
    session: Session,
    account: Account,
    random: [u8; 32],
    now: Timestamp,
) -> Tokens {
    let refresh = Refresh::new(session.id, session.generation, random);
    Tokens {
        access_token: access_token(env, &session, &env.settings.public_url, now),
        expires_in: env.settings.access_lifetime,
        refresh_token: refresh.issue(&env.ring()),
        session,
        account,
        device_token: None,
    }
}

impl Tokens {
    /// With a token that makes the device known.
    pub(crate) fn with_device(self, env: &Env, known: bool, now: Timestamp) -> Self {
        if known { self } else { self.on_device(env, env.random(), now) }
    }

    /// With a token that makes the device `id` known.
    pub(crate) fn on_device(mut self, env: &Env, id: [u8; 16], now: Timestamp) -> Self {
        let device = Device { user: self.account.id, id, issued_at: now };
        self.device_token = Some(device.seal(&env.ring(), env.random()));
        self
    }
}
