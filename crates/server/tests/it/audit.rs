//! The audit trail: what a story leaves in it, and that no edit of it stays hidden.

use nightlatch_core::audit::Head;
use nightlatch_flows::{
    admin::audit::{Flaw, verify},
    upkeep::checkpoint::checkpoint,
};
use nightlatch_store::{
    Engine,
    units::audit::{Events, StoredEvent},
};
use serde_json::{Value, json};

use crate::{
    acts::{ADA, HOUR, STEP, answer, enrolled, login, refresh, wrong_code},
    app::{App, Enrolled, each_engine},
    database::tamper,
};

async fn events(app: &App) -> Vec<StoredEvent> {
    let all = Events { after: ([0; 16], 0), limit: 1_000 };
    let mut events = app.env.store.read_slow(all).await.unwrap();
    // Chains are written side by side.
    events.sort_by_key(|event| (event.at, event.head.chain, event.head.seq));
    events
}

/// What happened to one person: kind, outcome, and what else an event says.
async fn story(app: &App, user: &str) -> Vec<(String, String)> {
    let mut story = Vec::new();
    for event in events(app).await {
        let body: Value = serde_json::from_str(&event.body).unwrap();
        if body["user"] == user {
            let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
            story.push((text("kind"), [text("outcome"), text("factor"), text("reason")].join(" ")));
        }
    }
    story
}

#[tokio::test]
async fn a_story_is_told_as_it_happened() {
    each_engine(async |app| {
        let tick = || app.clock.advance(std::time::Duration::from_secs(1));
        app.register(ADA).await;
        tick();
        login(&app, ADA, "not this one, surely").await.refused(401, "invalid-credentials");
        login(&app, "nobody@example.org", "not this one, surely").await.expect(401);
        tick();
        let first = app.sign_in(ADA).await;
        let user = first.text_at("/session/user_id");
        tick();
        let Enrolled { totp, recovery_codes, .. } =
            app.enrol_totp(&first.text_at("/access_token")).await;
        let spent = totp.code_at(app.now());
        app.clock.advance(5 * STEP);
        let step = app.challenge(ADA).await;
        let stale = totp.code_at(app.now().minus(3 * STEP));
        for wrong in [&wrong_code(&totp, app.now()), &spent, &stale] {
            tick();
            answer(&app, &step, wrong).await.refused(401, "invalid-code");
        }
        tick();
        let tokens = answer(&app, &step, &totp.code_at(app.now())).await.expect(200);
        for status in [200, 401] {
            tick();
            let step = app.challenge(ADA).await;
            answer(&app, &step, &recovery_codes[0]).await.expect(status);
        }
        tick();
        let access = tokens.text_at("/access_token");
        app.post("/auth/logout", Some(&access), json!({})).await.expect(204);
        let expected = [
            ("account_registered", "success  "),
            ("sign_in", "failure password wrong_password"),
            ("sign_in", "success password "),
            ("method_confirmed", "success totp "),
            ("sign_in", "failure totp wrong_code"),
            ("sign_in", "failure totp replayed_code"),
            ("sign_in", "failure totp stale_code"),
            ("sign_in", "success totp "),
            ("sign_in", "success backup_code "),
            ("sign_in", "failure backup_code spent_code"),
            ("session_ended", "success  signed_out"),
        ];
        let expected = expected.map(|(kind, rest)| (kind.to_owned(), rest.to_owned()));
        assert_eq!(story(&app, &user).await, expected);
        let report = verify(&app.env).await.unwrap();
        assert_eq!(report.flaws, []);
    })
    .await;
}

#[tokio::test]
async fn the_reuse_of_a_refresh_token_is_told() {
    each_engine(async |app| {
        app.register(ADA).await;
        let tokens = app.sign_in(ADA).await;
        let old = tokens.text_at("/refresh_token");
        let next = refresh(&app, &old).await.expect(200);
        refresh(&app, &next.text_at("/refresh_token")).await.expect(200);
        app.clock.advance(STEP);
        refresh(&app, &old).await.refused(400, "invalid-token");
        let story = story(&app, &tokens.text_at("/session/user_id")).await;
        let last = ("refresh_reused".to_owned(), "failure  refresh_reused".to_owned());
        assert_eq!(story.last(), Some(&last));
    })
    .await;
}

#[tokio::test]
async fn refusals_without_end_are_told_now_and_then_and_counted() {
    each_engine(async |app| {
        app.register(ADA).await;
        for _ in 0..60 {
            app.clock.advance(HOUR);
            login(&app, ADA, "not this one, surely").await.refused(401, "invalid-credentials");
        }
        let mut bodies = Vec::new();
        for event in events(&app).await {
            bodies.push(serde_json::from_str::<Value>(&event.body).unwrap());
        }
        bodies.retain(|body| body["reason"] == "wrong_password");
        let left_out: Vec<_> =
            bodies.iter().filter_map(|body| body["suppressed"].as_i64()).collect();
        assert_eq!((bodies.len(), left_out), (22, vec![19, 19]));
    })
    .await;
}

/// Writes a trail with three checkpoints; its events.
async fn signed_trail(app: &App) -> Vec<StoredEvent> {
    let mut heads = Vec::new();
    enrolled(app, ADA).await;
    for _ in 0..3 {
        for _ in 0..4 {
            app.clock.advance(HOUR);
            login(app, ADA, "not this one, surely").await.refused(401, "invalid-credentials");
        }
        heads = checkpoint(&app.env, &heads).await.unwrap().expect("the trail grew");
    }
    assert_eq!(checkpoint(&app.env, &heads).await.unwrap(), None, "nothing new to sign");
    let whole = verify(&app.env).await.unwrap();
    assert_eq!((whole.flaws.as_slice(), whole.checkpoints, whole.unsigned_tail), (&[][..], 3, 0));
    events(app).await
}

/// What verifying finds.
async fn flaws(app: &App) -> Vec<Flaw> {
    verify(&app.env).await.unwrap().flaws
}

/// One refused password of the second round: in the middle of its chain, and signed since.
fn middle(events: &[StoredEvent]) -> &StoredEvent {
    let mut refused = events.iter().filter(|event| event.body.contains("wrong_password"));
    refused.nth(5).unwrap()
}

/// The condition that picks one event.
fn one(event: &StoredEvent) -> String {
    let StoredEvent { head, at, body } = event;
    format!("seq = {} AND at = {} AND body = '{body}'", head.seq, at.millis())
}

#[tokio::test]
async fn an_edited_event_is_found() {
    each_engine(async |app| {
        let events = signed_trail(&app).await;
        let edited = middle(&events);
        let forged = edited.body.replace("failure", "success");
        assert_ne!(forged, edited.body);
        let edit = format!("UPDATE audit SET body = '{forged}' WHERE {}", one(edited));
        tamper(&app, &edit).await;
        let flaws = flaws(&app).await;
        assert!(
            matches!(flaws[..], [Flaw::Chain { seq, .. }] if seq == edited.head.seq),
            "{flaws:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn an_edited_event_is_found_though_its_chain_was_made_anew() {
    each_engine(async |app| {
        let events = signed_trail(&app).await;
        let edited = middle(&events);
        let mut chain: Vec<_> =
            events.iter().filter(|event| event.head.chain == edited.head.chain).collect();
        chain.sort_by_key(|event| event.head.seq);
        let mut head = Head::empty(edited.head.chain);
        for event in chain {
            let forged = event.head.seq == edited.head.seq;
            let body =
                if forged { event.body.replace("failure", "success") } else { event.body.clone() };
            head = head.next(event.at, &body);
            let hash = bytes(&app, &head.hash);
            let edit =
                format!("UPDATE audit SET body = '{body}', hash = {hash} WHERE {}", one(event));
            tamper(&app, &edit).await;
        }
        let flaws = flaws(&app).await;
        assert!(!flaws.is_empty(), "the forgery was believed");
        assert!(flaws.iter().all(|flaw| matches!(flaw, Flaw::Head { .. })), "{flaws:?}");
    })
    .await;
}

/// Bytes in a statement.
fn bytes(app: &App, bytes: &[u8]) -> String {
    let hex = data_encoding::HEXLOWER.encode(bytes);
    match app.env.store.engine() {
        Engine::Sqlite => format!("X'{hex}'"),
        Engine::Postgres => format!("'\\x{hex}'"),
    }
}

#[tokio::test]
async fn an_event_that_is_gone_is_found() {
    each_engine(async |app| {
        let events = signed_trail(&app).await;
        let gone = middle(&events);
        tamper(&app, &format!("DELETE FROM audit WHERE {}", one(gone))).await;
        let flaws = flaws(&app).await;
        assert!(matches!(flaws[0], Flaw::Chain { seq, .. } if seq == gone.head.seq), "{flaws:?}");
    })
    .await;
}

#[tokio::test]
async fn a_trail_that_was_cut_is_found() {
    each_engine(async |app| {
        let events = signed_trail(&app).await;
        let cut = middle(&events);
        tamper(&app, &format!("DELETE FROM audit WHERE at >= {}", cut.at.millis())).await;
        let cut = flaws(&app).await;
        assert!(matches!(cut[..], [Flaw::Head { .. }, ..]), "{cut:?}");
        tamper(&app, "DELETE FROM audit").await;
        assert!(flaws(&app).await.len() >= cut.len());
    })
    .await;
}

#[tokio::test]
async fn a_checkpoint_that_is_gone_or_edited_is_found() {
    each_engine(async |app| {
        signed_trail(&app).await;
        let second = "(SELECT id FROM checkpoints ORDER BY id LIMIT 1 OFFSET 1)";
        tamper(&app, &format!("DELETE FROM checkpoints WHERE id = {second}")).await;
        let gone = flaws(&app).await;
        assert!(matches!(gone[..], [Flaw::Missing(_)]), "{gone:?}");
        tamper(&app, "UPDATE checkpoints SET key_tag = 'another'").await;
        let edited = flaws(&app).await;
        assert!(matches!(edited[..], [Flaw::Signature(_), Flaw::Signature(_)]), "{edited:?}");
    })
    .await;
}
