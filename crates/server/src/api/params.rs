//! What a call takes from its path and query, refused as problems.

use std::str::FromStr;

use aide::{
    OperationInput,
    generate::GenContext,
    openapi::Operation,
    operation::{ParamLocation, add_parameters, parameters_from_schema},
};
use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::api::{
    doc,
    problem::{Code, Problem},
};

/// The one id in the path, as `{id}`.
///
/// What is no id of this kind is [`Code::NotFound`], just as an id that nobody has.
#[derive(Debug, Clone, Copy)]
pub struct Id<T>(pub T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let parameters = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::from(Code::NotFound))?;
        let id = parameters.iter().find(|(name, _)| *name == "id");
        id.and_then(|(_, id)| id.parse().ok()).map(Self).ok_or_else(|| Code::NotFound.into())
    }
}

impl<T> OperationInput for Id<T> {
    fn operation_input(generator: &mut GenContext, operation: &mut Operation) {
        let schema = schemars::json_schema!({
            "properties": { "id": { "type": "string" } },
            "required": ["id"],
        });
        let parameters = parameters_from_schema(generator, schema, ParamLocation::Path);
        add_parameters(generator, operation, parameters);
        doc::add_refusal(generator, operation, Code::NotFound);
    }
}

/// The members of the query, as strict as a body: `T` is a struct with `deny_unknown_fields`.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // The words of the rejection may repeat what the caller sent.
        axum::extract::Query::try_from_uri(&parts.uri).map(|query| Self(query.0)).map_err(|_| {
            Problem::new(Code::Malformed)
                .detail("A member of the query is unknown, missing, doubled or of the wrong type.")
        })
    }
}

impl<T: JsonSchema> OperationInput for Query<T> {
    fn operation_input(generator: &mut GenContext, operation: &mut Operation) {
        let schema = generator.schema.subschema_for::<T>();
        let parameters = parameters_from_schema(generator, schema, ParamLocation::Query);
        add_parameters(generator, operation, parameters);
        doc::add_refusal(generator, operation, Code::Malformed);
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, extract::Request, http::StatusCode, routing::get};
    use serde::Deserialize;
    use tower::ServiceExt;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Page {
        limit: Option<u8>,
    }

    async fn status(path: &str) -> StatusCode {
        let router: Router = Router::new()
            .route("/things/{id}", get(async |Id(id): Id<u8>| id.to_string()))
            .route("/things", get(async |Query(page): Query<Page>| format!("{:?}", page.limit)));
        let request = Request::get(path).body(Body::empty()).unwrap();
        router.oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn what_is_no_id_is_not_found() {
        assert_eq!(status("/things/7").await, 200);
        assert_eq!(status("/things/%37").await, 200);
        for odd in ["/things/seven", "/things/256", "/things/%ff", "/things/%00"] {
            assert_eq!(status(odd).await, 404, "{odd}");
        }
    }

    #[tokio::test]
    async fn queries_are_strict() {
        assert_eq!(status("/things").await, 200);
        assert_eq!(status("/things?limit=7").await, 200);
        for odd in ["/things?limit=x", "/things?limit=1&limit=2", "/things?all", "/things?x=1"] {
            assert_eq!(status(odd).await, 400, "{odd}");
        }
    }
}
