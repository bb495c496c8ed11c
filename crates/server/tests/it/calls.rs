//! The calls that the API document tells of, each with a body for every form that it takes, so that
//! a table over all calls takes in a new one by itself.

use nightlatch_core::MethodId;
use serde_json::{Map, Value, json};

use crate::{
    acts::ADA,
    app::{App, PASSWORD},
};

/// An application that tests list in `tokens.audiences`.
pub(crate) const APPLICATION: &str = "https://shop.example.org";

/// One call, as the document tells of it.
pub(crate) struct Call {
    pub(crate) method: String,
    /// With its parameters, if it has any: `/auth/sessions/{id}`.
    pub(crate) template: String,
    /// Whether it needs an access token.
    pub(crate) bearer: bool,
    /// Whether it does without a body.
    pub(crate) optional_body: bool,
    /// A body with all its members for each form; none for a call that takes no body.
    pub(crate) bodies: Vec<Map<String, Value>>,
    /// The codes of its refusals.
    pub(crate) problems: Vec<String>,
}

/// Every call but those of a development server.
pub(crate) async fn calls(app: &App) -> Vec<Call> {
    let document = app.get("/openapi.json", None).await.expect(200).json;
    let mut calls = Vec::new();
    for (template, item) in document["paths"].as_object().unwrap() {
        if template.starts_with("/dev/") {
            continue;
        }
        for (method, operation) in item.as_object().unwrap() {
            calls.push(Call::read(&document, template, method, operation));
        }
    }
    assert!(calls.len() >= 25, "the document lost calls");
    calls
}

impl Call {
    fn read(document: &Value, template: &str, method: &str, operation: &Value) -> Self {
        let body = &operation["requestBody"];
        let schema = &body["content"]["application/json"]["schema"];
        let responses = operation["responses"].as_object().unwrap().values();
        let problems = responses.filter_map(|response| response["x-problems"].as_array()).flatten();
        Self {
            method: method.to_uppercase(),
            template: template.to_owned(),
            bearer: operation["security"][0]["bearer"].is_array(),
            optional_body: body["required"] != true,
            bodies: if schema.is_null() { Vec::new() } else { forms(document, schema) },
            problems: problems.map(|code| code.as_str().unwrap().to_owned()).collect(),
        }
    }

    /// The path of a call on something with this id.
    pub(crate) fn path(&self, session: &str, method: &str) -> String {
        let id = if self.template.starts_with("/auth/sessions/") { session } else { method };
        self.template.replace("{id}", id)
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.template)
    }
}

fn forms(document: &Value, schema: &Value) -> Vec<Map<String, Value>> {
    if let Some(reference) = schema["$ref"].as_str() {
        return forms(document, document.pointer(reference.trim_start_matches('#')).unwrap());
    }
    if let Some(alternatives) = schema["anyOf"].as_array() {
        return alternatives.iter().flat_map(|schema| forms(document, schema)).collect();
    }
    let Some(members) = schema["properties"].as_object() else { return vec![Map::new()] };
    vec![members.iter().map(|(name, member)| (name.clone(), sample(name, member))).collect()]
}

/// A value that is well-formed where the call takes this member.
fn sample(name: &str, schema: &Value) -> Value {
    match name {
        "email" => json!(ADA),
        "password" | "current_password" => json!(PASSWORD),
        "new_password" => json!("walnut ember parade"),
        "name" => json!("Somebody"),
        "locale" => json!("en"),
        "kind" => json!("passkey"),
        "attachment" => json!("platform"),
        "method" => json!("totp"),
        "method_id" => json!(MethodId::from_bytes([7; 16]).to_string()),
        "code" => json!("000000"),
        "audience" => json!(APPLICATION),
        "generated_at" => json!("2027-01-01T00:00:00Z"),
        _ if schema["type"] == "object" => json!({}),
        _ if schema["type"].to_string().contains("boolean") => json!(false),
        _ => json!(TOKEN),
    }
}

/// What stands where a token belongs.
const TOKEN: &str = "a token";

/// The members of a body that take a token: every text that is nothing else.
pub(crate) fn token_members(body: &Map<String, Value>) -> Vec<String> {
    body.iter().filter(|(_, value)| *value == TOKEN).map(|(name, _)| name.clone()).collect()
}
