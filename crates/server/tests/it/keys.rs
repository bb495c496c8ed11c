//! Keys change while everybody goes on: nothing under way is lost, nothing that is counted begins
//! anew, and no key comes or goes before it may.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use nightlatch::wiring::watch::Watch;
use nightlatch_core::{
    email::Email,
    keys::{KeyRing, KeyTag},
};
use nightlatch_flows::{
    admin::{
        keys::{NotYet, PUBLISHED, Role, State, make_known, state},
        reseal::{Resealed, reseal},
    },
    boot::{self, Unfit},
    upkeep::keys::{Node, announce, take},
};
use nightlatch_store::Engine;
use serde_json::json;

use crate::{
    acts::{ADA, BOB, STEP, answer, joined, login, login_on, mailed_link, refresh, step_up},
    app::{App, Enrolled, PASSWORD, Setup, Totp, each_engine, each_engine_with},
    database::{count, dump, tamper},
};

const EVE: &str = "eve@example.org";

/// Wrong passwords from one network that cost no wait.
const FREE: usize = 10;

fn text(keys: &[u8]) -> String {
    let line = |key: &u8| String::from_utf8(KeyRing::line(&[*key; 32]).expose().to_vec()).unwrap();
    keys.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn ring(keys: &[u8]) -> KeyRing {
    KeyRing::parse(&text(keys)).unwrap()
}

fn tag(key: u8) -> KeyTag {
    KeyRing::single(&[key; 32]).primary_tag()
}

/// A node, as others see it.
async fn seen(app: &App, number: u8) {
    let node = Node { id: [number; 16], name: format!("node {number}") };
    announce(&app.env, &node).await.unwrap();
}

/// Gives a node these keys; the others see it at once.
async fn give(app: &App, number: u8, keys: &[u8]) {
    take(&app.env, ring(keys)).await.unwrap();
    seen(app, number).await;
}

async fn look(app: &App) -> State {
    state(&app.env).await.unwrap()
}

fn rows(state: &State, key: u8) -> i64 {
    state.keys.iter().filter(|held| held.tag == tag(key)).map(|held| held.rows).sum()
}

async fn published(app: &App) -> Vec<String> {
    let set = app.get("/.well-known/jwks.json", None).await.expect(200);
    let keys = set.json["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn answering_mails() -> Setup {
    Setup::default().settings(|settings| settings.verify_email = true)
}

/// Ada, with an app, recovery codes and a device that is known.
async fn ada(app: &App) -> (Enrolled, String) {
    joined(app, ADA).await;
    let access = app.sign_in(ADA).await.text_at("/access_token");
    let enrolled = app.enrol_totp(&access).await;
    app.clock.advance(STEP);
    let device = app.sign_in_with(ADA, &enrolled.totp).await.text_at("/device_token");
    (enrolled, device)
}

/// Signs in on one node and answers on the other; the tokens.
async fn across(from: &App, to: &App, totp: &Totp) -> crate::app::Reply {
    from.clock.advance(STEP);
    let step = from.challenge(ADA).await;
    answer(to, &step, &totp.code_at(to.now())).await.expect(200)
}

#[tokio::test]
async fn what_is_under_way_goes_on_on_every_node_while_keys_are_rotated() {
    each_engine_with(answering_mails(), async |one| {
        let two = one.second_node().await;
        let (Enrolled { totp, recovery_codes, .. }, device) = ada(&one).await;
        for _ in 0..FREE {
            login(&one, EVE, "not the password").await.refused(401, "invalid-credentials");
        }
        let registration = one.register(BOB).await.text_at("/registration_token");

        give(&one, 1, &[7, 8]).await;
        give(&two, 2, &[7, 8]).await;
        one.clock.advance(PUBLISHED);
        let step = one.challenge(ADA).await;
        let before = across(&one, &two, &totp).await;
        for node in [&one, &two] {
            assert_eq!(published(node).await, [tag(7).to_string(), tag(8).to_string()]);
        }

        // One node is ahead of the other.
        give(&one, 1, &[8, 7]).await;
        assert_eq!(published(&one).await, [tag(8).to_string(), tag(7).to_string()]);
        one.clock.advance(STEP);
        answer(&one, &step, &totp.code_at(one.now())).await.expect(200);
        let ahead = across(&one, &two, &totp).await;
        let behind = across(&two, &one, &totp).await;
        let access = [&before, &ahead, &behind].map(|tokens| tokens.text_at("/access_token"));
        for node in [&one, &two] {
            for access in &access {
                node.get("/auth/session", Some(access)).await.expect(200);
            }
        }
        let renewed = refresh(&two, &before.text_at("/refresh_token")).await.expect(200);
        give(&two, 2, &[8, 7]).await;
        let done = reseal(&one.env).await.unwrap();
        assert!(done.cells > 5 && done.unreadable == 0, "{done:?}");
        assert_eq!(rows(&look(&two).await, 7), 0);

        // Everything goes on, wherever it was begun.
        one.clock.advance(STEP);
        let renewed = refresh(&one, &renewed.text_at("/refresh_token")).await.expect(200);
        let access = renewed.text_at("/access_token");
        step_up(&two, &access, &totp.code_at(two.now())).await.expect(200);
        let link = mailed_link(&two, BOB).await;
        let body = json!({ "token": link, "registration_token": registration });
        one.post("/auth/register/verify", None, body).await.expect(200);
        login(&two, EVE, "not the password").await.refused(401, "invalid-credentials");
        login(&one, EVE, "not the password").await.refused(429, "too-many-attempts");

        // Long after, without the older key.
        for _ in 0..25 {
            one.clock.advance(Duration::from_hours(1));
        }
        seen(&one, 1).await;
        seen(&two, 2).await;
        look(&one).await.may_retire(tag(7), false).unwrap();
        give(&one, 1, &[8]).await;
        give(&two, 2, &[8]).await;
        across(&two, &one, &totp).await;
        let step = login_on(&one, ADA, &device).await.expect(200).text_at("/temp_token");
        let recovered = answer(&two, &step, &recovery_codes[0]).await.expect(200);
        assert!(recovered.json["device_token"].is_null(), "the device is known");
        let accounts = count(&one, "users").await;
        let again = one.register(ADA).await.text_at("/registration_token");
        assert_eq!(one.mail(ADA).await.and_then(|mail| mail.link), None, "the address is taken");
        assert!(!again.is_empty());
        assert_eq!(count(&one, "users").await, accounts);
    })
    .await;
}

#[tokio::test]
async fn a_key_seals_no_sooner_than_everybody_knows_it() {
    each_engine(async |one| {
        let two = one.second_node().await;
        seen(&one, 1).await;
        seen(&two, 2).await;
        assert!(matches!(look(&one).await.may_promote(tag(8)), Err(NotYet::Unknown(_))));
        assert!(matches!(look(&one).await.may_promote(tag(7)), Err(NotYet::InUse(_))));
        give(&one, 1, &[7, 8]).await;
        assert_eq!(look(&one).await.keys[1].role, Role::New);
        match look(&one).await.may_promote(tag(8)) {
            Err(NotYet::Unheard { node, tag: unheard }) => {
                assert_eq!((node.as_str(), unheard), ("node 2", tag(8)));
            }
            other => panic!("{other:?}"),
        }
        give(&two, 2, &[7, 8]).await;
        let known = one.now();
        match look(&one).await.may_promote(tag(8)) {
            Err(NotYet::Young { at, .. }) => assert_eq!(at, known.plus(PUBLISHED)),
            other => panic!("{other:?}"),
        }
        while one.now() < known.plus(PUBLISHED) {
            one.clock.advance(STEP);
            seen(&one, 1).await;
            seen(&two, 2).await;
        }
        look(&one).await.may_promote(tag(8)).unwrap();
        // A server that comes and does not have it is waited for; one that is silent is not.
        let three = Node { id: [3; 16], name: "node 3".to_owned() };
        take(&two.env, ring(&[7])).await.unwrap();
        announce(&two.env, &three).await.unwrap();
        assert!(matches!(look(&one).await.may_promote(tag(8)), Err(NotYet::Unheard { .. })));
        one.clock.advance(Duration::from_secs(61));
        seen(&one, 1).await;
        look(&one).await.may_promote(tag(8)).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_key_goes_no_sooner_than_nothing_needs_it() {
    each_engine(async |one| {
        let two = one.second_node().await;
        one.register(ADA).await;
        give(&one, 1, &[8, 7]).await;
        seen(&two, 2).await;
        let refusal = |state: &State, cut| state.may_retire(tag(7), cut).unwrap_err();
        assert!(matches!(look(&one).await.may_retire(tag(8), true), Err(NotYet::InUse(_))));
        assert!(matches!(refusal(&look(&one).await, true), NotYet::Sealing { .. }));
        give(&two, 2, &[8, 7]).await;
        let stopped = one.now();
        match refusal(&look(&one).await, true) {
            NotYet::Needed { column, .. } => assert_eq!(column, "users.password"),
            other => panic!("{other:?}"),
        }
        reseal(&one.env).await.unwrap();
        assert_eq!(reseal(&one.env).await.unwrap(), Resealed::default(), "all is done");
        let minute = Duration::from_mins(1);
        let ends = |not_yet| match not_yet {
            NotYet::InTokens { until, .. } => until.since(stopped),
            other => panic!("{other:?}"),
        };
        let day = Duration::from_hours(24);
        assert_eq!(ends(refusal(&look(&one).await, false)), day + minute, "mailed links");
        assert_eq!(ends(refusal(&look(&one).await, true)), minute, "what is under way");
        one.clock.advance(minute);
        look(&one).await.may_retire(tag(7), true).unwrap();
        assert!(look(&one).await.may_retire(tag(7), false).is_err());
        one.clock.advance(day);
        look(&one).await.may_retire(tag(7), false).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_ring_that_lacks_a_key_in_need_is_refused_and_changes_nothing() {
    each_engine(async |app| {
        app.register(ADA).await;
        let wrong = take(&app.env, ring(&[8])).await;
        assert!(matches!(wrong, Err(Unfit::WrongKeys)), "{wrong:?}");
        give(&app, 1, &[8, 7]).await;
        reseal(&app.env).await.unwrap();
        give(&app, 1, &[7, 8]).await;
        let access = app.sign_in(ADA).await.text_at("/access_token");
        let missing = take(&app.env, ring(&[8])).await;
        assert!(
            matches!(missing, Err(Unfit::MissingKey { tag: needed, rows: 1 }) if needed == tag(7))
        );
        let before = dump(&app).await;
        let nonces = [[1; 12], [2; 12]];
        let claimed =
            boot::claim(&app.env.store, ring(&[8]), boot::Mode::Dev, nonces, [0; 16], app.now())
                .await;
        assert!(matches!(claimed, Err(Unfit::MissingKey { .. })));
        let claimed =
            boot::claim(&app.env.store, ring(&[9]), boot::Mode::Dev, nonces, [0; 16], app.now())
                .await;
        assert!(matches!(claimed, Err(Unfit::WrongKeys)));
        assert_eq!(dump(&app).await, before);
        app.get("/auth/session", Some(&access)).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_database_from_before_keeps_the_keys_that_it_was_looked_up_by() {
    each_engine(async |app| {
        app.register(ADA).await;
        tamper(&app, "DELETE FROM meta WHERE key = 'lasting'").await;
        // Somebody put another key first meanwhile.
        let nonces = [[1; 12], [2; 12]];
        let both = ring(&[8, 7]);
        let claimed =
            boot::claim(&app.env.store, both, boot::Mode::Dev, nonces, [0; 16], app.now()).await;
        let email = Email::parse(ADA).unwrap();
        assert_eq!(email.lookup_key(&claimed.unwrap().0), email.lookup_key(&ring(&[7])));
        give(&app, 1, &[8, 7]).await;
        app.sign_in(ADA).await;
    })
    .await;
}

#[tokio::test]
async fn a_retired_key_is_not_taken_for_a_new_one() {
    let app = App::new(Engine::Sqlite, Setup::default()).await;
    give(&app, 1, &[8, 7]).await;
    reseal(&app.env).await.unwrap();
    let kind = nightlatch_core::audit::Kind::KeyRetired;
    nightlatch_flows::admin::keys::note(&app.env, kind, tag(7)).await.unwrap();
    // Another server has not heard of it.
    make_known(&app.env).await.unwrap();
    let held = look(&app).await;
    let roles: Vec<_> = held.keys.iter().map(|key| (key.tag, key.role)).collect();
    assert_eq!(roles, [(tag(8), Role::Sealing), (tag(7), Role::Retired)]);
    // Nor is it missed where it is gone.
    give(&app, 1, &[8]).await;
    assert_eq!(look(&app).await.keys.len(), 1);
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_server_takes_what_its_key_file_says_if_it_opens_everything() {
    let app = App::new(Engine::Sqlite, Setup::default()).await;
    let access = crate::acts::signed_in(&app, ADA).await;
    let home = tempfile::TempDir::new().unwrap();
    let path = home.path().join("keys");
    let mut watch = Watch::new(path.clone());
    let held = |app: &App| app.env.ring().tags().collect::<Vec<_>>();
    assert!(!watch.look(&app.env).await, "there is no file");
    let both = text(&[8, 7]);
    for (bad, mode) in [
        ("", 0o600),
        ("# no key\n", 0o600),
        (&both[..both.len() - 1], 0o600),
        (both.as_str(), 0o644),
        (text(&[8]).as_str(), 0o600),
    ] {
        write(&path, bad, mode);
        assert!(!watch.look(&app.env).await, "{mode:o}");
        assert_eq!(held(&app), [tag(7)]);
        app.get("/auth/session", Some(&access)).await.expect(200);
    }
    write(&path, &both, 0o600);
    assert!(watch.look(&app.env).await);
    assert_eq!(held(&app), [tag(8), tag(7)]);
    app.get("/auth/session", Some(&access)).await.expect(200);
    let tokens = login(&app, ADA, PASSWORD).await.expect(200);
    app.get("/auth/session", Some(&tokens.text_at("/access_token"))).await.expect(200);
}
