//! OpenAPI 3.1 of a function, from its operations, forms and specs: what is documented is what runs.

mod list;
mod schema;

use serde_json::{Map, Value, json};
use store::Spec;

use crate::app::App;
use crate::dialect::Dialect;
use crate::operation::{Operation, Replies};

/// The `paths` and `components` of one function; xtask merges them into one document.
pub fn fragment(app: &App) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut schemas: Map<String, Value> = Map::new();
    for operation in &app.operations {
        if let Some(spec) = spec_of(operation) {
            schemas.insert(spec.name.to_string(), schema::row(spec));
        }
        let path = paths.entry(operation.path.to_string()).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(operation.method.to_lowercase(), describe(app, operation));
        }
    }
    json!({"paths": paths, "components": {"schemas": schemas}})
}

fn spec_of(operation: &Operation) -> Option<&'static Spec> {
    match operation.replies {
        Replies::Page(spec) | Replies::Item(spec) | Replies::Created(spec) => Some(spec),
        _ => None,
    }
}

fn describe(app: &App, operation: &Operation) -> Value {
    let mut out = json!({
        "tags": [app.name],
        "summary": operation.summary,
        "parameters": parameters(app, operation),
        "responses": responses(app, operation),
    });
    if let (Some(map), Some(form)) = (out.as_object_mut(), operation.body) {
        map.insert("requestBody".into(), json!({"required": true, "content": json_body(&form.schema())}));
    }
    if let (Some(map), true) = (out.as_object_mut(), operation.secured) {
        map.insert("security".into(), security(app, operation));
    }
    out
}

fn parameters(app: &App, operation: &Operation) -> Vec<Value> {
    let names = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = |name: &str| {
        let name = name.trim_start_matches('*');
        json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})
    };
    let mut parameters: Vec<Value> = names.map(in_path).collect();
    if let Replies::Page(spec) = operation.replies {
        parameters.extend(list::parameters(spec, app.dialect));
    }
    if operation.idempotent {
        let schema = json!({"type": "string", "maxLength": 255});
        parameters.push(json!({"name": "Idempotency-Key", "in": "header", "schema": schema}));
    }
    parameters
}

fn security(app: &App, operation: &Operation) -> Value {
    let mut ways = vec![json!({"bearer": []}), json!({"token": []})];
    if !operation.machine {
        ways.push(json!({"api_key": [app.access(operation.method, operation.path).name()]}));
    }
    json!(ways)
}

fn responses(app: &App, operation: &Operation) -> Value {
    let dialect = app.dialect;
    let reference = |spec: &Spec| json!({"$ref": format!("#/components/schemas/{}", spec.name)});
    let body = |schema: Value| json_body(&enveloped(dialect, &json!(200), schema));
    let reply = |about: &str, schema| json!({"description": about, "content": body(schema)});
    let (status, success) = match operation.replies {
        Replies::Page(spec) => (200, reply("A page", list::page(reference(spec), dialect))),
        Replies::Item(spec) => (200, reply("The object", reference(spec))),
        Replies::Created(spec) => (201, reply("The new object", reference(spec))),
        Replies::Json { status, about, shape } => (status, reply(about, schema::of(shape))),
        Replies::Redirect(about) => (302, json!({"description": about})),
        Replies::Nothing => (204, json!({"description": "Done"})),
        Replies::Bytes(media) => (200, json!({"description": "The content", "content": {media: {}}})),
    };
    let error = match dialect {
        Dialect::Coded => {
            let schema = enveloped(dialect, &json!(400), json!({"type": "null"}));
            json!({"description": "An error; the message is in Chinese", "content": json_body(&schema)})
        }
        Dialect::Plain | Dialect::Cloudflare => json!({"$ref": "#/components/responses/Error"}),
    };
    json!({status.to_string(): success, "default": error})
}

fn json_body(schema: &Value) -> Value {
    json!({"application/json": {"schema": schema}})
}

/// The schema of a reply inside the envelope of its dialect.
fn enveloped(dialect: Dialect, code: &Value, data: Value) -> Value {
    match dialect {
        Dialect::Plain => data,
        Dialect::Coded => json!({"type": "object", "required": ["code", "message", "data"], "properties": {
            "code": {"type": "integer", "examples": [code], "description": "The HTTP status."},
            "message": {"type": "string"},
            "data": data,
        }}),
        Dialect::Cloudflare => json!({"type": "object", "required": ["success", "errors", "messages", "result"],
        "properties": {
            "success": {"type": "boolean"},
            "errors": {"type": "array", "items": {"type": "object", "required": ["code", "message"], "properties": {
                "code": {"type": "integer"}, "message": {"type": "string"},
            }}},
            "messages": {"type": "array", "items": {"type": "string"}},
            "result": data,
        }}),
    }
}
