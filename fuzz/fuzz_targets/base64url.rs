//! Base64url: what is read is written the same, so that no bytes have two forms.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nightlatch_fuzz as _;
use nightlatch_webauthn::base64url;

fuzz_target!(|input: &[u8]| {
    if let Ok(text) = std::str::from_utf8(input)
        && let Some(bytes) = base64url::decode(text)
    {
        assert_eq!(base64url::encode(&bytes), text);
    }
    assert_eq!(base64url::decode(&base64url::encode(input)).as_deref(), Some(input));
});
