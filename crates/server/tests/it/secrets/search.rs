//! Looking for a secret in all the forms that it could have.

use data_encoding::{
    BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER, Specification,
};

/// Shorter secrets are codes, whose digits occur by chance within longer numbers.
const SHORT: usize = 10;

/// Something that may hold a secret.
pub(super) struct Place<'a> {
    pub(super) name: &'static str,
    text: &'a str,
}

impl<'a> Place<'a> {
    pub(super) const fn new(name: &'static str, text: &'a str) -> Self {
        Self { name, text }
    }

    /// Whether it is in there; of something short, whether it stands alone.
    pub(super) fn has(&self, wanted: &str) -> bool {
        let joins = |sign: Option<char>| {
            sign.is_some_and(|sign| sign.is_ascii_alphanumeric() || "._-".contains(sign))
        };
        self.text.match_indices(wanted).any(|(start, _)| {
            let (before, after) = (&self.text[..start], &self.text[start + wanted.len()..]);
            let alone = !joins(before.chars().next_back()) && !joins(after.chars().next());
            wanted.len() >= SHORT || alone
        })
    }
}

/// Bytes as a text of as many characters.
pub(super) fn latin(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// A secret in every form: as it is shown, as what it stands for, and both in every encoding.
pub(super) fn forms(secret: &str) -> Vec<String> {
    let mut meanings = vec![secret.as_bytes().to_vec()];
    meanings.extend(seed(secret));
    meanings.extend(lookup(secret));
    meanings.extend(token(secret));
    meanings.iter().flat_map(|bytes| encodings(bytes)).collect()
}

fn encodings(bytes: &[u8]) -> Vec<String> {
    let base32 = BASE32_NOPAD.encode(bytes);
    vec![
        latin(bytes),
        HEXLOWER.encode(bytes),
        HEXUPPER.encode(bytes),
        base32.to_lowercase(),
        base32,
        BASE64_NOPAD.encode(bytes),
        BASE64URL_NOPAD.encode(bytes),
    ]
}

/// The bytes of a seed.
fn seed(secret: &str) -> Option<Vec<u8>> {
    (secret.len() == 32).then(|| BASE32_NOPAD.decode(secret.as_bytes()).ok()).flatten()
}

/// A recovery code without its dashes, and its bits.
fn lookup(secret: &str) -> Vec<Vec<u8>> {
    let mut crockford = Specification::new();
    crockford.symbols.push_str("0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    let symbols = secret.replace('-', "");
    match crockford.encoding().unwrap().decode(symbols.as_bytes()) {
        Ok(bits) if secret.len() == 19 => {
            vec![bits, symbols.to_lowercase().into(), symbols.into()]
        }
        _ => Vec::new(),
    }
}

/// What a token holds behind its id: pieces of it, each secret by itself.
fn token(secret: &str) -> Vec<Vec<u8>> {
    let body = match secret.rsplit_once('.') {
        // Of a signed token, its signature.
        Some((_, signature)) => signature,
        None => secret.get(4..).filter(|_| secret.starts_with("nl")).unwrap_or_default(),
    };
    let bytes = BASE64URL_NOPAD.decode(body.as_bytes()).unwrap_or_default();
    bytes.get(24..).unwrap_or_default().chunks_exact(16).map(<[u8]>::to_vec).collect()
}

#[test]
fn what_is_there_is_found_in_every_form() {
    let seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    for kept in ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "3132333435363738393031323334353637383930"] {
        let kept = format!("row: |\\x00{kept}ff|");
        assert!(forms(seed).iter().any(|form| Place::new("", &kept).has(form)), "{kept}");
    }
    let code = "0123-4567-89AB-CDEF";
    for kept in ["0123456789abcdef", "00443214c74254b635cf"] {
        assert!(forms(code).iter().any(|form| Place::new("", kept).has(form)), "{kept}");
    }
    let sealed = Place::new("", "code=123456, at 1712345678, took 0.654321");
    for (wanted, expected) in [("123456", true), ("234567", false), ("654321", false)] {
        assert_eq!(sealed.has(wanted), expected, "{wanted}");
    }
}
