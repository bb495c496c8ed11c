//! JSON schemas told to people: which members there are, of what type, and what they mean.

use serde_json::Value;

/// How deep members of members are told.
const MAX_DEPTH: usize = 4;

/// One of the forms that a body can have; most have only one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// What it means, where there are others.
    pub(super) note: String,
    /// The members, outer before inner.
    pub(super) fields: Vec<Field>,
}

/// One member.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Its dotted path; `[]` stands for each element of a list.
    pub(super) path: String,
    /// Its type, or the values it can have.
    pub(super) kind: String,
    /// Whether it is always there.
    pub(super) required: bool,
    /// What it means.
    pub(super) note: String,
}

/// An API document, for looking schemas up by reference.
#[derive(Clone, Copy)]
pub(super) struct Document<'d>(pub(super) &'d Value);

impl<'d> Document<'d> {
    /// The forms that `schema` allows.
    pub(super) fn shapes(self, schema: &'d Value) -> Vec<Shape> {
        let schema = self.resolve(schema);
        let shape = |note: &Value, schema: &'d Value| {
            let mut fields = Vec::new();
            self.tell("", schema, 0, &mut fields);
            Shape { note: note.as_str().unwrap_or_default().to_owned(), fields }
        };
        match Self::alternatives(schema) {
            Some(list) => list.into_iter().map(|one| shape(&one["description"], one)).collect(),
            None => vec![shape(&Value::Null, schema)],
        }
    }

    fn tell(self, prefix: &str, schema: &'d Value, depth: usize, fields: &mut Vec<Field>) {
        let schema = self.resolve(schema);
        let Some(members) = schema["properties"].as_object() else { return };
        let required = schema["required"].as_array();
        for (name, member) in members {
            let path = format!("{prefix}{name}");
            let note = [member, self.resolve(member)]
                .iter()
                .find_map(|schema| schema["description"].as_str())
                .unwrap_or_default()
                .to_owned();
            fields.push(Field {
                path: path.clone(),
                kind: self.kind(member),
                required: required.is_some_and(|names| names.contains(&name.as_str().into())),
                note,
            });
            if depth < MAX_DEPTH {
                let inner = self.resolve(member);
                self.tell(&format!("{path}."), inner, depth + 1, fields);
                self.tell(&format!("{path}[]."), &inner["items"], depth + 1, fields);
            }
        }
    }

    /// The type of `schema` in a few words.
    pub(super) fn kind(self, schema: &'d Value) -> String {
        let schema = self.resolve(schema);
        if let Some(values) = schema["enum"].as_array() {
            return values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
        }
        if !schema["const"].is_null() {
            return schema["const"].to_string();
        }
        if let Some(alternatives) = Self::alternatives(schema) {
            let kinds: Vec<_> = alternatives.into_iter().map(|schema| self.kind(schema)).collect();
            return kinds.join(" | ");
        }
        match type_of(schema) {
            Some("array") => format!("list of {}", self.kind(&schema["items"])),
            Some(kind) => kind.to_owned(),
            None if schema["properties"].is_object() => "object".to_owned(),
            None => "any".to_owned(),
        }
    }

    /// The alternatives of a schema that has some, `null` left out.
    fn alternatives(schema: &'d Value) -> Option<Vec<&'d Value>> {
        let list = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array())?;
        Some(list.iter().filter(|schema| schema["type"] != "null").collect())
    }

    /// Follows references, and what only wraps another schema.
    fn resolve(self, schema: &'d Value) -> &'d Value {
        let only = |list: &'d Value| match list.as_array().map(Vec::as_slice) {
            Some([one]) => Some(one),
            _ => None,
        };
        if let Some(reference) = schema["$ref"].as_str() {
            let target = self.0.pointer(reference.trim_start_matches('#'));
            return target.map_or(schema, |schema| self.resolve(schema));
        }
        if let Some(inner) = only(&schema["allOf"]) {
            return self.resolve(inner);
        }
        match Self::alternatives(schema).as_deref() {
            Some([one]) => self.resolve(one),
            _ => schema,
        }
    }
}

/// The type of a schema; of "this or null", this.
fn type_of(schema: &Value) -> Option<&str> {
    let kind = &schema["type"];
    kind.as_str()
        .or_else(|| kind.as_array()?.iter().filter_map(Value::as_str).find(|kind| *kind != "null"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(schema: &Value) -> Vec<String> {
        let document = json!({ "components": { "schemas": {
            "Session": {
                "description": "A session.",
                "properties": { "id": { "type": "string" }, "levels": { "enum": ["aal1", "aal2"] } },
                "required": ["id"],
            },
        } } });
        let shapes = Document(&document).shapes(schema);
        shapes
            .iter()
            .flat_map(|shape| &shape.fields)
            .map(|field| {
                let Field { path, kind, required, note } = field;
                format!("{path}: {kind}{} {note}", if *required { "" } else { "?" })
            })
            .collect()
    }

    #[test]
    fn members_are_told_with_their_members() {
        let schema = json!({
            "properties": {
                "session": { "$ref": "#/components/schemas/Session" },
                "others": { "type": "array", "items": { "$ref": "#/components/schemas/Session" } },
                "name": { "type": ["string", "null"], "description": "A name." },
                "maybe": { "anyOf": [
                    { "allOf": [{ "$ref": "#/components/schemas/Session" }] }, { "type": "null" },
                ] },
            },
            "required": ["session"],
        });
        assert_eq!(
            lines(&schema),
            [
                "session: object A session.",
                "session.id: string ",
                "session.levels: \"aal1\" | \"aal2\"? ",
                "others: list of object? ",
                "others[].id: string ",
                "others[].levels: \"aal1\" | \"aal2\"? ",
                "name: string? A name.",
                "maybe: object? A session.",
                "maybe.id: string ",
                "maybe.levels: \"aal1\" | \"aal2\"? ",
            ]
        );
    }

    #[test]
    fn alternatives_are_shapes_of_their_own() {
        let schema = json!({ "oneOf": [
            { "$ref": "#/components/schemas/Session" },
            { "description": "Not yet.", "properties": { "status": { "const": "waiting" } } },
        ] });
        assert_eq!(lines(&schema).len(), 3);
        let document = json!({});
        let notes: Vec<_> =
            Document(&document).shapes(&schema).into_iter().map(|shape| shape.note).collect();
        assert_eq!(notes, ["", "Not yet."]);
    }

    #[test]
    fn references_that_lead_nowhere_are_told_as_nothing() {
        assert!(lines(&json!({ "$ref": "#/components/schemas/Nobody" })).is_empty());
    }
}
