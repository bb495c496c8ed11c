//! What browsers are asked for, at each kind of ceremony.

use nightlatch_core::factors::webauthn::{
    AuthenticatorAttachment, Credential, CredentialKind, Person, Wanted, base64url,
    creation_options, request_options,
};
use serde_json::{Value, json};

use crate::{
    device::Device,
    webauthn::{ORIGIN, USER, ceremony, credential, party},
};

const KINDS: [CredentialKind; 2] = CredentialKind::ALL;

fn of_kind(kind: CredentialKind) -> Credential {
    Credential { kind, ..credential(&Device::synced(ORIGIN)) }
}

fn create(wanted: Wanted<'_>, name: Option<&str>, existing: &[Credential]) -> Value {
    let person = Person { id: USER, email: "ada@example.org", name };
    let options = creation_options(&party(), &ceremony(1), person, wanted, existing);
    serde_json::to_value(options).unwrap()
}

fn wanted(kind: CredentialKind) -> Wanted<'static> {
    Wanted { kind, attachment: None, service: "Example", attested: false }
}

fn get(allowed: &[Credential]) -> Value {
    serde_json::to_value(request_options(&party(), &ceremony(1), allowed)).unwrap()
}

fn descriptor(credential: &Credential) -> Value {
    let id = base64url::encode(&credential.id);
    json!({ "type": "public-key", "id": id, "transports": ["internal"] })
}

#[test]
fn a_new_credential_is_asked_for_in_the_words_of_its_account() {
    for kind in KINDS {
        let options = create(wanted(kind), None, &[]);
        assert_eq!(options["rp"], json!({ "id": "id.example.org", "name": "Example" }));
        let id = base64url::encode(USER.as_bytes());
        let email = "ada@example.org";
        assert_eq!(options["user"], json!({ "id": id, "name": email, "displayName": email }));
        assert_eq!(options["challenge"], json!(base64url::encode(&[1; 32])));
        assert_eq!(
            (&options["timeout"], &options["extensions"]["credProps"]),
            (&json!(300_000), &json!(true))
        );
        assert_eq!(options.get("excludeCredentials"), None);
        assert_eq!(options.get("attestation"), None);
    }
    let named = create(wanted(CredentialKind::Passkey), Some("Ada"), &[]);
    assert_eq!(named["user"]["displayName"], json!("Ada"));
}

#[test]
fn a_passkey_is_discoverable_and_verifies_its_owner_where_it_can() {
    let passkey =
        |attachment| create(Wanted { attachment, ..wanted(CredentialKind::Passkey) }, None, &[]);
    let selection = json!({
        "residentKey": "preferred",
        "requireResidentKey": false,
        "userVerification": "preferred",
    });
    let any = passkey(None);
    assert_eq!((&any["authenticatorSelection"], any.get("hints")), (&selection, None));
    for (attachment, name, hints) in [
        (AuthenticatorAttachment::Platform, "platform", Some(json!(["client-device"]))),
        (AuthenticatorAttachment::CrossPlatform, "cross-platform", None),
    ] {
        let mut selection = selection.clone();
        selection["authenticatorAttachment"] = json!(name);
        let options = passkey(Some(attachment));
        assert_eq!(options["authenticatorSelection"], selection);
        assert_eq!(options.get("hints"), hints.as_ref());
    }
}

#[test]
fn a_security_key_is_only_touched() {
    for attachment in [None, Some(AuthenticatorAttachment::Platform)] {
        let wanted = Wanted { attachment, ..wanted(CredentialKind::SecurityKey) };
        let options = create(wanted, None, &[]);
        let selection = json!({
            "authenticatorAttachment": "cross-platform",
            "residentKey": "discouraged",
            "requireResidentKey": false,
            "userVerification": "discouraged",
        });
        assert_eq!(options["authenticatorSelection"], selection);
        assert_eq!(options["hints"], json!(["security-key"]));
    }
}

#[test]
fn who_made_an_authenticator_is_asked_where_it_matters() {
    for kind in KINDS {
        let options = create(Wanted { attested: true, ..wanted(kind) }, None, &[]);
        assert_eq!(options["attestation"], json!("direct"));
    }
}

#[test]
fn no_credential_is_made_twice() {
    let existing = KINDS.map(of_kind);
    let options = create(wanted(CredentialKind::Passkey), None, &existing);
    assert_eq!(options["excludeCredentials"], json!(existing.each_ref().map(descriptor)));
}

#[test]
fn a_sign_in_asks_for_any_passkey_or_for_those_of_the_account() {
    let [passkey, key] = KINDS.map(of_kind);
    for (allowed, verification, hints) in [
        (vec![], "preferred", None),
        (vec![passkey.clone()], "preferred", None),
        (vec![key.clone(), passkey], "preferred", None),
        (vec![key], "discouraged", Some(json!(["security-key"]))),
    ] {
        let options = get(&allowed);
        assert_eq!(options["rpId"], json!("id.example.org"));
        assert_eq!(options["challenge"], json!(base64url::encode(&[1; 32])));
        assert_eq!(options["timeout"], json!(300_000));
        assert_eq!(options["userVerification"], json!(verification));
        assert_eq!(options.get("hints"), hints.as_ref());
        let listed = options.get("allowCredentials").cloned().unwrap_or(json!([]));
        assert_eq!(listed, json!(allowed.iter().map(descriptor).collect::<Vec<_>>()));
    }
}
