//! What a whole ES256 assertion costs, from its JSON to the verdict, beside the signature check that
//! it cannot do without, and beside webauthn-rs-core on the same assertion.
//!
//! The three take turns in short rounds, so that whatever else the machine does hits all of them,
//! and the medians of the rounds' ratios are what counts. With `--json`, one object for programs.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program that measures: it prints, and a panic is its report"
)]

#[path = "../tests/it/differential/counterpart.rs"]
mod counterpart;

use std::{
    hint::black_box,
    process::ExitCode,
    time::{Duration, Instant},
};

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey},
};
use nightlatch_webauthn::{
    Authentication, AuthenticationResponse, RelyingParty, StoredCredential, UserVerification,
    base64url,
};
use serde_json::{Value, json};

use crate::counterpart::Counterpart;

const ROUNDS: usize = 41;
const CALLS_A_ROUND: u32 = 200;

/// How often the time of the bare check a whole assertion may take.
const TARGET: f64 = 1.5;

fn main() -> ExitCode {
    let as_json = std::env::args().any(|arg| arg == "--json");
    let vector = Vector::read();
    let mut bare = vector.bare();
    let mut ours = vector.ours();
    let mut theirs = vector.theirs();
    let rounds: Vec<[f64; 3]> =
        (0..ROUNDS).map(|_| [time(&mut bare), time(&mut ours), time(&mut theirs)]).collect();
    let [bare, ours, theirs] = [0, 1, 2].map(|which| median(rounds.iter().map(|it| it[which])));
    let over_bare = median(rounds.iter().map(|it| it[1] / it[0]));
    let over_theirs = median(rounds.iter().map(|it| it[1] / it[2]));
    if as_json {
        let result = json!({
            "benchmark": "es256_assertion",
            "microseconds": { "bare": bare, "nightlatch": ours, "webauthn_rs_core": theirs },
            "over_bare": over_bare,
            "over_webauthn_rs_core": over_theirs,
            "target_over_bare": TARGET,
        });
        println!("{result}");
    } else {
        println!("A whole ES256 assertion, JSON to verdict (medians of {ROUNDS} rounds)");
        println!("  bare signature check   {bare:8.1} µs");
        println!("  nightlatch-webauthn    {ours:8.1} µs   {over_bare:.3} x the bare check");
        println!("  webauthn-rs-core       {theirs:8.1} µs   we take {over_theirs:.3} x its time");
    }
    if over_bare <= TARGET && over_theirs < 1.0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Microseconds a call.
fn time(call: &mut impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..CALLS_A_ROUND).for_each(|_| call());
    let spent: Duration = start.elapsed() / CALLS_A_ROUND;
    spent.as_secs_f64() * 1e6
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The first of the official test vectors.
struct Vector {
    fields: Value,
    registration: String,
    authentication: String,
    public_key: Vec<u8>,
}

impl Vector {
    fn read() -> Self {
        let file = include_str!("../tests/vectors/webauthn-l3.json");
        let file: Value = serde_json::from_str(file).unwrap();
        let vector = file["vectors"][0].clone();
        let registration = vector["registration_response_json"].to_string();
        let authentication = vector["authentication_response_json"].to_string();
        let object = bytes(&vector["registration"]["attestationObject"]);
        // The key is the last thing in the attestation object, and has a fixed size.
        let public_key = object[object.len() - 77..].to_vec();
        Self { fields: vector, registration, authentication, public_key }
    }

    /// What aws-lc-rs does, with the signed bytes and the key's point at hand.
    fn bare(&self) -> impl FnMut() {
        let answer = &self.fields["authentication"];
        let hash = digest(&SHA256, &bytes(&answer["clientDataJSON"]));
        let signed = [&bytes(&answer["authenticatorData"]), hash.as_ref()].concat();
        let signature = bytes(&answer["signature"]);
        let (x, y) = (&self.public_key[10..42], &self.public_key[45..]);
        let point = [&[4], x, y].concat();
        move || {
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, black_box(&point));
            key.verify(black_box(&signed), black_box(&signature)).unwrap();
        }
    }

    fn ours(&self) -> impl FnMut() {
        let relying_party = RelyingParty {
            id: "example.org".to_owned(),
            origins: vec!["https://example.org".to_owned()],
            allow_cross_origin: false,
            top_origins: Vec::new(),
        };
        let challenge = bytes(&self.fields["authentication"]["challenge"]);
        let id = bytes(&self.fields["registration"]["credential_id"]);
        let allowed = vec![id.clone()];
        move || {
            let authentication = Authentication {
                relying_party: &relying_party,
                challenge: &challenge,
                user_verification: UserVerification::Preferred,
                allow_credentials: &allowed,
                user_identified: true,
                appid: None,
            };
            let stored = StoredCredential {
                id: &id,
                public_key: black_box(&self.public_key),
                sign_count: 0,
                backup_eligible: true,
                user_handle: None,
            };
            let answer = black_box(self.authentication.as_bytes());
            let response = AuthenticationResponse::from_json(answer).unwrap();
            black_box(authentication.verify(&response, &stored).unwrap());
        }
    }

    fn theirs(&self) -> impl FnMut() {
        let counterpart = Counterpart::new("example.org", "https://example.org", false);
        let challenge =
            |ceremony: &str| self.fields[ceremony]["challenge"]["b64u"].as_str().unwrap();
        let registration = self.registration.as_bytes();
        let credential = counterpart.register(challenge("registration"), registration).unwrap();
        let state = counterpart.expect(challenge("authentication"), &credential);
        move || {
            let answer = black_box(self.authentication.as_bytes());
            counterpart.authenticate(&state, answer).unwrap();
        }
    }
}

fn bytes(field: &Value) -> Vec<u8> {
    base64url::decode(field["b64u"].as_str().unwrap()).unwrap()
}
