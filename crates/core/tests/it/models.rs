//! Which models the metadata call broken.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use nightlatch_core::{
    MethodId, Timestamp, UserId,
    audit::Reason,
    factors::webauthn::{
        Aaguid, CredentialKind, Refused, RegistrationResponse, Verifier, is_compromised_model,
        mds::{Blob, Signer},
    },
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use serde_json::{Value, json};

use crate::{
    device::Device,
    webauthn::{ORIGIN, ceremony, party},
};

/// 15 June 2026.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_781_481_600);
const BROKEN: Aaguid = Aaguid([0x11; 16]);
const FINE: Aaguid = Aaguid([0x22; 16]);
const KEY: [u8; 20] = [0x33; 20];

fn certificate(ca: bool) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params.is_ca = if ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
    params
}

/// A blob with these entries, signed by a service of the tests' own.
fn blob(entries: &Value) -> Blob {
    let root = CertifiedIssuer::self_signed(certificate(true), KeyPair::generate().unwrap());
    let (root, key) = (root.unwrap(), KeyPair::generate().unwrap());
    let signer = certificate(false).signed_by(&key, &root).unwrap();
    let header = json!({ "alg": "ES256", "typ": "JWT", "x5c": [BASE64.encode(signer.der())] });
    let payload = json!({ "no": 1, "nextUpdate": "2026-07-01", "entries": entries });
    let [header, payload] =
        [header, payload].map(|part| BASE64URL_NOPAD.encode(part.to_string().as_bytes()));
    let message = format!("{header}.{payload}");
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.serialized_der()).unwrap();
    let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    let jwt = format!("{message}.{}", BASE64URL_NOPAD.encode(signature.as_ref()));
    let (root, now) = (root.der().to_vec(), u64::try_from(NOW.seconds()).unwrap());
    Blob::verify(jwt.as_bytes(), &Signer { root: &root, host: None }, now, None).unwrap()
}

pub(crate) fn metadata() -> Blob {
    blob(&json!([
        {
            "aaguid": "11111111-1111-1111-1111-111111111111",
            "statusReports": [{ "status": "REVOKED", "effectiveDate": "2026-06-01" }],
            "timeOfLastStatusChange": "2026-06-01",
        },
        {
            "aaguid": "22222222-2222-2222-2222-222222222222",
            "statusReports": [{ "status": "FIDO_CERTIFIED" }],
            "timeOfLastStatusChange": "2026-01-05",
        },
        {
            "attestationCertificateKeyIdentifiers": ["33".repeat(20)],
            "statusReports": [{ "status": "USER_KEY_REMOTE_COMPROMISE" }],
            "timeOfLastStatusChange": "2026-01-05",
        },
    ]))
}

#[test]
fn a_model_is_broken_by_its_aaguid_or_by_the_key_that_attests_it() {
    let blob = metadata();
    for (aaguid, key, broken) in [
        (BROKEN, None, true),
        (FINE, None, false),
        (Aaguid([0x44; 16]), None, false),
        (Aaguid::ZERO, None, false),
        (Aaguid::ZERO, Some(&KEY[..]), true),
        (Aaguid::ZERO, Some(&[0x44; 20][..]), false),
        (Aaguid::ZERO, Some(&KEY[..19]), false),
    ] {
        let found = is_compromised_model(&blob, aaguid, key, NOW);
        assert_eq!(found, broken, "{aaguid:?}, {key:?}");
    }
    let before = Timestamp::from_seconds(NOW.seconds() - 30 * 86_400);
    assert!(!is_compromised_model(&blob, BROKEN, None, before), "not yet");
}

#[test]
fn an_authenticator_of_a_broken_model_is_not_enrolled() {
    let (blob, party, ceremony) = (metadata(), party(), ceremony(1));
    let asked = json!({
        "challenge": BASE64URL_NOPAD.encode(&ceremony.challenge),
        "rp": { "id": party.id },
        "user": { "id": BASE64URL_NOPAD.encode(&[1; 16]) },
    });
    for (aaguid, metadata, refused) in
        [(BROKEN, Some(&blob), true), (FINE, Some(&blob), false), (BROKEN, None, false)]
    {
        let device = Device { aaguid: aaguid.0, ..Device::platform(ORIGIN) };
        let (_, answer) = device.create(&asked);
        let answer = RegistrationResponse::from_json(answer.to_string().as_bytes()).unwrap();
        let ids = (UserId::from_bytes([1; 16]), MethodId::from_bytes([2; 16]));
        let verifier = Verifier { party: &party, highest: &[], metadata };
        let record = (ids.0, ids.1, CredentialKind::Passkey);
        let enrolled = verifier.enrol(&ceremony, &answer, record, NOW);
        assert_eq!(enrolled.is_err(), refused);
        if let Err(error) = enrolled {
            assert_eq!((error, error.reason()), (Refused::Compromised, Reason::CompromisedModel));
        }
    }
}
