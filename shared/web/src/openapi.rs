//! OpenAPI 3.1 of a function, from its routes, forms and specs: what is documented is what runs.

use domain::profile::camel;
use serde_json::{Map, Value, json};
use store::{FilterRule, Kind, Search, Spec};

use crate::app::{App, Op, Replies};
use crate::dialect::Dialect;

/// The `paths` and `components` of one function; xtask merges them into one document.
pub fn fragment(app: &App) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut schemas: Map<String, Value> = Map::new();
    for op in &app.ops {
        if let Some(spec) = specs(op) {
            schemas.insert(spec.name.to_string(), item_schema(spec));
        }
        let path = paths.entry(op.path.to_string()).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(op.method.to_lowercase(), operation(app, op));
        }
    }
    json!({"paths": paths, "components": {"schemas": schemas}})
}

fn specs(op: &Op) -> Option<&'static Spec> {
    match op.replies {
        Replies::Page(spec) | Replies::Item(spec) | Replies::Created(spec) => Some(spec),
        _ => None,
    }
}

fn operation(app: &App, op: &Op) -> Value {
    let mut parameters: Vec<Value> = op
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({"name": name.trim_start_matches('*'), "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    if let Replies::Page(spec) = op.replies {
        parameters.extend(list_parameters(spec, app.dialect));
    }
    if op.idempotent {
        parameters
            .push(json!({"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 255}}));
    }
    let coded = app.dialect == Dialect::Coded;
    let json_of = |schema: Value| json!({"application/json": {"schema": schema}});
    let data_of = |schema: Value| json_of(if coded { envelope(&json!(200), schema) } else { schema });
    let reference = |spec: &Spec| json!({"$ref": format!("#/components/schemas/{}", spec.name)});
    let (status, response) = match op.replies {
        Replies::Page(spec) => {
            ("200", json!({"description": "A page", "content": data_of(page_schema(reference(spec), app.dialect))}))
        }
        Replies::Item(spec) => ("200", json!({"description": "The object", "content": data_of(reference(spec))})),
        Replies::Created(spec) => {
            ("201", json!({"description": "The new object", "content": json_of(reference(spec))}))
        }
        Replies::Object(201, words) => {
            ("201", json!({"description": words, "content": json_of(json!({"type": "object"}))}))
        }
        Replies::Object(_, words) => {
            ("200", json!({"description": words, "content": data_of(json!({"type": "object"}))}))
        }
        Replies::Nothing => ("204", json!({"description": "Done"})),
        Replies::Bytes(media) => ("200", json!({"description": "The content", "content": {media: {}}})),
    };
    let error = if coded {
        json!({"description": "An error; the message is in Chinese", "content": json_of(envelope(&json!(400), json!({"type": "null"})))})
    } else {
        json!({"$ref": "#/components/responses/Error"})
    };
    let mut out = json!({
        "tags": [app.name], "summary": op.summary, "parameters": parameters,
        "responses": {status: response, "default": error},
    });
    if let Some(form) = op.body {
        out["requestBody"] = json!({"required": true, "content": json_of(form.schema())});
    }
    if op.secured {
        let mut ways = vec![json!({"bearer": []}), json!({"token": []})];
        if !op.machine {
            ways.push(json!({"api_key": [app.access(op.method, op.path).name()]}));
        }
        out["security"] = json!(ways);
    }
    out
}

/// Of the points task API: the code is the status.
fn envelope(code: &Value, data: Value) -> Value {
    json!({"type": "object", "required": ["code", "message", "data"], "properties": {
        "code": {"type": "integer", "examples": [code]}, "message": {"type": "string"}, "data": data,
    }})
}

fn list_parameters(spec: &Spec, dialect: Dialect) -> Vec<Value> {
    let query = |name: &str, schema: Value, words: &str| json!({"name": name, "in": "query", "schema": schema, "description": words});
    let sorts: Vec<&str> = spec.sorts.iter().map(|s| s.name).collect();
    let mut out = vec![
        query("page", json!({"type": "integer", "minimum": 1, "default": 1}), "1-based page"),
        query(
            "page_size",
            json!({"type": "integer", "minimum": 1, "maximum": 100, "default": 20}),
            "also pageSize, size",
        ),
        query("cursor", json!({"type": "string"}), "next_cursor of the page before"),
        query("sort", json!({"type": "string", "enum": sorts}), "order; ties are broken by id"),
    ];
    if dialect == Dialect::Coded {
        // Its pages have no cursor, and its own name for the size.
        out.retain(|parameter| parameter["name"] != "cursor");
        out[1]["name"] = json!("size");
    }
    for filter in spec.filters {
        let words = match filter.rule {
            FilterRule::Users(_) => "user ids or `me`, separated by commas (union); repeat for intersection",
            FilterRule::Ids(_) => "ids, separated by commas (union); repeat for intersection",
            FilterRule::IdsOrNames(_) => "ids or names, separated by commas (union); repeat for intersection",
            FilterRule::Flag(_) => "true or false",
            FilterRule::OneOf(..) => "one or several values, separated by commas",
            FilterRule::Date(_) => {
                "`20220214+` from then, `20220214-` before, `2022~2023` between; YYYY, YYYYMM, YYYYMMDD"
            }
        };
        out.push(query(filter.name, json!({"type": "string"}), words));
    }
    if !matches!(spec.search, Search::None) {
        out.push(query("search", json!({"type": "string", "maxLength": 200}), "words to look for"));
    }
    out
}

fn page_schema(item: Value, dialect: Dialect) -> Value {
    if dialect == Dialect::Coded {
        return json!({"type": "object", "required": ["records", "total", "size", "current", "pages"], "properties": {
            "records": {"type": "array", "items": item}, "total": {"type": "integer"}, "size": {"type": "integer"},
            "current": {"type": "integer"}, "pages": {"type": "integer"},
        }});
    }
    json!({"type": "object", "required": ["page", "page_size", "total", "next", "list"], "properties": {
        "page": {"type": "integer"}, "page_size": {"type": "integer"}, "total": {"type": "integer"},
        "next": {"type": "boolean"}, "next_cursor": {"type": ["string", "null"]},
        "list": {"type": "array", "items": item},
    }})
}

/// v1 keys; the description says how v0 differs.
fn item_schema(spec: &Spec) -> Value {
    let mut properties = Map::new();
    for column in spec.columns {
        let (schema, v0) = match column.kind {
            Kind::Int => (json!({"type": ["integer", "null"]}), None),
            Kind::Real => (json!({"type": ["number", "null"]}), None),
            Kind::Text => (json!({"type": ["string", "null"]}), None),
            Kind::Bool => (json!({"type": "boolean"}), None),
            Kind::Time => (json!({"type": ["string", "null"], "format": "date-time"}), None),
            Kind::Json => (json!({}), None),
            Kind::LooseId => (json!({"type": "integer"}), Some("a string in profile v0")),
            Kind::User => (json!({"type": "integer"}), Some("`user: {id, user_name}` in profile v0")),
            Kind::TaskStatus => (json!({"type": "string"}), Some("initial and ready are waiting in profile v0")),
        };
        let mut schema = schema;
        let renamed = (camel(column.name) != column.name).then(|| format!("`{}` in profile v0", camel(column.name)));
        if let Some(words) = v0.map(str::to_string).or(renamed) {
            schema["description"] = json!(words);
        }
        properties.insert(column.name.to_string(), schema);
    }
    json!({"type": "object", "properties": properties})
}
