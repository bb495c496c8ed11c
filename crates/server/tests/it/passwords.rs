//! Changing a password, and what a password may be.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    acts::{ADA, HOUR, STEP, answer, enrolled, joined, login, login_on, refresh, signed_in},
    app::{App, Enrolled, PASSWORD, Reply, Setup, each_engine, each_engine_with},
    database::tamper,
};

const NEW: &str = "walnut ember parade";

async fn change(app: &App, access_token: &str, body: Value) -> Reply {
    app.post("/auth/password", Some(access_token), body).await
}

#[tokio::test]
async fn the_new_password_counts_and_the_old_one_no_more() {
    each_engine(async |app| {
        let access = signed_in(&app, ADA).await;
        let wrong = json!({ "current_password": "not this one, surely", "new_password": NEW });
        change(&app, &access, wrong).await.refused(401, "invalid-code");
        login(&app, ADA, PASSWORD).await.expect(200);

        let right = json!({ "current_password": PASSWORD, "new_password": NEW });
        assert_eq!(change(&app, &access, right).await.expect(204).text, "");
        login(&app, ADA, PASSWORD).await.refused(401, "invalid-credentials");
        login(&app, ADA, NEW).await.expect(200);
        assert_eq!(app.mail(ADA).await.unwrap().subject, "Your password was changed");
        app.get("/auth/session", Some(&access)).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn the_current_password_may_be_left_out_only_while_it_is_recent() {
    each_engine(async |app| {
        let Enrolled { totp, .. } = enrolled(&app, ADA).await;
        let tokens = app.sign_in_with(ADA, &totp).await;
        app.clock.advance(Duration::from_mins(4));
        let access = refresh(&app, &tokens.text_at("/refresh_token")).await;
        let access = access.text_at("/access_token");
        let by_code = json!({ "method": "totp", "code": totp.code_at(app.now()) });
        let raised = app.post("/auth/step-up", Some(&access), by_code).await.expect(200);
        app.clock.advance(Duration::from_mins(2));
        let access = raised.text_at("/access_token");
        let bare = change(&app, &access, json!({ "new_password": NEW })).await;
        let bare = bare.refused(422, "invalid-values");
        assert_eq!(bare.json["errors"][0]["field"], "current_password");
        let whole = json!({ "current_password": PASSWORD, "new_password": NEW });
        change(&app, &access, whole).await.expect(204);
    })
    .await;
}

#[tokio::test]
async fn a_new_password_ends_sign_ins_under_way_and_forgets_devices() {
    each_engine(async |app| {
        let Enrolled { totp, .. } = enrolled(&app, ADA).await;
        let tokens = app.sign_in_with(ADA, &totp).await;
        app.clock.advance(STEP);
        let step = app.challenge(ADA).await;
        let body = json!({ "current_password": PASSWORD, "new_password": NEW });
        change(&app, &tokens.text_at("/access_token"), body).await.expect(204);
        let code = totp.code_at(app.now());
        answer(&app, &step, &code).await.refused(401, "flow-ended");

        // A device of the old password is a stranger's: it waits with them.
        for _ in 0..10 {
            login(&app, ADA, PASSWORD).await.refused(401, "invalid-credentials");
        }
        let device = tokens.text_at("/device_token");
        login_on(&app, ADA, &device).await.refused(429, "too-many-attempts");
    })
    .await;
}

#[tokio::test]
async fn what_may_be_chosen_depends_on_the_second_factor() {
    each_engine(async |app| {
        let access = signed_in(&app, ADA).await;
        let choose = async |access: &str, new: &str| {
            let body = json!({ "current_password": PASSWORD, "new_password": new });
            change(&app, access, body).await
        };
        for weak in ["", "too short", "passwordpassword", "aaaaaaaaaaaaaaaaaaaa"] {
            choose(&access, weak).await.refused(422, "invalid-values");
        }
        choose(&access, &"n".repeat(1_025)).await.refused(422, "invalid-values");
        let Enrolled { access_token, .. } = app.enrol_totp(&access).await;
        choose(&access_token, "k7#Qzv").await.refused(422, "invalid-values");
        choose(&access_token, "k7#Qzv!m").await.expect(204);
    })
    .await;
}

#[tokio::test]
async fn a_password_is_the_same_however_its_letters_are_composed() {
    each_engine(async |app| {
        let body = json!({ "email": ADA, "password": "caf\u{e9} violin mustard" });
        app.post("/auth/register", None, body).await.expect(201);
        login(&app, ADA, "cafe\u{301} violin mustard").await.expect(200);
        login(&app, ADA, "cafe violin mustard").await.refused(401, "invalid-credentials");
        login(&app, ADA, "Caf\u{e9} violin mustard").await.refused(401, "invalid-credentials");
        login(&app, ADA, &"long".repeat(10_000)).await.refused(401, "invalid-credentials");
    })
    .await;
}

#[tokio::test]
async fn the_right_password_gives_a_networks_guesses_back() {
    each_engine(async |app| {
        app.register(ADA).await;
        for _ in 0..3 {
            for _ in 0..9 {
                let wrong = login(&app, ADA, "not this one, surely").await;
                wrong.refused(401, "invalid-credentials");
            }
            login(&app, ADA, PASSWORD).await.expect(200);
        }
        for _ in 0..10 {
            login(&app, ADA, "not this one, surely").await.refused(401, "invalid-credentials");
        }
        let waits = ["30", "60", "120"];
        for wait in waits {
            let refused = login(&app, ADA, PASSWORD).await.refused(429, "too-many-attempts");
            assert_eq!(refused.headers["retry-after"], wait);
            app.clock.advance(Duration::from_secs(wait.parse().unwrap()));
            login(&app, ADA, "not this one, surely").await.refused(401, "invalid-credentials");
        }
        app.clock.advance(HOUR);
        login(&app, ADA, PASSWORD).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn an_unverified_address_is_told_only_to_who_knows_the_password() {
    let setup = Setup::default().settings(|settings| settings.verify_email = true);
    each_engine_with(setup, async |app| {
        joined(&app, ADA).await;
        // As if it had been made before mails had to be answered.
        tamper(&app, "UPDATE users SET email_verified_at = NULL").await;
        login(&app, ADA, "not this one, surely").await.refused(401, "invalid-credentials");
        login(&app, ADA, PASSWORD).await.refused(403, "email-unverified");
    })
    .await;
}
