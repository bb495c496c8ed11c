//! What people see in a browser: server-rendered pages under a strict content policy, without
//! scripts unless a page has one of its own, and the files they use.

pub mod assets;
pub mod mailbox;
pub mod passkeys;
pub mod reference;
mod schema;

use askama::Template;
use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

use crate::{api::problem::Problem, http::headers::PAGE_POLICY};

/// A page made from a template.
///
/// It sends its referrer to this origin alone: without any, browsers post forms from the origin
/// `null`.
#[derive(Debug)]
pub struct Page<T>(pub T);

impl<T: Template> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(html) => html_response(html),
            Err(error) => Problem::internal(&error).into_response(),
        }
    }
}

fn html_response(html: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    ];
    (headers, html).into_response()
}
