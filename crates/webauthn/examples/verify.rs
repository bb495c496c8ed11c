//! A line tool that lets any test suite drive this relying party: one ceremony a line in, one verdict
//! a line out, in order.
//!
//! A line of standard input is a JSON object; members that are not named here are ignored, and one
//! that may be left out may be `null` as well:
//!
//! | member | meaning |
//! |---|---|
//! | `id` | any value; it comes back with the verdict |
//! | `ceremony` | `"registration"` or `"authentication"` |
//! | `rp_id`, `origins` | the RP ID, and a list of the origins that may ask |
//! | `allow_cross_origin`, `top_origins` | whether an iframe may ask, and in which pages it may be; by default none |
//! | `challenge` | base64url |
//! | `user_verification` | `"required"`, `"preferred"` or `"discouraged"` |
//! | `credential` | the `RegistrationResponseJSON` or `AuthenticationResponseJSON` |
//! | `algorithms` | registration: the COSE numbers on offer, unknown ones ignored; by default or if empty, all that the crate knows |
//! | `conditional` | registration: whether `mediation` was `conditional` |
//! | `anchors`, `now` | registration: certificates to trust, DER in base64url; the time to judge them at, in seconds since 1970, by default the present |
//! | `require_trusted` | registration: whether an attestation that leads to no anchor is refused |
//! | `programme_rules` | registration: `zero_u2f_aaguid`, `known_tpm_manufacturer`, `full_chain`, each `true` or left out |
//! | `stored` | authentication: the record, `id`, `public_key` (a `COSE_Key`), `sign_count`, `backup_eligible` and perhaps `user_handle`; bytes in base64url |
//! | `allow_credentials` | authentication: the ids asked for, base64url; by default any |
//! | `user_identified` | authentication: whether the account was known before; by default it was |
//! | `appid` | authentication: the `AppID`, if that extension was asked for |
//!
//! The verdict is `{"id", "ok": true, "result": {..}}` or `{"id", "ok": false, "step", "error"}`. A
//! line that cannot be read gets one too, at the step `input`, with a `null` for an `id` that cannot
//! be told; no line stops the tool. It ends with its input.

use std::{
    io::{self, BufRead, Write},
    time::{SystemTime, UNIX_EPOCH},
};

use nightlatch_webauthn::{
    Algorithm, Attestation, AttestationPolicy, Authenticated, Authentication,
    AuthenticationResponse, ClientExtensionResults, Flags, ProgrammeRules, Refused, Registered,
    Registration, RegistrationResponse, RelyingParty, StoredCredential, UserVerification,
    base64url::{self, Bytes},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

/// The longest line, in bytes: a generous multiple of what any credential takes.
const MAX_LINE: usize = 4 * 1024 * 1024;

fn main() -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut output = io::stdout().lock();
    let mut line = Vec::new();
    while read_line(&mut input, &mut line)? {
        serde_json::to_writer(&mut output, &answer(&line))?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
    Ok(())
}

/// Reads the next line; of one that is too long, no more than shows that it is. `false` at the end.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX).saturating_add(1);
    let read = io::Read::take(&mut *input, limit).read_until(b'\n', line)?;
    if line.len() > MAX_LINE && line.last() != Some(&b'\n') {
        input.skip_until(b'\n')?;
    }
    Ok(read > 0)
}

/// One line of output.
#[derive(Serialize)]
struct Answer<'a> {
    id: Option<&'a RawValue>,
    ok: bool,
    #[serde(flatten)]
    verdict: Verdict,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Verdict {
    Verified { result: Value },
    Refused { step: &'static str, error: String },
}

/// Why a line gets no result.
enum Failure {
    Input(String),
    Ceremony(Refused),
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Ceremony(refused)
    }
}

fn answer(line: &[u8]) -> Answer<'_> {
    let (id, result) = match text(line) {
        Ok(text) => (id(text), verify(text)),
        Err(reason) => (None, Err(Failure::Input(reason.to_owned()))),
    };
    let ok = result.is_ok();
    let verdict = match result {
        Ok(result) => Verdict::Verified { result },
        Err(Failure::Input(error)) => Verdict::Refused { step: "input", error },
        Err(Failure::Ceremony(refused)) => {
            Verdict::Refused { step: refused.step.as_str(), error: refused.reason.to_owned() }
        }
    };
    Answer { id, ok, verdict }
}

fn text(line: &[u8]) -> Result<&str, &'static str> {
    if line.len() > MAX_LINE {
        return Err("the line is too long");
    }
    let text = std::str::from_utf8(line).map_err(|_| "the line is not UTF-8")?;
    // Without this, serde would take an array for the object's values.
    if text.trim_start().starts_with('{') { Ok(text) } else { Err("the line is no JSON object") }
}

/// The `id` of a line that may be wrong in any other way.
fn id(text: &str) -> Option<&RawValue> {
    #[derive(Deserialize)]
    struct Id<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
    }
    serde_json::from_str::<Id<'_>>(text).ok()?.id
}

/// One line of input. The credential stays text: read any other way, a duplicate member in it would
/// be lost.
#[derive(Deserialize)]
struct Line<'a> {
    ceremony: String,
    rp_id: String,
    origins: Vec<String>,
    top_origins: Option<Vec<String>>,
    allow_cross_origin: Option<bool>,
    challenge: Bytes,
    user_verification: UserVerification,
    #[serde(borrow)]
    credential: &'a RawValue,
    algorithms: Option<Vec<i64>>,
    conditional: Option<bool>,
    anchors: Option<Vec<Bytes>>,
    now: Option<u64>,
    require_trusted: Option<bool>,
    programme_rules: Option<Rules>,
    stored: Option<Stored>,
    allow_credentials: Option<Vec<Bytes>>,
    user_identified: Option<bool>,
    appid: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Rules {
    zero_u2f_aaguid: bool,
    known_tpm_manufacturer: bool,
    full_chain: bool,
}

#[derive(Deserialize)]
struct Stored {
    id: Bytes,
    public_key: Bytes,
    sign_count: u32,
    backup_eligible: bool,
    user_handle: Option<Bytes>,
}

fn verify(text: &str) -> Result<Value, Failure> {
    let line: Line<'_> =
        serde_json::from_str(text).map_err(|error| Failure::Input(error.to_string()))?;
    let relying_party = RelyingParty {
        id: line.rp_id.clone(),
        origins: line.origins.clone(),
        allow_cross_origin: line.allow_cross_origin.unwrap_or_default(),
        top_origins: line.top_origins.clone().unwrap_or_default(),
    };
    match line.ceremony.as_str() {
        "registration" => register(&line, &relying_party),
        "authentication" => authenticate(&line, &relying_party),
        _ => Err(Failure::Input("the ceremony is not known".to_owned())),
    }
}

fn register(line: &Line<'_>, relying_party: &RelyingParty) -> Result<Value, Failure> {
    let offered = line.algorithms.as_deref().filter(|offered| !offered.is_empty());
    let algorithms = offered.map_or_else(
        || Algorithm::ALL.to_vec(),
        |offered| offered.iter().copied().filter_map(Algorithm::from_id).collect(),
    );
    let anchors = plain(line.anchors.as_deref());
    let rules = line.programme_rules.as_ref();
    let registration = Registration {
        relying_party,
        challenge: line.challenge.as_ref(),
        user_verification: line.user_verification,
        conditional: line.conditional.unwrap_or_default(),
        algorithms: &algorithms,
        attestation: AttestationPolicy {
            anchors: &anchors,
            now: line.now.unwrap_or_else(now),
            require_trusted: line.require_trusted.unwrap_or_default(),
            rules: ProgrammeRules {
                zero_u2f_aaguid: rules.is_some_and(|rules| rules.zero_u2f_aaguid),
                known_tpm_manufacturer: rules.is_some_and(|rules| rules.known_tpm_manufacturer),
                full_chain: rules.is_some_and(|rules| rules.full_chain),
            },
        },
    };
    let response = RegistrationResponse::from_json(line.credential.get().as_bytes())?;
    Ok(registered(&registration.verify(&response)?))
}

fn authenticate(line: &Line<'_>, relying_party: &RelyingParty) -> Result<Value, Failure> {
    let stored = line.stored.as_ref();
    let stored = stored.ok_or_else(|| Failure::Input("missing field `stored`".to_owned()))?;
    let allow_credentials = plain(line.allow_credentials.as_deref());
    let authentication = Authentication {
        relying_party,
        challenge: line.challenge.as_ref(),
        user_verification: line.user_verification,
        allow_credentials: &allow_credentials,
        user_identified: line.user_identified.unwrap_or(true),
        appid: line.appid.as_deref(),
    };
    let stored = StoredCredential {
        id: stored.id.as_ref(),
        public_key: stored.public_key.as_ref(),
        sign_count: stored.sign_count,
        backup_eligible: stored.backup_eligible,
        user_handle: stored.user_handle.as_ref().map(AsRef::as_ref),
    };
    let response = AuthenticationResponse::from_json(line.credential.get().as_bytes())?;
    let authenticated = authentication.verify(&response, &stored)?;
    Ok(json!({
        "credential_id": base64url::encode(&response.raw_id),
        "user_handle": response.user_handle.as_deref().map(base64url::encode),
        "flags": flags(authenticated.flags),
        "sign_count": authenticated.sign_count,
        "counter": authenticated.counter.as_str(),
        "appid_used": authenticated.appid_used,
        "authenticator_attachment": authenticated.authenticator_attachment,
        "extensions": assertion_extensions(&authenticated),
    }))
}

fn registered(registered: &Registered) -> Value {
    json!({
        "credential_id": base64url::encode(&registered.credential_id),
        "public_key": base64url::encode(&registered.public_key),
        "algorithm": registered.algorithm.id(),
        "flags": flags(registered.flags),
        "sign_count": registered.sign_count,
        "aaguid": registered.aaguid.to_string(),
        "transports": registered.transports,
        "authenticator_attachment": registered.authenticator_attachment,
        "attestation": attestation(&registered.attestation),
        "extensions": extensions(
            &registered.client_extensions,
            registered.authenticator_extensions.as_deref(),
        ),
    })
}

fn assertion_extensions(authenticated: &Authenticated) -> Value {
    let authenticator = authenticated.authenticator_extensions.as_deref();
    extensions(&authenticated.client_extensions, authenticator)
}

fn attestation(attestation: &Attestation) -> Value {
    let trust_path = attestation.trust_path.iter();
    json!({
        "format": attestation.format.as_str(),
        "type": attestation.kind.as_str(),
        "trusted": attestation.trusted,
        "trust_path": trust_path.map(|der| base64url::encode(der)).collect::<Vec<_>>(),
    })
}

/// The client's outputs that the crate knows, less what is the person's secret, and the
/// authenticator's as they are.
fn extensions(client: &ClientExtensionResults, authenticator: Option<&[u8]>) -> Value {
    json!({
        "client": {
            "appid": client.appid,
            "cred_props": client.cred_props.as_ref().map(|props| json!({ "rk": props.rk })),
            "prf": client.prf.as_ref().map(|prf| json!({ "enabled": prf.enabled })),
        },
        "authenticator": authenticator.map(base64url::encode),
    })
}

fn flags(flags: Flags) -> Value {
    json!({
        "up": flags.user_present(),
        "uv": flags.user_verified(),
        "be": flags.backup_eligible(),
        "bs": flags.backup_state(),
    })
}

fn plain(list: Option<&[Bytes]>) -> Vec<Vec<u8>> {
    list.unwrap_or_default().iter().map(|bytes| bytes.0.clone()).collect()
}

/// The present, in seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the crate has no clock, so whoever uses it brings one"
)]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
