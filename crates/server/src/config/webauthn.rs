//! The section of passkeys and security keys: who asks for them, from where, and what is known of
//! authenticators.

use std::{net::IpAddr, path::PathBuf};

use nightlatch_core::factors::webauthn::{Aaguid, base64url};
use public_suffix::{DEFAULT_PROVIDER, EffectiveTLDProvider};

use crate::config::{MetadataFile, PublicUrl, WebAuthn, reader::Reader, urls::is_origin};

const RP_ID: &str = "webauthn.rp_id";
const ORIGINS: &str = "webauthn.origins";
const NAME: &str = "webauthn.name";
const TOP_ORIGINS: &str = "webauthn.top_origins";
const METADATA: &str = "webauthn.metadata";
const METADATA_ROOT: &str = "webauthn.metadata_root";
const HIGHEST: &str = "webauthn.highest";

/// What the origin of an Android app begins with; the SHA-256 of its certificate follows.
const ANDROID: &str = "android:apk-key-hash:";

const WEB_ORIGIN: &str = "Write https, host and port as browsers do: lower case, no slash at the \
                          end. http is for localhost only.";

/// `public_url` is missing only if the settings are refused anyway.
pub(super) fn section(r: &mut Reader, public_url: Option<&PublicUrl>) -> WebAuthn {
    let metadata = metadata(r);
    WebAuthn {
        rp_id: rp_id(r, public_url),
        origins: origins(r, public_url),
        name: name(r),
        top_origins: top_origins(r),
        highest: highest(r, metadata.is_some()),
        metadata,
    }
}

fn rp_id(r: &mut Reader, public_url: Option<&PublicUrl>) -> String {
    const NEXT: &str =
        "Write the host of public_url or a domain above it, such as \"example.com\".";
    let host = public_url.map(PublicUrl::host).unwrap_or_default();
    let Some(id) = r.take::<String>(RP_ID, NEXT) else { return host.to_owned() };
    let address = [host, &id].into_iter().any(|name| name.parse::<IpAddr>().is_ok());
    if address || !is_domain(&id) {
        r.complain(RP_ID, "Browsers want a domain in lower case, and no address.", NEXT);
    } else if public_url.is_some() && id != host {
        let above = host.strip_suffix(&id).is_some_and(|rest| rest.ends_with('.'));
        let problem = "It is neither the host of public_url nor a domain above it.";
        r.require(above, RP_ID, problem, NEXT);
        let own = DEFAULT_PROVIDER.effective_tld_plus_one(&id).is_ok();
        let problem = "It is a public suffix: everybody can have a domain below it.";
        r.require(!above || own, RP_ID, problem, NEXT);
    }
    id
}

fn origins(r: &mut Reader, public_url: Option<&PublicUrl>) -> Vec<String> {
    const NEXT: &str = "Write a list such as [\"https://app.example.com\"].";
    let Some(origins) = r.take::<Vec<String>>(ORIGINS, NEXT) else {
        return public_url.iter().map(|url| url.origin().to_owned()).collect();
    };
    r.require(!origins.is_empty(), ORIGINS, "It is empty, so that nobody could ask.", NEXT);
    for origin in origins.iter().filter(|origin| !is_web_origin(origin) && !is_app(origin)) {
        let next = format!("{WEB_ORIGIN} An Android app is {ANDROID} and 43 characters.");
        r.complain(ORIGINS, &format!("{origin:?} is no origin to ask from."), &next);
    }
    origins
}

fn top_origins(r: &mut Reader) -> Vec<String> {
    const NEXT: &str = "Write a list such as [\"https://portal.example.com\"].";
    let origins: Vec<String> = r.take(TOP_ORIGINS, NEXT).unwrap_or_default();
    for origin in origins.iter().filter(|origin| !is_web_origin(origin)) {
        r.complain(TOP_ORIGINS, &format!("{origin:?} is no origin of a page."), WEB_ORIGIN);
    }
    origins
}

fn name(r: &mut Reader) -> String {
    const NEXT: &str = "Write a short name, at most 64 bytes.";
    let name = r.take(NAME, NEXT).unwrap_or_else(|| "Nightlatch".to_owned());
    let plain = !name.chars().any(char::is_control) && name.trim() == name;
    let good = (1..=64).contains(&name.len()) && plain;
    r.require(good, NAME, "Authenticators would not show it well.", NEXT);
    name
}

fn metadata(r: &mut Reader) -> Option<MetadataFile> {
    const NEXT: &str = "Write a path.";
    let path: Option<PathBuf> = r.take(METADATA, NEXT);
    let root: Option<PathBuf> = r.take(METADATA_ROOT, NEXT);
    let used = path.is_some() || root.is_none();
    let next = "Name the file that it vouches for in webauthn.metadata, or remove it.";
    r.require(used, METADATA_ROOT, "There is no webauthn.metadata.", next);
    path.map(|path| MetadataFile { path, root })
}

fn highest(r: &mut Reader, judged: bool) -> Vec<Aaguid> {
    const NEXT: &str = "Write a list such as [\"d8522d9f-575b-4866-88a9-ba99fa02f35b\"].";
    let texts: Vec<String> = r.take(HIGHEST, NEXT).unwrap_or_default();
    let next = "Set webauthn.metadata, which says who vouches for a model.";
    let problem = "Without webauthn.metadata no authenticator is known to be of a model.";
    r.require(judged || texts.is_empty(), HIGHEST, problem, next);
    let mut models = Vec::new();
    for text in texts {
        match text.parse() {
            Ok(model) if model != Aaguid::ZERO => models.push(model),
            Ok(_) | Err(_) => r.complain(HIGHEST, &format!("{text:?} names no model."), NEXT),
        }
    }
    models
}

/// Whether pages of this origin can use WebAuthn.
fn is_web_origin(text: &str) -> bool {
    PublicUrl::parse(text).is_some_and(|url| {
        let host = url.host();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let named = is_domain(host) || address.is_ok();
        named && (url.is_https() || host == "localhost") && is_origin(text)
    })
}

fn is_app(text: &str) -> bool {
    let hash = text.strip_prefix(ANDROID).and_then(base64url::decode);
    hash.is_some_and(|hash| hash.len() == 32)
}

/// Whether `text` is a host name as browsers write it.
fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=63).contains(&label.len()) && label.bytes().all(plain)
    };
    text.len() <= 253 && text.split('.').all(label)
}
