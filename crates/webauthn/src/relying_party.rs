//! What a relying party expects of every ceremony.

/// Who asks, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelyingParty {
    /// The RP ID: a domain.
    pub id: String,
    /// The origins that may ask, compared to the letter: scheme, host, and the port if it is not the
    /// scheme's own. A native app's origin (`android:apk-key-hash:...`) stands here like any other.
    pub origins: Vec<String>,
    /// Whether a page may ask from an iframe in a page of another origin.
    pub allow_cross_origin: bool,
    /// The origins of the pages that such an iframe may be in.
    pub top_origins: Vec<String>,
}

/// How much the authenticator is to verify the person (§5.8.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserVerification {
    /// Without it, the ceremony fails.
    Required,
    /// If it can.
    Preferred,
    /// Better not.
    Discouraged,
}
