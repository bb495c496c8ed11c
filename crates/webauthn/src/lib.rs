//! A relying party for [WebAuthn Level 3](https://www.w3.org/TR/webauthn-3/): it verifies what
//! authenticators prove.
//!
//! It has no I/O, no clock and no randomness, keeps nothing, and knows no users. A caller brings the
//! challenge, the time and the credential record, and gets back a value that says all there is to
//! know, or the step of the specification that did not hold.
//!
//! # Registering a credential
//!
//! The server makes a challenge, keeps it with the account and the options, and sends the options to
//! `navigator.credentials.create()`; the browser sends back what `toJSON()` makes of the result.
//!
//! ```
//! use nightlatch_webauthn::{
//!     Algorithm, AttestationPolicy, CreationOptions, Registration, RegistrationResponse,
//!     RelyingParty,
//!     options::{AuthenticatorSelection, Challenge, ResidentKey, RpEntity, UserEntity, UserHandle},
//! };
//!
//! # const ID: &str = concat!(
//! #     "-R85HbTJsv3g6nAYnLo_tj9Xm6YSKzOtlP8-wzAIS-Q",
//! # );
//! # const CLIENT_DATA: &str = concat!(
//! #     "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwiY2hhbGxlbmdlIjoiQU1NUHQ0VXh4R1RTdG5jZHE0MTdZRHdC",
//! #     "Rmk4dnBJYS1wdzhvT3VWVzRUQSIsIm9yaWdpbiI6Imh0dHBzOi8vZXhhbXBsZS5vcmciLCJjcm9zc09yaWdp",
//! #     "biI6ZmFsc2UsImV4dHJhRGF0YSI6ImNsaWVudERhdGFKU09OIG1heSBiZSBleHRlbmRlZCB3aXRoIGFkZGl0",
//! #     "aW9uYWwgZmllbGRzIGluIHRoZSBmdXR1cmUsIHN1Y2ggYXMgdGhpczogQmtRZURqZGNUQnJYQmlBd0pUTEU1",
//! #     "USJ9",
//! # );
//! # const ATTESTATION_OBJECT: &str = concat!(
//! #     "o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YVikv6vDdDKViwYzYNOtZGHJxHNa5_jt1GWSpeDwFFKy5LVZ",
//! #     "AAAAAIRGzLmrHbN0dQsjZ_9vOh8AIPkfOR20ybL94OpwGJy6P7Y_V5umEiszrZT_PsMwCEvkpQECAyYgASFY",
//! #     "IK_voW-XypstI-uGzLZAmNINuQhWBi6yScM6m2cvJt9hIlggkwpWuHovymYzSwNFir-",
//! #     "HlxfBLMaO1zKQry4mZHlrkiA",
//! # );
//! # fn stored_challenge() -> Vec<u8> {
//! #     nightlatch_webauthn::base64url::decode("AMMPt4UxxGTStncdq417YDwBFi8vpIa-pw8oOuVW4TA").unwrap()
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // 1. Ask.
//! let challenge = stored_challenge(); // At least 16 random bytes, made for this ceremony.
//! let rp = RpEntity { id: "example.org".into(), name: "Example".into() };
//! let user = UserEntity {
//!     id: UserHandle::new(b"c2f1a5d0")?, // Random, without a name in it.
//!     name: "ada@example.org".into(),
//!     display_name: "Ada".into(),
//! };
//! let options = CreationOptions {
//!     authenticator_selection: AuthenticatorSelection {
//!         resident_key: ResidentKey::Preferred,
//!         ..AuthenticatorSelection::default()
//!     },
//!     ..CreationOptions::new(rp, user, Challenge::new(&challenge)?)
//! };
//! let for_the_browser = serde_json::to_string(&options)?;
//! # assert!(for_the_browser.contains(r#""residentKey":"preferred""#));
//!
//! // 2. Verify the answer; here it is the official test vector `none.ES256`.
//! let relying_party = RelyingParty {
//!     id: "example.org".into(),
//!     origins: vec!["https://example.org".into()],
//!     allow_cross_origin: false,
//!     top_origins: vec![],
//! };
//! let answer = format!(
//!     r#"{{
//!         "id": "{ID}", "rawId": "{ID}", "type": "public-key",
//!         "response": {{
//!             "clientDataJSON": "{CLIENT_DATA}",
//!             "attestationObject": "{ATTESTATION_OBJECT}",
//!             "transports": ["internal"]
//!         }},
//!         "clientExtensionResults": {{}}
//!     }}"#
//! );
//! let registration = Registration {
//!     relying_party: &relying_party,
//!     challenge: &challenge,
//!     user_verification: options.authenticator_selection.user_verification,
//!     conditional: false,
//!     algorithms: &options.pub_key_cred_params,
//!     attestation: AttestationPolicy::NOT_NEEDED,
//! };
//! let registered = registration.verify(&RegistrationResponse::from_json(answer.as_bytes())?)?;
//!
//! // 3. Keep the record, unless some account has a credential of this id already.
//! assert_eq!(registered.algorithm, Algorithm::Es256);
//! assert!(registered.flags.backup_eligible() && !registered.flags.user_verified());
//! let record = (registered.credential_id, registered.public_key, registered.sign_count);
//! # Ok(())
//! # }
//! ```
//!
//! # Authenticating
//!
//! ```
//! use nightlatch_webauthn::{
//!     Authentication, AuthenticationResponse, Counter, RelyingParty, RequestOptions,
//!     StoredCredential,
//!     options::{Challenge, CredentialDescriptor},
//! };
//!
//! # const ID: &str = concat!(
//! #     "-R85HbTJsv3g6nAYnLo_tj9Xm6YSKzOtlP8-wzAIS-Q",
//! # );
//! # const PUBLIC_KEY: &str = concat!(
//! #     "pQECAyYgASFYIK_voW-XypstI-uGzLZAmNINuQhWBi6yScM6m2cvJt9hIlggkwpWuHovymYzSwNFir-",
//! #     "HlxfBLMaO1zKQry4mZHlrkiA",
//! # );
//! # const CLIENT_DATA: &str = concat!(
//! #     "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoiT2NEblVoUVh1bFRVUG8zSlVYVDBJOTdwdnp6",
//! #     "WUJQOXRaY2hYeWF2MDFBZyIsIm9yaWdpbiI6Imh0dHBzOi8vZXhhbXBsZS5vcmciLCJjcm9zc09yaWdpbiI6",
//! #     "ZmFsc2V9",
//! # );
//! # const AUTHENTICATOR_DATA: &str = concat!(
//! #     "v6vDdDKViwYzYNOtZGHJxHNa5_jt1GWSpeDwFFKy5LUZAAAAAA",
//! # );
//! # const SIGNATURE: &str = concat!(
//! #     "MEYCIQD1Ck4uRAkknEqFO6NhKC8JhB303UVHoTqHeAIY3v_NOAIhAISArA8Lk1OBdPV1vxGh3V14xuSGAT-",
//! #     "TcpXqE2U-Mx6H",
//! # );
//! # fn bytes(text: &str) -> Vec<u8> {
//! #     nightlatch_webauthn::base64url::decode(text).unwrap()
//! # }
//! # fn stored_challenge() -> Vec<u8> {
//! #     bytes("OcDnUhQXulTUPo3JUXT0I97pvzzYBP9tZchXyav01Ag")
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // 1. Ask: the person has said who they are, so their credentials are known.
//! let challenge = stored_challenge();
//! let (id, public_key) = (bytes(ID), bytes(PUBLIC_KEY)); // From the credential record.
//! let descriptor = CredentialDescriptor { id: id.as_slice().into(), transports: vec![] };
//! let options = RequestOptions {
//!     allow_credentials: vec![descriptor],
//!     ..RequestOptions::new("example.org".into(), Challenge::new(&challenge)?)
//! };
//! let for_the_browser = serde_json::to_string(&options)?;
//! # assert!(for_the_browser.contains(r#""rpId":"example.org""#));
//!
//! // 2. Verify the answer against the record of the credential that it names.
//! # let relying_party = RelyingParty {
//! #     id: "example.org".into(),
//! #     origins: vec!["https://example.org".into()],
//! #     allow_cross_origin: false,
//! #     top_origins: vec![],
//! # };
//! let answer = format!(
//!     r#"{{
//!         "id": "{ID}", "rawId": "{ID}", "type": "public-key",
//!         "response": {{
//!             "clientDataJSON": "{CLIENT_DATA}",
//!             "authenticatorData": "{AUTHENTICATOR_DATA}",
//!             "signature": "{SIGNATURE}",
//!             "userHandle": null
//!         }},
//!         "clientExtensionResults": {{}}
//!     }}"#
//! );
//! let response = AuthenticationResponse::from_json(answer.as_bytes())?;
//! let authentication = Authentication {
//!     relying_party: &relying_party,
//!     challenge: &challenge,
//!     user_verification: options.user_verification,
//!     allow_credentials: &[id.clone()],
//!     user_identified: true,
//!     appid: None,
//! };
//! let stored = StoredCredential {
//!     id: &id, // Found by `response.raw_id`.
//!     public_key: &public_key,
//!     sign_count: 0,
//!     backup_eligible: true,
//!     user_handle: Some(b"c2f1a5d0"),
//! };
//! let authenticated = authentication.verify(&response, &stored)?;
//!
//! // 3. Decide on what was proved, and update the record.
//! assert!(authenticated.flags.user_present() && !authenticated.flags.user_verified());
//! assert_eq!(authenticated.counter, Counter::BothZero);
//! # Ok(())
//! # }
//! ```
//!
//! # What is checked
//!
//! Every step of §7.1 and §7.2 that can be checked without a record of all users; [`Step`] names
//! them. In particular, each of these fails a ceremony, whatever was asked for:
//!
//! - an answer with a duplicate member, base64url with padding, an `id` that is not its `rawId`;
//! - an origin that is not listed to the letter, an iframe or a page around it that is not expected;
//! - a user handle that is not the account's, or none where nobody was named before;
//! - CBOR with trailing bytes, duplicate keys, indefinite or overlong lengths, or nested deeply;
//! - an algorithm that was not offered, a key of the wrong kind, a point off its curve;
//! - an attestation statement that is wrong, even where no attestation is needed;
//! - a credential id that is over 1023 bytes, or not the one that was attested;
//! - backup state without backup eligibility, or an eligibility that changed.
//!
//! # What is left to the caller
//!
//! - **The challenge**: making it from good randomness, keeping it for one account, purpose and
//!   session, ending it after minutes, and *removing it when it is first presented*, whether the
//!   answer verifies or not.
//! - **The credential id**: that no user at all has one like it yet, asked of the store in the act of
//!   writing the record.
//! - **The account**: that the credential goes to the one that the options named, and that the record
//!   given to [`Authentication::verify`] is of the account that was named.
//! - **User verification**: what [`Flags::user_verified`] is worth. It is required only where
//!   [`UserVerification::Required`] is; a factor of its own it is only if the bit is set.
//! - **The counter**: [`Counter`] says whether it rose. One that fell is a sign of a cloned
//!   authenticator, and no proof.
//! - **Trust**: which attestation is good enough ([`AttestationPolicy`]); that a blob of the FIDO
//!   Metadata Service ([`mds`]) is fetched anew, and that models which it no longer vouches for are
//!   looked at again.
//! - **Silence**: a [`Refused`] is for the log. Whoever is being authenticated learns only that it
//!   failed.
//!
//! # Algorithms
//!
//! ES256, ES384, ES512, `EdDSA` on Ed25519, RS256 and PS256 ([`Algorithm`]), all by aws-lc. Ed448 is the
//! one exception among the specification's test vectors: no implementation of it is known that this
//! crate would rest a login on, so it is never offered and a key of it is refused.

pub mod attestation;
pub mod authentication;
pub mod authenticator_data;
pub mod base64url;
pub mod cbor;
pub mod client_data;
pub mod cose;
mod json;
pub mod mds;
pub mod options;
pub mod refused;
pub mod registration;
mod relying_party;
pub mod response;
mod x509;

pub use crate::{
    attestation::{
        Attestation, AttestationPolicy, AttestationType, Format, Model, ProgrammeRules,
        TrustAnchors,
    },
    authentication::{Authenticated, Authentication, Counter, StoredCredential},
    authenticator_data::{Aaguid, AuthenticatorData, Flags},
    cose::{Algorithm, PublicKey},
    options::{CreationOptions, RequestOptions},
    refused::{Refused, Step},
    registration::{Registered, Registration},
    relying_party::{RelyingParty, UserVerification},
    response::{AuthenticationResponse, ClientExtensionResults, RegistrationResponse},
};
