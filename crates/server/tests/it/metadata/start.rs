//! What a server starts on: metadata that can't be believed stop it before it touches anything.

use std::{error::Error, fs, net::Ipv4Addr, path::Path};

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use nightlatch::{
    config::{Config, Dev, MetadataFile},
    wiring::{installation::open, metadata::FIDO_ROOT},
};
use tempfile::TempDir;

use super::service::{Service, revoked};

fn config(data: &Path, metadata: MetadataFile) -> Config {
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    let dev = Dev { listen: any, admin_listen: any, data: data.to_owned(), database: None };
    let mut config = Config::dev(&dev).unwrap();
    config.webauthn.metadata = Some(metadata);
    config
}

/// Starts on this file; what is wrong, if something is, and what to do.
async fn start(metadata: &MetadataFile) -> Result<u64, (String, String)> {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    match open(&config(&data, metadata.clone())).await {
        Ok(env) => {
            env.store.close(env.clock.now()).await;
            Ok(env.metadata.current().unwrap().no)
        }
        Err(refused) => {
            assert!(!data.exists(), "nothing was made");
            let cause = refused.source().map(ToString::to_string).unwrap_or_default();
            Err((format!("{refused}: {cause}"), refused.next()))
        }
    }
}

#[tokio::test]
async fn a_server_starts_on_metadata_that_lead_to_the_operators_root() {
    let service = Service::new();
    let file = service.file();
    assert_eq!(start(&file).await, Ok(1));
    fs::write(file.root.as_ref().unwrap(), service.root_der()).unwrap();
    assert_eq!(start(&file).await, Ok(1), "a root in DER");
    service.publish(
        2,
        "2026-01-31",
        &serde_json::json!([revoked("07070707-0707-0707-0707-070707070707")]),
    );
    assert_eq!(start(&file).await, Ok(2), "old ones are better than none");
}

#[tokio::test]
async fn no_server_starts_on_metadata_that_are_missing_or_wrongly_signed() {
    let (service, other) = (Service::new(), Service::new());
    let file = service.file();
    let blob = fs::read(&file.path).unwrap();
    let with = |path: &Path, root: Option<&Path>| MetadataFile {
        path: path.to_owned(),
        root: root.map(Path::to_owned),
    };
    let own = file.root.as_deref().unwrap();
    let missing = own.with_extension("missing");
    let mut two = fs::read(own).unwrap();
    two.extend(two.clone());
    let two_roots = own.with_extension("two");
    fs::write(&two_roots, two).unwrap();
    for (file, problem, next) in [
        (with(&missing, Some(own)), "can't be read", "permissions"),
        (with(&file.path, Some(&missing)), "can't be read", "permissions"),
        (with(&file.path, Some(&file.path)), "is not one certificate", "name one root"),
        (with(&file.path, Some(&two_roots)), "is not one certificate", "name one root"),
        (with(&file.path, None), "the signer is not trusted", "mds3.fidoalliance.org"),
        (with(&file.path, other.file().root.as_deref()), "the signer is not trusted", "your own"),
    ] {
        let (told, advice) = start(&file).await.unwrap_err();
        assert!(told.contains(problem) && advice.contains(next), "{told}; {advice}");
        assert!(!told.contains('\n'));
    }
    let another_payload = {
        other.publish(1, "2099-01-01", &serde_json::json!([]));
        let theirs = fs::read_to_string(other.file().path).unwrap();
        let ours = String::from_utf8(blob.clone()).unwrap();
        let [theirs, ours] = [&theirs, &ours].map(|blob| blob.split('.').collect::<Vec<_>>());
        [ours[0], theirs[1], ours[2]].join(".")
    };
    for (broken, problem) in [
        (another_payload.as_bytes(), "the signature is wrong"),
        (&blob[..blob.len() - 2], "the signature is wrong"),
        (b"", "the signed form is wrong"),
    ] {
        service.replace(broken);
        let (told, advice) = start(&file).await.unwrap_err();
        assert!(told.contains(problem) && advice.starts_with("fetch it again"), "{told}; {advice}");
    }
}

/// The fingerprint that the FIDO Alliance and the CA publish.
#[test]
fn the_root_that_is_trusted_unless_another_is_named_is_globalsigns() {
    assert_eq!(
        HEXLOWER.encode(digest(&SHA256, FIDO_ROOT).as_ref()),
        "cbb522d7b7f127ad6a0113865bdf1cd4102e7d0759af635a7cf4720dc963c53b"
    );
}
