//! Recovery codes: shown once, each good once, and replaced as a set.

use serde_json::{Value, json};

use crate::{
    acts::{ADA, STEP, answer, enrolled, signed_in},
    app::{App, Enrolled, Reply, each_engine},
    database::{dump, tamper},
};

async fn regenerate(app: &App, access_token: &str) -> Reply {
    app.post("/auth/mfa/recovery-codes", Some(access_token), Value::Null).await
}

async fn present(app: &App, code: &str) -> Reply {
    let step = app.challenge(ADA).await;
    answer(app, &step, code).await
}

fn codes(regenerated: &Reply) -> Vec<String> {
    let codes = regenerated.json["recovery_codes"].as_array().unwrap();
    codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_new_set_replaces_the_old_one() {
    each_engine(async |app| {
        let Enrolled { access_token, recovery_codes, .. } = enrolled(&app, ADA).await;
        let regenerated = regenerate(&app, &access_token).await.expect(201);
        assert_eq!(regenerated.headers["cache-control"], "no-store");
        let regenerated = regenerated.looks_like(&json!({
            "recovery_codes": vec!["<lookup>"; 10], "generated_at": "<time>",
        }));
        let new = codes(&regenerated);
        assert!(new.iter().all(|code| !recovery_codes.contains(code)));
        let mut distinct = new.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), 10);
        assert_eq!(app.mail(ADA).await.unwrap().subject, "New recovery codes were made");
        present(&app, &recovery_codes[0]).await.refused(401, "invalid-code");
        present(&app, &new[0]).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_code_may_be_typed_as_people_type() {
    each_engine(async |app| {
        let Enrolled { recovery_codes, .. } = enrolled(&app, ADA).await;
        let plain = recovery_codes[1].replace('-', "");
        let confused = recovery_codes[2].replace('0', "o").replace('1', "L").to_lowercase();
        let spaced = format!(" {} ", recovery_codes[3].replace('-', " - "));
        for typed in [recovery_codes[0].to_lowercase(), plain, confused, spaced] {
            present(&app, &typed).await.expect(200);
        }
        let step = app.challenge(ADA).await;
        for odd in [
            recovery_codes[4][1..].to_owned(),
            recovery_codes[4].replace('-', "_"),
            format!("{}0", recovery_codes[4]),
            recovery_codes[4].replacen(char::is_alphanumeric, "U", 1),
        ] {
            answer(&app, &step, &odd).await.refused(422, "invalid-values");
            let body = json!({ "temp_token": step, "method": "backup_code", "code": odd });
            app.post("/auth/login/mfa", None, body).await.refused(422, "invalid-values");
        }
        answer(&app, &step, &recovery_codes[4]).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn the_owner_is_told_when_few_are_left() {
    each_engine(async |app| {
        let Enrolled { recovery_codes, .. } = enrolled(&app, ADA).await;
        app.mails(ADA).await;
        for (used, code) in (1..).zip(&recovery_codes) {
            let access = present(&app, code).await.expect(200).text_at("/access_token");
            let held = app.get("/auth/mfa/methods", Some(&access)).await.expect(200);
            assert_eq!(held.json["recovery_codes"]["remaining"], 10 - used);
            assert_eq!(held.json["recovery_codes"]["total"], 10);
            let notices = app.mails(ADA).await.into_iter();
            let notices = notices.filter(|mail| mail.subject == "A recovery code was used");
            assert_eq!(notices.count(), usize::try_from(used - 6).unwrap_or_default());
        }
        let challenge = app.sign_in(ADA).await;
        assert_eq!(challenge.json["mfa_types"], json!(["totp"]));
        let step = challenge.text_at("/temp_token");
        let reply = answer(&app, &step, &recovery_codes[9]).await;
        reply.refused(403, "method-not-allowed");
    })
    .await;
}

#[tokio::test]
async fn wrong_codes_of_each_kind_are_counted_apart() {
    each_engine(async |app| {
        let Enrolled { totp, recovery_codes, .. } = enrolled(&app, ADA).await;
        for number in 0..5 {
            let wrong = format!("0000-0000-0000-000{number}");
            present(&app, &wrong).await.refused(401, "invalid-code");
        }
        present(&app, &recovery_codes[0]).await.refused(429, "too-many-attempts");
        app.sign_in_with(ADA, &totp).await;
        // Success of another kind gave nothing back.
        present(&app, &recovery_codes[0]).await.refused(429, "too-many-attempts");
        app.clock.advance(STEP);
        present(&app, &recovery_codes[0]).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_hundred_wrong_codes_disable_the_set_and_nothing_else() {
    each_engine(async |app| {
        let Enrolled { totp, recovery_codes, .. } = enrolled(&app, ADA).await;
        present(&app, "0000-0000-0000-0000").await.refused(401, "invalid-code");
        tamper(&app, "UPDATE attempts SET failures = 99").await;
        present(&app, "0000-0000-0000-0000").await.refused(401, "invalid-code");
        let challenge = app.sign_in(ADA).await;
        assert_eq!(challenge.json["mfa_types"], json!(["totp"]));
        let step = challenge.text_at("/temp_token");
        let reply = answer(&app, &step, &recovery_codes[0]).await;
        reply.refused(403, "method-not-allowed");
        let tokens = app.sign_in_with(ADA, &totp).await;

        // A new set starts anew.
        let new = codes(&regenerate(&app, &tokens.text_at("/access_token")).await.expect(201));
        present(&app, &new[0]).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_set_is_acknowledged_by_the_moment_it_was_made() {
    each_engine(async |app| {
        let Enrolled { access_token, .. } = enrolled(&app, ADA).await;
        let acknowledge = async |at: &str| {
            let path = "/auth/mfa/recovery-codes/acknowledge";
            app.post(path, Some(&access_token), json!({ "generated_at": at })).await
        };
        let held = app.get("/auth/mfa/methods", Some(&access_token)).await;
        let old = held.text_at("/recovery_codes/generated_at");
        acknowledge(&old).await.expect(204);
        let new = regenerate(&app, &access_token).await.expect(201).text_at("/generated_at");
        acknowledge(&old).await.refused(404, "not-found");
        acknowledge(&new).await.expect(204);
        acknowledge("yesterday").await.refused(422, "invalid-values");
    })
    .await;
}

#[tokio::test]
async fn there_are_none_without_a_second_factor_that_was_confirmed() {
    each_engine(async |app| {
        let access = signed_in(&app, ADA).await;
        let before = dump(&app).await;
        regenerate(&app, &access).await.refused(400, "setup-not-found");
        assert_eq!(dump(&app).await, before);
        let setup = app.post("/auth/mfa/enable", Some(&access), Value::Null).await.expect(200);
        regenerate(&app, &access).await.refused(400, "setup-not-found");
        let pending = setup.json["backup_codes"][0].as_str().unwrap().to_owned();
        // Beginning again makes another set, and the first one never counts.
        let access = app.enrol_totp(&access).await.access_token;
        let held = app.get("/auth/mfa/methods", Some(&access)).await.expect(200);
        assert_eq!(held.json["recovery_codes"]["remaining"], 10);
        present(&app, &pending).await.refused(401, "invalid-code");
    })
    .await;
}
