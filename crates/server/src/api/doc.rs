//! How a handler tells the API document what it takes and refuses.
//!
//! Bodies and answers document themselves through their types; a route adds the rest:
//! [`Describe::call`] first, then who may call it and which problems it answers with.
//!
//! ```
//! use aide::axum::{ApiRouter, routing::post_with};
//! use nightlatch::api::{
//!     body::Json,
//!     doc::{Describe, Tag},
//!     problem::{Code, Problem},
//! };
//!
//! /// A code from an authenticator app.
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Confirm {
//!     /// Six digits.
//!     token: String,
//! }
//!
//! /// The method counts from now on.
//! #[derive(serde::Serialize, schemars::JsonSchema)]
//! struct Confirmed {
//!     message: &'static str,
//! }
//!
//! fn routes() -> ApiRouter {
//!     ApiRouter::new().api_route(
//!         "/auth/mfa/confirm",
//!         post_with(confirm, |call| {
//!             call.call("confirm_totp", Tag::Methods, "Confirm an authenticator app.")
//!                 .bearer()
//!                 .refuses(&[Code::SetupNotFound, Code::InvalidSetupCode, Code::TooManyAttempts])
//!         }),
//!     )
//! }
//!
//! async fn confirm(Json(body): Json<Confirm>) -> Result<Json<Confirmed>, Problem> {
//!     if body.token.len() != 6 {
//!         return Err(Problem::field("token", "A code has six digits."));
//!     }
//!     Ok(Json(Confirmed { message: "MFA enabled successfully" }))
//! }
//! ```

use aide::{
    OperationOutput,
    axum::ApiRouter,
    generate::{GenContext, in_context},
    openapi::{
        MediaType, OpenApi, Operation, ReferenceOr, Response, SchemaObject, SecurityScheme,
        StatusCode as Status,
    },
    transform::{TransformOpenApi, TransformOperation},
};
use axum::Router;
use serde_json::Value;

use crate::api::problem::{Code, MEDIA_TYPE, Problem, ProblemBody};

/// The name of the one security scheme.
const BEARER: &str = "bearer";

/// The member of a documented answer that lists its problem codes.
pub(crate) const PROBLEMS: &str = "x-problems";

/// The groups of calls, in the order of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// Registering an address.
    SignUp,
    /// Signing in, refreshing, signing out.
    SignIn,
    /// One's own account and sessions.
    Account,
    /// Enrolling and managing methods.
    Methods,
    /// Proving a factor again.
    StepUp,
    /// Getting back in.
    Recovery,
    /// Keys, well-known documents and this reference.
    Around,
    /// Only on a development server.
    Development,
}

impl Tag {
    const ALL: [Self; 8] = [
        Self::SignUp,
        Self::SignIn,
        Self::Account,
        Self::Methods,
        Self::StepUp,
        Self::Recovery,
        Self::Around,
        Self::Development,
    ];

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::SignUp => ("Sign-up", "Registering an address and verifying it."),
            Self::SignIn => ("Sign-in", "Signing in, refreshing tokens and signing out."),
            Self::Account => ("Account", "One's own account, its sessions and its activity."),
            Self::Methods => ("Methods", "Enrolling and managing authentication methods."),
            Self::StepUp => ("Step-up", "Proving a factor again before something sensitive."),
            Self::Recovery => ("Recovery", "Getting back in without the usual factors."),
            Self::Around => ("Around", "Signing keys, well-known documents and this reference."),
            Self::Development => ("Development", "Only on a development server."),
        }
    }
}

/// What a route adds to what its types say.
pub trait Describe: Sized {
    /// Names the call: a unique `id` in snake case, its group, and one sentence on what it does.
    #[must_use]
    fn call(self, id: &str, tag: Tag, summary: &str) -> Self;

    /// An access token is needed; without a good one the answer is [`Code::Unauthenticated`].
    #[must_use]
    fn bearer(self) -> Self;

    /// The problems this call answers with, besides those every call and every body has.
    #[must_use]
    fn refuses(self, codes: &[Code]) -> Self;
}

impl Describe for TransformOperation<'_> {
    fn call(mut self, id: &str, tag: Tag, summary: &str) -> Self {
        in_context(|context| {
            let any = Response {
                description: "Any other problem: `too-many-requests`, `busy`, `internal`.".into(),
                ..problem(context)
            };
            let operation = self.inner_mut();
            operation.responses.get_or_insert_default().default = Some(ReferenceOr::Item(any));
        });
        self.id(id).tag(tag.words().0).summary(summary)
    }

    fn bearer(self) -> Self {
        self.security_requirement(BEARER).refuses(&[Code::Unauthenticated])
    }

    fn refuses(mut self, codes: &[Code]) -> Self {
        in_context(|context| {
            for code in codes {
                add_refusal(context, self.inner_mut(), *code);
            }
        });
        self
    }
}

/// Adds `code` to the answer with its status.
pub(crate) fn add_refusal(context: &mut GenContext, operation: &mut Operation, code: Code) {
    let responses = &mut operation.responses.get_or_insert_default().responses;
    let response = responses
        .entry(Status::Code(code.status().as_u16()))
        .or_insert_with(|| ReferenceOr::Item(problem(context)));
    let ReferenceOr::Item(response) = response else { return };
    let codes = response.extensions.entry(PROBLEMS.into()).or_insert_with(|| Value::Array(vec![]));
    if let Value::Array(codes) = codes
        && !codes.contains(&code.as_str().into())
    {
        codes.push(code.as_str().into());
        let gap = if response.description.is_empty() { "" } else { "\n" };
        let line = format!("{gap}- `{}`: {}", code.as_str(), code.meaning().detail);
        response.description.push_str(&line);
    }
}

fn problem(context: &mut GenContext) -> Response {
    let json_schema = context.schema.subschema_for::<ProblemBody<'static>>();
    let schema = Some(SchemaObject { json_schema, example: None, external_docs: None });
    let media = [(MEDIA_TYPE.to_owned(), MediaType { schema, ..MediaType::default() })];
    Response { content: media.into_iter().collect(), ..Response::default() }
}

impl OperationOutput for Problem {
    type Inner = ProblemBody<'static>;

    fn operation_response(context: &mut GenContext, _: &mut Operation) -> Option<Response> {
        Some(problem(context))
    }
}

/// Splits `api` into its routes and the OpenAPI 3.1 document that describes them.
pub fn finish<S: Clone + Send + Sync + 'static>(api: ApiRouter<S>) -> (Router<S>, OpenApi) {
    let mut described = OpenApi::default();
    let routes = api.finish_api_with(&mut described, document);
    (routes, described)
}

/// The document's frame: its name, the groups, and how a caller is known.
fn document(mut api: TransformOpenApi<'_>) -> TransformOpenApi<'_> {
    api = api
        .title("Nightlatch")
        .summary("Multi-factor authentication beside the users you already have.")
        .version(env!("CARGO_PKG_VERSION"))
        .security_scheme(
            BEARER,
            SecurityScheme::Http {
                scheme: "bearer".into(),
                bearer_format: Some("JWT".into()),
                description: Some("An access token, as sign-in and refresh answer it.".into()),
                extensions: std::iter::empty().collect(),
            },
        );
    let used: Vec<String> =
        operations(api.inner_mut()).flat_map(|call| call.tags.clone()).collect();
    for (name, description) in Tag::ALL.map(Tag::words) {
        if used.iter().any(|tag| tag == name) {
            api = api.tag(aide::openapi::Tag {
                name: name.into(),
                description: Some(description.into()),
                ..aide::openapi::Tag::default()
            });
        }
    }
    api
}

fn operations(api: &OpenApi) -> impl Iterator<Item = &Operation> {
    api.paths
        .iter()
        .flat_map(|paths| paths.paths.values())
        .filter_map(ReferenceOr::as_item)
        .flat_map(|item| item.iter().map(|(_, operation)| operation))
}

/// The calls whose body would let an unknown member pass; a test keeps this list empty.
///
/// Each is named by its operation id. A body is strict when its schema, or each of its
/// alternatives, says `additionalProperties: false`, which is what `deny_unknown_fields` makes.
#[must_use]
pub fn lax_bodies(api: &OpenApi) -> Vec<String> {
    let document = serde_json::to_value(api).unwrap_or_default();
    operations(api)
        .filter(|operation| {
            let body = serde_json::to_value(&operation.request_body).unwrap_or_default();
            let schema = &body["content"]["application/json"]["schema"];
            !schema.is_null() && !is_strict(&document, schema)
        })
        .map(|operation| operation.operation_id.clone().unwrap_or_default())
        .collect()
}

fn is_strict(document: &Value, schema: &Value) -> bool {
    let resolved = match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')),
        None => Some(schema),
    };
    let Some(schema) = resolved else { return false };
    let alternatives = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    match alternatives {
        Some(alternatives) => alternatives.iter().all(|schema| is_strict(document, schema)),
        None => schema["additionalProperties"] == false,
    }
}
