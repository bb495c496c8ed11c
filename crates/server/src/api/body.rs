//! JSON in and out of the calls: a strict extractor and typed answers.
//!
//! A body type is a struct beside its handler with `#[serde(deny_unknown_fields)]`; whether it has
//! that attribute is checked on the API document by
//! [`lax_bodies`](crate::api::doc::lax_bodies).

use std::{future::poll_fn, pin::Pin, time::Duration};

use aide::{
    OperationInput, OperationOutput,
    generate::GenContext,
    openapi::{MediaType, Operation, ReferenceOr, RequestBody, SchemaObject, StatusCode as Status},
};
use axum::{
    body::{Body, HttpBody},
    extract::{FromRequest, OptionalFromRequest, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::api::{
    doc,
    problem::{Code, Problem},
    strict,
};

/// KiB that a body may have.
pub const MAX_KIB: usize = 64;

/// KiB that a body with the answer of an authenticator may have: certificates are long.
pub const MAX_CREDENTIAL_KIB: usize = 256;

/// Longer than most bodies and answers.
const USUAL: usize = 1_024;

/// How long a whole body may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);

/// What a request's body holds, or what a 200 answers.
///
/// As an extractor it is strict: `application/json`, at most `KIB` KiB, UTF-8, one object of
/// bounded depth, no member unknown or twice, nothing after it. Refusals are [`Code::Malformed`],
/// [`Code::UnsupportedMediaType`], [`Code::TooLarge`] and [`Code::Timeout`], and never repeat a
/// value. `Option<Json<T>>` is `None` when a request has neither a body nor a content type.
#[derive(Debug, Clone, Copy)]
pub struct Json<T, const KIB: usize = MAX_KIB>(pub T);

impl<S: Sync, T: DeserializeOwned, const KIB: usize> FromRequest<S> for Json<T, KIB> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        if !is_json(&parts.headers) {
            return Err(Code::UnsupportedMediaType.into());
        }
        let bytes = tokio::time::timeout(ARRIVAL, collect(body, KIB * 1024))
            .await
            .map_err(|_| Problem::from(Code::Timeout))??;
        let value = strict::read(&bytes)
            .map_err(|fault| Problem::new(Code::Malformed).detail(fault.to_string()))?;
        Ok(Self(value))
    }
}

impl<S: Sync, T: DeserializeOwned> OptionalFromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        if request.body().is_end_stream() && !request.headers().contains_key(header::CONTENT_TYPE) {
            return Ok(None);
        }
        <Self as FromRequest<S>>::from_request(request, state).await.map(Some)
    }
}

/// Whether the request says, once, that its body is plain JSON in UTF-8.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (types.next(), types.next()) else { return false };
    let Ok(value) = value.to_str() else { return false };
    let (kind, parameter) = match value.split_once(';') {
        Some((kind, parameter)) => (kind, Some(parameter.trim())),
        None => (value, None),
    };
    let utf8 = |parameter: &str| {
        ["charset=utf-8", "charset=\"utf-8\""]
            .iter()
            .any(|utf8| parameter.eq_ignore_ascii_case(utf8))
    };
    kind.trim().eq_ignore_ascii_case("application/json")
        && parameter.is_none_or(utf8)
        && !headers.contains_key(header::CONTENT_ENCODING)
}

/// Collects at most `most` bytes, whether or not the length was announced.
async fn collect(mut body: Body, most: usize) -> Result<Vec<u8>, Problem> {
    if body.size_hint().lower() > u64::try_from(most).unwrap_or(u64::MAX) {
        return Err(Code::TooLarge.into());
    }
    // What was announced takes no room before it is there.
    let mut bytes = Vec::with_capacity(USUAL);
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame =
            frame.map_err(|_| Problem::new(Code::Malformed).detail("The body ended too early."))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > most {
            return Err(Code::TooLarge.into());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

impl<T: JsonSchema, const KIB: usize> OperationInput for Json<T, KIB> {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        operation.request_body = Some(ReferenceOr::Item(RequestBody {
            content: [("application/json".to_owned(), media_type::<T>(context))]
                .into_iter()
                .collect(),
            required: true,
            ..RequestBody::default()
        }));
        for code in [Code::Malformed, Code::TooLarge, Code::UnsupportedMediaType] {
            doc::add_refusal(context, operation, code);
        }
    }
}

fn media_type<T: JsonSchema>(context: &mut GenContext) -> MediaType {
    let json_schema = context.schema.subschema_for::<T>();
    let schema = SchemaObject { json_schema, example: None, external_docs: None };
    MediaType { schema: Some(schema), ..MediaType::default() }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        Answer::<200, T>(self.0).into_response()
    }
}

impl<T: JsonSchema> OperationOutput for Json<T> {
    type Inner = T;

    fn operation_response(
        context: &mut GenContext,
        operation: &mut Operation,
    ) -> Option<aide::openapi::Response> {
        Answer::<200, T>::operation_response(context, operation)
    }

    fn inferred_responses(
        context: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<Status>, aide::openapi::Response)> {
        Answer::<200, T>::inferred_responses(context, operation)
    }
}

/// A JSON answer with the success status `STATUS`, such as 201 or 202.
///
/// Like every answer it is `no-store` unless the handler says otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Answer<const STATUS: u16, T>(pub T);

impl<const STATUS: u16, T: Serialize> IntoResponse for Answer<STATUS, T> {
    fn into_response(self) -> Response {
        let status = const {
            assert!(STATUS >= 200 && STATUS < 300, "refusals are problems");
            STATUS
        };
        let mut body = Vec::with_capacity(USUAL);
        match (serde_json::to_writer(&mut body, &self.0), StatusCode::from_u16(status)) {
            (Ok(()), Ok(status)) => {
                let json = HeaderValue::from_static("application/json");
                (status, [(header::CONTENT_TYPE, json)], body).into_response()
            }
            (Err(error), _) => Problem::internal(&error).into_response(),
            (_, Err(error)) => Problem::internal(&error).into_response(),
        }
    }
}

impl<const STATUS: u16, T: JsonSchema> OperationOutput for Answer<STATUS, T> {
    type Inner = T;

    fn operation_response(
        context: &mut GenContext,
        _: &mut Operation,
    ) -> Option<aide::openapi::Response> {
        let schema = context.schema.subschema_for::<T>();
        let description = context
            .resolve_schema(&schema)
            .get("description")
            .and_then(|text| text.as_str())
            .unwrap_or_default()
            .to_owned();
        let media =
            [("application/json".to_owned(), media_type::<T>(context))].into_iter().collect();
        Some(aide::openapi::Response {
            description,
            content: media,
            ..aide::openapi::Response::default()
        })
    }

    fn inferred_responses(
        context: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<Status>, aide::openapi::Response)> {
        Self::operation_response(context, operation)
            .map(|response| (Some(Status::Code(STATUS)), response))
            .into_iter()
            .collect()
    }
}

/// One of two answers, which have different success statuses.
#[derive(Debug, Clone, Copy)]
pub enum Either<A, B> {
    /// The one.
    One(A),
    /// The other.
    Other(B),
}

impl<A: IntoResponse, B: IntoResponse> IntoResponse for Either<A, B> {
    fn into_response(self) -> Response {
        match self {
            Self::One(answer) => answer.into_response(),
            Self::Other(answer) => answer.into_response(),
        }
    }
}

impl<A: OperationOutput, B: OperationOutput> OperationOutput for Either<A, B> {
    type Inner = A::Inner;

    fn operation_response(
        context: &mut GenContext,
        operation: &mut Operation,
    ) -> Option<aide::openapi::Response> {
        A::operation_response(context, operation)
    }

    fn inferred_responses(
        context: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<Status>, aide::openapi::Response)> {
        let mut responses = A::inferred_responses(context, operation);
        responses.extend(B::inferred_responses(context, operation));
        responses
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Hello {
        name: String,
    }

    async fn read(content_type: &[&str], body: impl Into<Body>) -> Result<Hello, Code> {
        let mut request = Request::new(body.into());
        for value in content_type {
            request.headers_mut().append("content-type", HeaderValue::from_str(value).unwrap());
        }
        let read = <Json<Hello> as FromRequest<()>>::from_request(request, &()).await;
        read.map(|Json(hello)| hello).map_err(|problem| problem.code())
    }

    #[tokio::test]
    async fn only_json_in_utf_8_is_a_body() {
        for good in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
        ] {
            assert!(read(&[good], r#"{"name":"Ann"}"#).await.is_ok(), "{good}");
        }
        for bad in [
            &[][..],
            &[""],
            &["text/plain"],
            &["application/json; charset=latin1"],
            &["application/json; charset=utf-8; charset=utf-8"],
            &["application/jsonp"],
            &["application/merge-patch+json"],
            &["application/x-www-form-urlencoded"],
            &["application/json", "application/json"],
        ] {
            let refused = read(bad, r#"{"name":"Ann"}"#).await;
            assert_eq!(refused, Err(Code::UnsupportedMediaType), "{bad:?}");
        }
    }

    #[tokio::test]
    async fn the_size_is_bounded() {
        let body = |length: usize| format!("{{\"name\":\"{}\"}}", "a".repeat(length - 11));
        assert!(read(&["application/json"], body(MAX_KIB * 1024)).await.is_ok());
        let long = read(&["application/json"], body(MAX_KIB * 1024 + 1)).await;
        assert_eq!(long, Err(Code::TooLarge));
    }

    #[tokio::test]
    async fn an_absent_body_is_not_an_empty_one() {
        let nothing = Request::new(Body::empty());
        let read = <Json<Hello> as OptionalFromRequest<()>>::from_request(nothing, &()).await;
        assert!(matches!(read, Ok(None)));
        let mut empty = Request::new(Body::empty());
        let json = HeaderValue::from_static("application/json");
        empty.headers_mut().insert("content-type", json);
        let read = <Json<Hello> as OptionalFromRequest<()>>::from_request(empty, &()).await;
        assert_eq!(read.unwrap_err().code(), Code::Malformed);
    }

    #[test]
    fn an_answer_has_its_status_and_type() {
        let response = Answer::<201, _>(serde_json::json!({ "a": 1 })).into_response();
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["content-type"], "application/json");
    }
}
