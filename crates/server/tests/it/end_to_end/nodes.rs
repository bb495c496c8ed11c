//! Two nodes on one PostgreSQL: what one has seen, the other knows.

use nightlatch_store::Engine;
use serde_json::{Value, json};

use super::{
    installation::{Installation, OPEN},
    server::Server,
};

const ADA: &str = "ada@example.org";

async fn two_nodes() -> (Installation, Server, Server) {
    let installation = Installation::new(Engine::Postgres, OPEN).await;
    let one = installation.migrate_and_serve().await;
    let other = installation.serve().await;
    (installation, one, other)
}

#[tokio::test]
async fn a_code_used_on_one_node_is_refused_on_the_other() {
    let (installation, one, other) = two_nodes().await;
    one.public.register(ADA).await;
    let access = other.public.sign_in(ADA).await;
    let mut app = one.public.enrol(&access).await.app;

    let code = app.next().await;
    let (here, there) = (one.public.challenge(ADA).await, other.public.challenge(ADA).await);
    let (first, second) =
        tokio::join!(one.public.answer(&here, &code), other.public.answer(&there, &code));
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401], "{} {}", first.text, second.text);

    let later = other.public.challenge(ADA).await;
    other.public.answer(&later, &code).await.refused(401, "invalid-code");
    let spent = if first.status == 200 { here } else { there };
    for node in [&one, &other] {
        node.public.answer(&spent, &code).await.refused(401, "flow-ended");
    }
    installation.command(["audit", "verify"]).await.succeeded();
    one.stop().await;
    other.stop().await;
    installation.remove().await;
}

#[tokio::test]
async fn a_session_ended_on_one_node_is_over_on_the_other() {
    let (installation, one, other) = two_nodes().await;
    one.public.register(ADA).await;
    let signed_in = one.public.login(ADA).await.expect(200);
    let access = signed_in.text_at("/access_token");
    for node in [&one, &other] {
        node.public.get("/auth/session", Some(&access)).await.expect(200);
    }
    one.public.post("/auth/logout", Some(&access), Value::Null).await.expect(204);
    for node in [&other, &one] {
        node.public.get("/auth/session", Some(&access)).await.refused(401, "unauthenticated");
        let body = json!({ "refresh_token": signed_in.text_at("/refresh_token") });
        node.public.post("/auth/refresh", None, body).await.refused(400, "invalid-token");
    }
    one.stop().await;
    other.stop().await;
    installation.remove().await;
}

#[tokio::test]
async fn a_refresh_token_used_on_one_node_is_superseded_on_the_other_then_ends_the_session() {
    let (installation, one, other) = two_nodes().await;
    one.public.register(ADA).await;
    let first = one.public.login(ADA).await.expect(200).text_at("/refresh_token");
    let refresh = async |node: &Server, token: &str| {
        node.public.post("/auth/refresh", None, json!({ "refresh_token": token })).await
    };
    let second = refresh(&one, &first).await.expect(200).text_at("/refresh_token");
    refresh(&other, &first).await.refused(409, "refresh-superseded");
    let access = refresh(&other, &second).await.expect(200).text_at("/access_token");
    one.public.get("/auth/session", Some(&access)).await.expect(200);

    refresh(&one, &first).await.refused(400, "invalid-token");
    for node in [&one, &other] {
        node.public.get("/auth/session", Some(&access)).await.refused(401, "unauthenticated");
    }
    one.stop().await;
    other.stop().await;
    installation.remove().await;
}
