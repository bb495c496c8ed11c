//! The API document, for machines at `/openapi.json` and for people at `/docs`.
//!
//! Both are made once from the routes themselves, so they can't tell anything else than what is
//! served.

use aide::openapi::OpenApi;
use askama::Template;
use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::Value;

use crate::{
    api::{doc::PROBLEMS, problem::Code},
    pages::{
        assets::{Asset, ICON, STYLE, fingerprint},
        html_response,
        schema::{Document, Field, Shape},
    },
};

/// Serves the document and its page.
///
/// # Errors
///
/// The document can't be written or shown: a fault in the routes, found at start.
pub fn routes<S: Clone + Send + Sync + 'static>(
    api: &OpenApi,
) -> Result<Router<S>, Box<dyn std::error::Error>> {
    let document = serde_json::to_value(api)?;
    let html = ReferencePage::new(&document).render()?;
    let json = Bytes::from(serde_json::to_vec(&document)?);
    let tag = HeaderValue::try_from(format!("\"{:016x}\"", fingerprint(&json)))?;
    let serve_json = async move |headers: HeaderMap| tagged(&headers, tag, json);
    Ok(Router::new()
        .route("/openapi.json", get(serve_json))
        .route("/docs", get(async move || html_response(html))))
}

/// Answers `json`, or 304 to a caller who has it already.
fn tagged(headers: &HeaderMap, tag: HeaderValue, json: Bytes) -> Response {
    let known = headers.get(header::IF_NONE_MATCH) == Some(&tag);
    let revalidate = HeaderValue::from_static("no-cache");
    let headers = [(header::ETAG, tag), (header::CACHE_CONTROL, revalidate)];
    if known {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let kind = HeaderValue::from_static("application/json");
    (headers, [(header::CONTENT_TYPE, kind)], json).into_response()
}

#[derive(Template)]
#[template(path = "reference.html")]
struct ReferencePage {
    style: Asset,
    icon: Asset,
    version: String,
    groups: Vec<Group>,
}

/// The calls of one tag.
struct Group {
    name: String,
    note: String,
    calls: Vec<Call>,
}

/// One method of one path.
struct Call {
    id: String,
    method: String,
    path: String,
    summary: String,
    bearer: bool,
    parameters: Vec<Field>,
    body: Vec<Shape>,
    answers: Vec<Answer>,
    problems: Vec<ProblemRow>,
}

struct Answer {
    status: String,
    note: String,
    shapes: Vec<Shape>,
}

struct ProblemRow {
    status: String,
    code: String,
    detail: &'static str,
}

impl ReferencePage {
    fn new(document: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let groups = list(&document["tags"])
            .map(|tag| Group {
                name: text(&tag["name"]),
                note: text(&tag["description"]),
                calls: calls(document, &tag["name"]),
            })
            .collect();
        Self { style: STYLE, icon: ICON, version: text(&document["info"]["version"]), groups }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn calls(document: &Value, tag: &Value) -> Vec<Call> {
    members(&document["paths"])
        .flat_map(|(path, item)| members(item).map(move |(method, call)| (path, method, call)))
        .filter(|(_, _, call)| list(&call["tags"]).any(|other| other == tag))
        .map(|(path, method, call)| Call::new(Document(document), path, method, call))
        .collect()
}

impl Call {
    fn new(document: Document<'_>, path: &str, method: &str, call: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let body = &call["requestBody"]["content"]["application/json"]["schema"];
        let responses = || members(&call["responses"]);
        let mut problems: Vec<_> = responses()
            .flat_map(|(status, answer)| list(&answer[PROBLEMS]).map(move |code| (status, code)))
            .map(|(status, code)| ProblemRow::new(status, code.as_str().unwrap_or_default()))
            .collect();
        problems.sort_by(|one, other| one.status.cmp(&other.status));
        let answers = responses().filter(|(status, _)| status.starts_with('2'));
        Self {
            id: text(&call["operationId"]),
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            summary: text(&call["summary"]),
            bearer: list(&call["security"]).next().is_some(),
            parameters: list(&call["parameters"])
                .map(|parameter| Field {
                    path: text(&parameter["name"]),
                    kind: document.kind(&parameter["schema"]),
                    required: parameter["required"] == true,
                    note: text(&parameter["description"]),
                })
                .collect(),
            body: if body.is_null() { Vec::new() } else { document.shapes(body) },
            answers: answers
                .map(|(status, answer)| Answer {
                    status: status.clone(),
                    note: text(&answer["description"]),
                    shapes: document.shapes(&answer["content"]["application/json"]["schema"]),
                })
                .collect(),
            problems,
        }
    }
}

impl ProblemRow {
    fn new(status: &str, code: &str) -> Self {
        let known = Code::ALL.iter().find(|known| known.as_str() == code);
        Self {
            status: status.to_owned(),
            code: code.to_owned(),
            detail: known.map_or("", |known| known.meaning().detail),
        }
    }
}
