//! The JSON API.
//!
//! A handler parses, calls one flow and renders; [`doc`] shows the pattern. What people may do is
//! decided in [`nightlatch_flows`], how a refusal looks in one place, `refusal`.

mod account;
mod around;
pub mod body;
mod caller;
mod code;
pub mod doc;
mod fields;
mod methods;
pub mod params;
pub mod problem;
mod recovery_codes;
mod refusal;
mod sessions;
mod sign_in;
mod sign_up;
mod step_up;
mod strict;
mod values;
mod views;
mod webauthn;

use std::sync::Arc;

use aide::{axum::ApiRouter, openapi::ReferenceOr, transform::TransformOperation};
use nightlatch_flows::Env;

/// Every call of the API, each with its description; [`doc::finish`] makes routes and document.
pub fn routes() -> ApiRouter<Arc<Env>> {
    ApiRouter::new()
        .merge(sign_up::routes())
        .merge(sign_in::routes())
        .merge(sessions::routes())
        .merge(account::routes())
        .merge(methods::routes())
        .merge(recovery_codes::routes())
        .merge(step_up::routes())
        .merge(webauthn::routes())
        .merge(around::routes())
}

/// Documents that a call does without its body, which is otherwise taken for necessary.
fn optional_body(mut call: TransformOperation<'_>) -> TransformOperation<'_> {
    if let Some(ReferenceOr::Item(body)) = &mut call.inner_mut().request_body {
        body.required = false;
    }
    call
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_is_strict_and_every_call_has_a_name() {
        let (_, api) = doc::finish(routes());
        assert_eq!(doc::lax_bodies(&api), Vec::<String>::new());
        let items = api.paths.iter().flat_map(|paths| paths.paths.values());
        for item in items.filter_map(ReferenceOr::as_item) {
            for (_, call) in item.iter() {
                assert!(call.operation_id.is_some() && call.summary.is_some(), "{call:?}");
            }
        }
    }
}
