//! Enrolled means enforced: whatever became of an account's methods, its password alone completes a
//! sign-in only if none was ever confirmed, or its owner removed all of them.

use nightlatch_core::{
    MethodId, UserId,
    lockout::DISABLE_AT,
    methods::State,
    proof::Factor::{self, BackupCode, Totp},
};
use nightlatch_flows::Settings;
use nightlatch_store::{Fault, Tx, Unit, args, sql};
use serde_json::{Value, json};

use crate::{
    acts::{ADA, enrolled, login, signed_in, user_of},
    app::{App, Enrolled, PASSWORD, Setup, each_engine, each_engine_with},
};

/// What is true of an account's recovery codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codes {
    None,
    Left,
    Spent,
    Disabled,
}

/// One combination, written behind the back of every journey.
#[derive(Debug, Clone)]
struct Holding {
    user: UserId,
    methods: Vec<State>,
    codes: Codes,
    pending: bool,
}

impl Unit for Holding {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        // What the combination before has left.
        tx.put(sql!("DELETE FROM methods"), args![]).await?;
        tx.put(sql!("DELETE FROM pending_totp"), args![]).await?;
        tx.put(sql!("DELETE FROM recovery_sets"), args![]).await?;
        tx.put(sql!("DELETE FROM attempts"), args![]).await?;
        for (number, state) in (0_u8..).zip(&self.methods) {
            tx.put(
                sql!(
                    "INSERT INTO methods (user_id, id, factor, name, state, created_at) \
                     VALUES (?1, ?2, ?3, 'App', ?4, 0)"
                ),
                args![self.user, MethodId::from_bytes([number; 16]), Totp.code(), state.code()],
            )
            .await?;
        }
        if self.pending {
            tx.put(
                sql!(
                    "INSERT INTO pending_totp (user_id, method_id, lineage, epoch, name, secret, \
                     algorithm, digits, period, expires_at) \
                     VALUES (?1, ?2, ?2, 1, 'App', ?2, 1, 6, 30, 9000000000000)"
                ),
                args![self.user, MethodId::from_bytes([9; 16])],
            )
            .await?;
        }
        self.put_codes(tx).await
    }
}

impl Holding {
    async fn put_codes(&self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        if self.codes == Codes::None {
            return Ok(());
        }
        let set = [8; 16];
        tx.put(
            sql!(
                "INSERT INTO recovery_sets (user_id, id, active, salt, pepper, memory_kib, \
                 iterations, parallelism, generated_at) VALUES (?1, ?2, 1, ?2, ?2, 64, 1, 1, 0)"
            ),
            args![self.user, &set],
        )
        .await?;
        let used_at = (self.codes == Codes::Spent).then_some(1_i64);
        tx.put(
            sql!(
                "INSERT INTO recovery_codes (user_id, set_id, number, hash, used_at) \
                 VALUES (?1, ?2, 1, ?2, ?3)"
            ),
            args![self.user, &set, used_at],
        )
        .await?;
        if self.codes == Codes::Disabled {
            tx.put(
                sql!(
                    "INSERT INTO attempts (user_id, factor, failures, known_streak, known_at, \
                     unknown_streak, unknown_at) VALUES (?1, ?2, ?3, 0, 0, 0, 0)"
                ),
                args![self.user, BackupCode.code(), DISABLE_AT],
            )
            .await?;
        }
        Ok(())
    }

    /// The types that may be asked for.
    fn usable(&self, allowed: &[Factor]) -> Vec<&'static str> {
        let active = self.methods.contains(&State::Active);
        let left = self.codes == Codes::Left && !self.methods.is_empty();
        [(Totp, active), (BackupCode, left)]
            .into_iter()
            .filter(|(factor, usable)| *usable && allowed.contains(factor))
            .map(|(factor, _)| factor.as_str())
            .collect()
    }
}

/// No method, one in each state, and two in every two states.
fn methods() -> Vec<Vec<State>> {
    let pairs = State::ALL.into_iter().flat_map(|one| State::ALL.map(|other| vec![one, other]));
    std::iter::once(vec![]).chain(State::ALL.map(|state| vec![state])).chain(pairs).collect()
}

async fn every_combination(app: App, allowed: &[Factor]) {
    app.register(ADA).await;
    let user = user_of(&app.sign_in(ADA).await.json);
    for methods in methods() {
        for codes in [Codes::None, Codes::Left, Codes::Spent, Codes::Disabled] {
            for pending in [false, true] {
                let holding = Holding { user, methods: methods.clone(), codes, pending };
                app.env.store.write(holding.clone()).await.unwrap();
                check(&app, &holding, allowed).await;
            }
        }
    }
}

async fn check(app: &App, holding: &Holding, allowed: &[Factor]) {
    let reply = login(app, ADA, PASSWORD).await;
    if holding.methods.is_empty() {
        assert_eq!(reply.json["status"], "complete", "{holding:?}: {}", reply.text);
        return;
    }
    let usable = holding.usable(allowed);
    if usable.is_empty() {
        assert_eq!(
            (reply.status.as_u16(), reply.code()),
            (403, "recovery-required"),
            "{holding:?}"
        );
    } else {
        assert_eq!(reply.json["status"], "mfa_required", "{holding:?}: {}", reply.text);
        assert_eq!(reply.json["mfa_types"], json!(usable), "{holding:?}");
        let active = holding.methods.iter().filter(|state| **state == State::Active).count();
        let offered = if usable.contains(&"totp") { active } else { 0 };
        assert_eq!(reply.json["methods"].as_array().unwrap().len(), offered, "{holding:?}");
    }
    assert_eq!(reply.json["access_token"], Value::Null);
    assert_eq!(reply.json["enrollment_required"], Value::Null);
}

/// Runs all combinations under a policy that allows these second factors.
async fn under(allowed: &[Factor], set: fn(&mut Settings)) {
    each_engine_with(Setup::default().settings(set), async |app| {
        every_combination(app, allowed).await;
    })
    .await;
}

#[tokio::test]
async fn the_password_alone_is_enough_only_where_nothing_was_ever_confirmed() {
    under(&[Totp, BackupCode], |_| {}).await;
}

#[tokio::test]
async fn what_policy_forbids_still_requires() {
    under(&[], |settings| settings.allowed.0.clear()).await;
    under(&[Totp], |settings| settings.allowed.0.retain(|factor| *factor == Totp)).await;
    under(&[BackupCode], |settings| settings.allowed.0.retain(|factor| *factor == BackupCode))
        .await;
}

#[tokio::test]
async fn an_enrolment_that_was_not_confirmed_requires_nothing() {
    each_engine(async |app| {
        let access = signed_in(&app, ADA).await;
        app.post("/auth/mfa/enable", Some(&access), Value::Null).await.expect(200);
        assert_eq!(app.sign_in(ADA).await.json["status"], "complete");
    })
    .await;
}

#[tokio::test]
async fn removing_the_last_method_ends_the_requirement_and_the_recovery_codes() {
    each_engine(async |app| {
        let Enrolled { access_token, recovery_codes, .. } = enrolled(&app, ADA).await;
        let bearer = Some(&*access_token);
        let name = json!({ "name": "Another app" });
        let setup = app.post("/auth/mfa/enable", bearer, name).await.expect(200);
        assert_eq!(setup.json.get("backup_codes"), None, "there are some already");
        let totp = crate::app::Totp::from_base32(&setup.text_at("/secret"));
        let body = json!({ "token": totp.code_at(app.now()) });
        let tokens = app.post("/auth/mfa/confirm", bearer, body).await.expect(200);
        let access = tokens.text_at("/tokens/access_token");
        let held = app.get("/auth/mfa/methods", Some(&access)).await.expect(200);
        let ids: Vec<&str> = held.json["methods"]
            .as_array()
            .unwrap()
            .iter()
            .map(|method| method["id"].as_str().unwrap())
            .collect();
        for (id, expected) in ids.iter().zip(["mfa_required", "complete"]) {
            let path = format!("/auth/mfa/methods/{id}");
            app.call("DELETE", &path, Some(&access), Value::Null).await.expect(204);
            assert_eq!(app.sign_in(ADA).await.json["status"], expected);
        }
        let held = app.get("/auth/mfa/methods", Some(&access)).await.expect(200);
        assert_eq!(
            (&held.json["methods"], &held.json["recovery_codes"]),
            (&json!([]), &json!(null))
        );
        let one_shot =
            json!({ "email": ADA, "password": PASSWORD, "mfa_token": recovery_codes[0] });
        let reply = app.post("/auth/login/mfa", None, one_shot).await.expect(200);
        assert_eq!(reply.json["session"]["level"], "aal1");
    })
    .await;
}
