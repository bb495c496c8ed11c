//! The page of a development server on which every ceremony can be tried in a browser.

use askama::Template;
use axum::{Router, routing::get};

use crate::pages::{
    Page,
    assets::{Asset, CEREMONIES, ICON, PASSKEYS, STYLE},
};

/// The page's route, which only a development server has.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/dev/passkeys", get(page))
}

#[derive(Template)]
#[template(path = "passkeys.html")]
struct PasskeysPage {
    style: Asset,
    icon: Asset,
    script: Asset,
    ceremonies: Asset,
}

async fn page() -> Page<PasskeysPage> {
    Page(PasskeysPage { style: STYLE, icon: ICON, script: PASSKEYS, ceremonies: CEREMONIES })
}
