//! What a story with passkeys leaves in the audit trail.

use nightlatch_store::units::audit::Events;
use serde_json::Value;

use crate::app::App;

/// What happened to one person, in order: kind, outcome, factor and reason.
pub(super) async fn story(app: &App, user: &str) -> Vec<String> {
    let all = Events { after: ([0; 16], 0), limit: 1_000 };
    let mut events = app.env.store.read_slow(all).await.unwrap();
    events.sort_by_key(|event| (event.at, event.head.chain, event.head.seq));
    let bodies = events.iter().map(|event| serde_json::from_str::<Value>(&event.body).unwrap());
    bodies
        .filter(|body| body["user"] == user)
        .map(|body| {
            ["kind", "outcome", "factor", "reason"]
                .map(|name| body[name].as_str().unwrap_or_default().to_owned())
                .join(" ")
        })
        .collect()
}
