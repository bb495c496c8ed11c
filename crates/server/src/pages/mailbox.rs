//! The mailbox of a development server: for people as a page, for tests as JSON.

use std::{sync::Arc, time::Duration};

use aide::axum::{ApiRouter, routing::get_with};
use askama::Template;
use axum::{
    extract::State,
    http::HeaderMap,
    response::{NoContent, Redirect},
    routing::get,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    api::{
        body::Json,
        doc::{Describe, Tag},
        params::Query,
        problem::{Code, Problem},
    },
    delivery::mailbox::{Channel, Filter, Mailbox, Message},
    pages::{
        Page,
        assets::{Asset, ICON, STYLE},
    },
};

/// The longest a caller may wait for a message; below the limit of any request.
const LONGEST_WAIT: Duration = Duration::from_secs(25);

/// The mailbox's routes, which only a development server has.
pub fn routes<S: Clone + Send + Sync + 'static>(mailbox: Arc<Mailbox>) -> ApiRouter<S> {
    ApiRouter::new()
        .api_route(
            "/dev/v1/messages",
            get_with(list, |call| {
                call.call("list_messages", Tag::Development, "List messages, newest first.")
            })
            .delete_with(clear, |call| {
                call.call("delete_messages", Tag::Development, "Throw all messages away.")
            }),
        )
        .route("/dev/mailbox", get(page).post(clear_from_page))
        .with_state(mailbox)
}

/// Which messages to list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// To this address only.
    to: Option<String>,
    /// By this channel only.
    channel: Option<Channel>,
    /// Seconds to wait for the first one, at most 25.
    wait: Option<u64>,
}

/// Messages, newest first.
#[derive(Debug, Serialize, JsonSchema)]
struct Messages {
    messages: Vec<Message>,
}

async fn list(State(mailbox): State<Arc<Mailbox>>, Query(wanted): Query<Wanted>) -> Json<Messages> {
    let patience = Duration::from_secs(wanted.wait.unwrap_or(0)).min(LONGEST_WAIT);
    let filter = Filter { to: wanted.to, channel: wanted.channel };
    Json(Messages { messages: mailbox.wait(&filter, patience).await })
}

async fn clear(State(mailbox): State<Arc<Mailbox>>) -> NoContent {
    mailbox.clear();
    NoContent
}

#[derive(Template)]
#[template(path = "mailbox.html")]
struct MailboxPage {
    style: Asset,
    icon: Asset,
    messages: Vec<Message>,
}

async fn page(State(mailbox): State<Arc<Mailbox>>) -> Page<MailboxPage> {
    let messages = mailbox.list(&Filter::default());
    Page(MailboxPage { style: STYLE, icon: ICON, messages })
}

/// The page's own button; posts from elsewhere do nothing.
async fn clear_from_page(
    State(mailbox): State<Arc<Mailbox>>,
    headers: HeaderMap,
) -> Result<Redirect, Problem> {
    let site = headers.get("sec-fetch-site");
    if site.is_none_or(|site| site != "same-origin") {
        return Err(Code::Malformed.into());
    }
    mailbox.clear();
    Ok(Redirect::to("/dev/mailbox"))
}
