//! Files that pages use, built into the binary and named by their content, so that browsers keep
//! them for good.

use std::fmt;

use axum::{
    Router,
    http::{HeaderValue, header},
    routing::get,
};

/// A file of the pages.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    name: &'static str,
    extension: &'static str,
    media_type: &'static str,
    content: &'static str,
    hash: u64,
}

/// The style of all pages.
pub const STYLE: Asset =
    Asset::new("style", "css", "text/css; charset=utf-8", include_str!("../../assets/style.css"));

/// The sign of the product.
pub const ICON: Asset =
    Asset::new("icon", "svg", "image/svg+xml", include_str!("../../assets/icon.svg"));

/// What pages need for ceremonies.
pub const CEREMONIES: Asset =
    Asset::new("ceremonies", "js", SCRIPT, include_str!("../../assets/ceremonies.js"));

/// The page on which ceremonies are tried.
pub const PASSKEYS: Asset =
    Asset::new("passkeys", "js", SCRIPT, include_str!("../../assets/passkeys.js"));

const ALL: [Asset; 4] = [STYLE, ICON, CEREMONIES, PASSKEYS];

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A year, and no asking in between.
const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

impl Asset {
    const fn new(
        name: &'static str,
        extension: &'static str,
        media_type: &'static str,
        content: &'static str,
    ) -> Self {
        Self { name, extension, media_type, content, hash: fingerprint(content.as_bytes()) }
    }
}

/// The path that pages use.
impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/assets/{}-{:016x}.{}", self.name, self.hash, self.extension)
    }
}

/// FNV-1a: tells versions of a file apart, nothing more.
pub(super) const fn fingerprint(mut bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    while let [byte, rest @ ..] = bytes {
        hash = (hash ^ widen(*byte)).wrapping_mul(0x0100_0000_01b3);
        bytes = rest;
    }
    hash
}

/// `u64::from`, which is not `const`.
const fn widen(byte: u8) -> u64 {
    u64::from_le_bytes([byte, 0, 0, 0, 0, 0, 0, 0])
}

/// Serves the files.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    ALL.iter().fold(Router::new(), |router, asset| {
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type)),
            (header::CACHE_CONTROL, FOR_GOOD),
        ];
        router.route(&asset.to_string(), get(async move || (headers, asset.content)))
    })
}
