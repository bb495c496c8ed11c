//! Answers that are wrong, or right in an unusual way, to both relying parties.
//!
//! A row where both agree is a check that ours is neither looser nor stricter than it says; a row
//! where they differ carries the reason.

use nightlatch_webauthn::{Algorithm, base64url};
use serde_json::json;

use super::counterpart::Counterpart;
use crate::authenticator::{
    AT, BE, BS, CHALLENGE, CREDENTIAL_ID, Cbor, Create, ED, Get, SigningKey, UP, UV, sha256,
};

/// What the two relying parties say to an answer.
#[derive(Debug, PartialEq, Eq)]
enum Verdicts {
    Accepted,
    Refused,
    /// We refuse and they accept, for this reason.
    WeRefuse(&'static str),
    /// We accept and they refuse, for this reason.
    TheyRefuse(&'static str),
}
use Verdicts::{Accepted, Refused, TheyRefuse, WeRefuse};

impl Verdicts {
    const fn ours(&self) -> bool {
        matches!(self, Accepted | TheyRefuse(_))
    }

    const fn theirs(&self) -> bool {
        matches!(self, Accepted | WeRefuse(_))
    }
}

type Rows<T> = Vec<(&'static str, Verdicts, fn(&mut T))>;

fn client_data() -> Rows<Create> {
    vec![
        ("as it should be", Accepted, |_| ()),
        ("another type", Refused, |it| it.client_data.set("type", json!("webauthn.get"))),
        ("no type", Refused, |it| it.client_data.remove("type")),
        ("another challenge", Refused, |it| it.client_data.set("challenge", json!("AAAA"))),
        ("another origin", Refused, |it| {
            it.client_data.set("origin", json!("https://example.com"));
        }),
        ("a subdomain", Refused, |it| it.client_data.set("origin", json!("https://a.example.org"))),
        ("another port", Refused, |it| {
            it.client_data.set("origin", json!("https://example.org:1"));
        }),
        ("http", Refused, |it| it.client_data.set("origin", json!("http://example.org"))),
        ("an iframe", Refused, |it| it.client_data.set("crossOrigin", json!(true))),
        ("a page around it", WeRefuse(TOP_ORIGIN), |it| {
            it.client_data.set("topOrigin", json!("https://example.com"));
        }),
        ("a slash after the origin", WeRefuse(URL), |it| {
            it.client_data.set("origin", json!("https://example.org/"));
        }),
        ("an origin in capitals", WeRefuse(URL), |it| {
            it.client_data.set("origin", json!("HTTPS://EXAMPLE.ORG"));
        }),
        ("a member twice", Refused, |it| it.client_data.add("type", json!("webauthn.create"))),
        ("an unknown member twice", WeRefuse(DUPLICATES), |it| {
            it.client_data.add("x", json!(1));
            it.client_data.add("x", json!(2));
        }),
        ("an unknown member", Accepted, |it| it.client_data.add("x", json!({}))),
        ("a byte order mark", TheyRefuse(BOM), |it| {
            let text = it.client_data.write();
            it.client_data.raw = Some(["\u{feff}".as_bytes(), &text].concat());
        }),
    ]
}

fn attestation_objects() -> Rows<Create> {
    vec![
        ("another RP ID", Refused, |it| it.auth_data.rp_id_hash = sha256(b"example.com")),
        ("nobody present", Refused, |it| it.auth_data.flags = UV | AT),
        ("nobody verified", Refused, |it| it.auth_data.flags = UP | AT),
        ("synced", Accepted, |it| it.auth_data.flags = UP | UV | AT | BE | BS),
        ("backed up without being eligible", Refused, |it| it.auth_data.flags = UP | UV | AT | BS),
        ("no credential", Refused, |it| {
            it.auth_data.flags = UP | UV;
            it.auth_data.attested = None;
        }),
        ("bytes after the authenticator data", WeRefuse(TRAILING), |it| {
            it.auth_data.tail = vec![0];
        }),
        ("extensions", Accepted, |it| {
            it.auth_data.flags |= ED;
            it.auth_data.tail = Cbor::Map(vec![(Cbor::text("credProtect"), Cbor::Int(2))]).write();
        }),
        ("bytes after the attestation object", Refused, |it| it.tail = vec![0]),
        ("a fourth entry", WeRefuse(ENTRIES), |it| {
            it.entries = vec![(Cbor::text("x"), Cbor::Int(1))];
        }),
        ("an entry twice", Refused, |it| {
            it.entries = vec![(Cbor::text("fmt"), Cbor::text("none"))];
        }),
        ("a statement for none", WeRefuse(NONE), |it| {
            it.statement = Some(Cbor::Map(vec![(Cbor::text("x"), Cbor::Int(1))]));
        }),
        ("no statement", Refused, |it| it.statement = None),
        ("an unknown format", Refused, |it| it.format = Cbor::text("unheard-of")),
        ("another id", WeRefuse(RAW_ID), |it| it.raw_id = b"another one".to_vec()),
        ("an id of 1024 bytes", WeRefuse(LONG_ID), |it| {
            it.raw_id = vec![7; 1024];
            if let Some((_, id, _)) = &mut it.auth_data.attested {
                *id = vec![7; 1024];
            }
        }),
        ("id is not rawId", WeRefuse(RAW_ID), |it| it.json = |json| json["id"] = json!("AAAA")),
        ("another credential type", WeRefuse(TYPE), |it| {
            it.json = |json| json["type"] = json!("password");
        }),
        ("padding", WeRefuse(PADDING), |it| {
            it.json = |json| json["rawId"] = json!("b25lIGNyZWRlbnRpYWwncw==");
        }),
        ("off the curve", Refused, |it| {
            if let Some((_, _, Cbor::Map(key))) = &mut it.auth_data.attested {
                key.last_mut().unwrap().1 = Cbor::bytes(&[7; 32]);
            }
        }),
    ]
}

fn authentications() -> Rows<Get<'static>> {
    vec![
        ("as it should be", Accepted, |_| ()),
        ("another type", Refused, |it| it.client_data.set("type", json!("webauthn.create"))),
        ("another challenge", Refused, |it| it.client_data.set("challenge", json!("AAAA"))),
        ("another origin", Refused, |it| {
            it.client_data.set("origin", json!("https://example.com"));
        }),
        ("an iframe", WeRefuse(CROSS_ORIGIN), |it| it.client_data.set("crossOrigin", json!(true))),
        ("a page around it", WeRefuse(TOP_ORIGIN), |it| {
            it.client_data.set("topOrigin", json!("https://example.com"));
        }),
        ("another RP ID", Refused, |it| it.auth_data.rp_id_hash = sha256(b"example.com")),
        ("nobody present", Refused, |it| it.auth_data.flags = UV),
        ("nobody verified", Refused, |it| it.auth_data.flags = UP),
        ("eligible now", Refused, |it| it.auth_data.flags = UP | UV | BE),
        ("backed up without being eligible", Refused, |it| it.auth_data.flags = UP | UV | BS),
        ("other client data were signed", Refused, |it| {
            it.signed_client_data = Some(b"{}".to_vec());
        }),
        ("a bit of the signature", Refused, |it| {
            it.signature = |signature| *signature.last_mut().unwrap() ^= 1;
        }),
        ("bytes after the signature", Refused, |it| it.signature = |signature| signature.push(0)),
        ("no signature", Refused, |it| it.signature = Vec::clear),
        ("the user handle of another account", WeRefuse(USER_HANDLE), |it| {
            it.user_handle = Some(b"somebody else".to_vec());
        }),
        ("no user handle", Accepted, |it| it.user_handle = None),
        ("another credential", Refused, |it| it.raw_id = b"another one".to_vec()),
        ("id is not rawId", WeRefuse(RAW_ID), |it| it.json = |json| json["id"] = json!("AAAA")),
        ("a counter that stayed", TheyRefuse(COUNTER), |it| it.auth_data.counter = 7),
        ("a counter that fell", TheyRefuse(COUNTER), |it| it.auth_data.counter = 6),
        ("bytes after the authenticator data", WeRefuse(TRAILING), |it| {
            it.auth_data.tail = vec![0];
        }),
        ("extensions announced and not there", Refused, |it| it.auth_data.flags |= ED),
        ("extensions that are no map", Refused, |it| {
            it.auth_data.flags |= ED;
            it.auth_data.tail = vec![0x01];
        }),
        ("reserved flags", Accepted, |it| it.auth_data.flags |= 0x22),
    ]
}

const TOP_ORIGIN: &str = "they do not read topOrigin; both ceremonies ask for a check";
const CROSS_ORIGIN: &str =
    "they look at crossOrigin at registration alone; both ceremonies ask for it";
const URL: &str = "they compare origins as URLs, which have several forms; browsers send one";
const DUPLICATES: &str = "the last or first member wins, and which one depends on the reader";
const BOM: &str = "the client data are read by UTF-8 decode, which drops a byte order mark";
const TRAILING: &str = "nothing vouches for bytes that no reader looks at";
const PADDING: &str = "WebAuthn's base64url has no padding";
const ENTRIES: &str = "the attestation object has three entries (§6.5.4)";
const NONE: &str = "the statement of none is an empty map (§8.7)";
const RAW_ID: &str = "they take the attested id and do not look at the one that was sent";
const LONG_ID: &str = "an id has at most 1023 bytes";
const TYPE: &str = "they do not look at the credential's type";
const USER_HANDLE: &str = "they leave the user handle to the caller";
const COUNTER: &str = "the specification leaves it to policy: we report it, and they refuse";

/// What is not as the row says.
fn difference(
    name: &str,
    expected: &Verdicts,
    ours: &Result<(), String>,
    theirs: &Result<(), String>,
) -> Option<String> {
    let as_expected = (ours.is_ok(), theirs.is_ok()) == (expected.ours(), expected.theirs());
    (!as_expected).then(|| format!("{name}: {expected:?}; we say {ours:?}, they say {theirs:?}"))
}

#[test]
fn registrations_are_judged_alike_where_no_reason_is_given() {
    let counterpart = Counterpart::new("example.org", "https://example.org", true);
    let key = SigningKey::generate(Algorithm::Es256);
    let mut differences = Vec::new();
    for (name, expected, spoil) in client_data().into_iter().chain(attestation_objects()) {
        let mut ceremony = Create::new(&key);
        spoil(&mut ceremony);
        let answer = ceremony.answer().to_string();
        let theirs = counterpart.register(&base64url::encode(&CHALLENGE), answer.as_bytes());
        let ours = ceremony.verify().map(drop).map_err(|refused| refused.to_string());
        differences.extend(difference(name, &expected, &ours, &theirs.map(drop)));
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

#[test]
fn authentications_are_judged_alike_where_no_reason_is_given() {
    let counterpart = Counterpart::new("example.org", "https://example.org", true);
    let challenge = base64url::encode(&CHALLENGE);
    // The rows are functions without a lifetime to name, and a test may leak a key.
    let key: &'static SigningKey = Box::leak(Box::new(SigningKey::generate(Algorithm::Es256)));
    let registered = Create::new(key).answer().to_string();
    let mut credential = counterpart.register(&challenge, registered.as_bytes()).unwrap();
    assert_eq!(credential.cred_id.as_slice(), CREDENTIAL_ID);
    let mut differences = Vec::new();
    for (name, expected, spoil) in authentications() {
        let mut ceremony = Get::new(key);
        spoil(&mut ceremony);
        credential.counter = ceremony.stored_count;
        let state = counterpart.expect(&challenge, &credential);
        let theirs = counterpart.authenticate(&state, ceremony.answer().to_string().as_bytes());
        let ours = ceremony.verify().map(drop).map_err(|refused| refused.to_string());
        differences.extend(difference(name, &expected, &ours, &theirs));
    }
    assert!(differences.is_empty(), "{differences:#?}");
}
