//! A process that is killed in the middle of its work: what it had answered stays true.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::mpsc::{self, UnboundedSender};

use super::{
    caller::Caller,
    installation::{OPEN, each_engine},
};
use crate::app::PASSWORD;

const ADA: &str = "ada@example.org";

/// How many register accounts at the same time, each of them one after the other.
const CROWD: usize = 4;

/// Accounts that were acknowledged before the process is killed.
const ENOUGH: usize = 10;

/// Registers accounts until the server is gone, and tells which ones it has acknowledged.
async fn register(caller: Arc<Caller>, who: usize, acknowledged: UnboundedSender<String>) {
    for count in 0.. {
        let email = format!("person-{who}-{count}@example.org");
        let body = json!({ "email": email, "password": PASSWORD });
        let Ok(reply) = caller.try_post("/auth/register", None, body).await else { return };
        reply.expect(201);
        acknowledged.send(email).unwrap();
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_crash() {
    each_engine(OPEN, async |installation| {
        let server = installation.migrate_and_serve().await;
        server.public.register(ADA).await;
        let mut app = server.public.enrol(&server.public.sign_in(ADA).await).await.app;
        let code = app.next().await;
        let temp_token = server.public.challenge(ADA).await;
        let signed_in = server.public.answer(&temp_token, &code).await.expect(200);

        let (acknowledge, mut acknowledged) = mpsc::unbounded_channel();
        for who in 0..CROWD {
            tokio::spawn(register(Arc::clone(&server.public), who, acknowledge.clone()));
        }
        drop(acknowledge);
        let mut accounts = Vec::new();
        while accounts.len() < ENOUGH {
            accounts.push(acknowledged.recv().await.expect("the server is there"));
        }
        server.kill().await;
        while let Some(email) = acknowledged.recv().await {
            accounts.push(email);
        }

        let server = installation.serve().await;
        for email in &accounts {
            server.public.sign_in(email).await;
        }
        let access = signed_in.text_at("/access_token");
        server.public.get("/auth/session", Some(&access)).await.expect(200);
        server.public.answer(&temp_token, &code).await.refused(401, "flow-ended");
        let temp_token = server.public.challenge(ADA).await;
        server.public.answer(&temp_token, &code).await.refused(401, "invalid-code");
        installation.command(["audit", "verify"]).await.succeeded();
        server.stop().await;
    })
    .await;
}
