//! Which codes are accepted, when, and in what form.

use std::time::Duration;

use nightlatch_core::Timestamp;
use serde_json::json;

use crate::{
    acts::{ADA, BOB, STEP, answer, enrolled},
    app::{Enrolled, each_engine},
};

/// Steps away from now at which a code is presented, and whether it is accepted.
const WINDOW: [(i64, bool); 7] =
    [(-10, false), (-2, false), (-1, true), (0, true), (1, true), (2, false), (1_000_000, false)];

#[tokio::test]
async fn codes_of_one_step_either_side_are_accepted_and_no_other() {
    each_engine(async |app| {
        for (number, (steps, accepted)) in WINDOW.into_iter().enumerate() {
            let email = format!("person{number}@example.org");
            let Enrolled { totp, .. } = enrolled(&app, &email).await;
            app.clock.advance(20 * STEP);
            let at = Timestamp::from_seconds(app.now().seconds() + steps * 30);
            let reply = answer(&app, &app.challenge(&email).await, &totp.code_at(at)).await;
            assert_eq!(reply.status == 200, accepted, "{steps}: {}", reply.text);
        }
    })
    .await;
}

#[tokio::test]
async fn no_step_is_accepted_after_a_later_one() {
    each_engine(async |app| {
        let Enrolled { totp, .. } = enrolled(&app, ADA).await;
        // The code that confirmed the app is used up as well.
        let before = Timestamp::from_seconds(app.now().seconds() - 30);
        let present = async |code: String| answer(&app, &app.challenge(ADA).await, &code).await;
        present(totp.code_at(before)).await.refused(401, "invalid-code");
        let next = Timestamp::from_seconds(app.now().seconds() + 30);
        present(totp.code_at(next)).await.expect(200);
        for used in [next, app.now(), before] {
            present(totp.code_at(used)).await.refused(401, "invalid-code");
        }
        app.clock.advance(2 * STEP);
        present(totp.code_at(app.now())).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_code_is_digits_with_spaces_and_dashes_and_nothing_else() {
    each_engine(async |app| {
        let Enrolled { totp, .. } = enrolled(&app, ADA).await;
        let code = totp.code_at(app.now());
        let step = app.challenge(ADA).await;
        let wide: String = code
            .bytes()
            .map(|digit| char::from_u32(0xff10 + u32::from(digit - b'0')).unwrap())
            .collect();
        let (left, right) = code.split_at(3);
        let mut odd = vec![wide, format!("{code}0000"), code[1..].to_owned(), String::new()];
        for separator in [".", "_", ",", "\u{a0}", "\t", "\n", "+", "\u{2011}", "0x", "e"] {
            odd.push(format!("{left}{separator}{right}"));
        }
        for text in ["1".repeat(60_000), format!("+{code}"), format!("{code}\0")] {
            odd.push(text);
        }
        for odd in odd {
            let reply = answer(&app, &step, &odd).await.refused(422, "invalid-values");
            assert!(odd.len() < 6 || !reply.text.contains(&odd), "{}", reply.text);
            let body = json!({ "temp_token": step, "method": "totp", "code": odd });
            app.post("/auth/login/mfa", None, body).await.refused(422, "invalid-values");
        }
        for odd in [json!([code]), json!(123_456), json!({ "code": code }), json!(true)] {
            let body = json!({ "temp_token": step, "mfa_token": odd });
            app.post("/auth/login/mfa", None, body).await.refused(400, "malformed");
        }
        let huge = "1".repeat(1 << 20);
        answer(&app, &step, &huge).await.refused(413, "too-large");

        // None of it was counted, and none of it spent the code.
        answer(&app, &step, &format!(" {left} - {right} ")).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_challenge_is_for_its_owner_and_for_what_it_offers() {
    each_engine(async |app| {
        let Enrolled { totp, .. } = enrolled(&app, ADA).await;
        enrolled(&app, BOB).await;
        let (adas, bobs) = (app.challenge(ADA).await, app.challenge(BOB).await);
        let code = totp.code_at(app.now());
        answer(&app, &bobs, &code).await.refused(401, "invalid-code");
        for method in ["sms", "webauthn", "hotp", "email", "password"] {
            let body = json!({ "temp_token": adas, "method": method, "code": code });
            app.post("/auth/login/mfa", None, body).await.refused(403, "method-not-allowed");
            let body = json!({ "temp_token": adas, "method": method });
            let options = app.post("/auth/login/mfa/options", None, body).await;
            options.refused(403, "method-not-allowed");
        }
        let body = json!({ "temp_token": adas, "method": "pigeon", "code": code });
        app.post("/auth/login/mfa", None, body).await.refused(422, "invalid-values");
        let body = json!({ "temp_token": adas, "method": "totp", "code": code });
        app.post("/auth/login/mfa", None, body).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_challenge_lives_five_minutes() {
    each_engine(async |app| {
        let Enrolled { totp, .. } = enrolled(&app, ADA).await;
        let (early, late) = (app.challenge(ADA).await, app.challenge(ADA).await);
        app.clock.advance(Duration::from_secs(299));
        answer(&app, &early, &totp.code_at(app.now())).await.expect(200);
        app.clock.advance(STEP);
        answer(&app, &late, &totp.code_at(app.now())).await.refused(401, "flow-ended");
    })
    .await;
}
