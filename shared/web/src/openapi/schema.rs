//! JSON Schema of rows and of other replies.

use serde_json::{Map, Value, json};
use store::{Kind, Shape, Spec, camel_case};

/// The schema of a row with v1 keys; descriptions say how v0 differs.
pub(super) fn row(spec: &Spec) -> Value {
    let mut properties = Map::new();
    for column in spec.columns {
        let (mut schema, v0) = match column.kind {
            Kind::Int => (json!({"type": ["integer", "null"]}), None),
            Kind::Real => (json!({"type": ["number", "null"]}), None),
            Kind::Text | Kind::ShanghaiTime => (json!({"type": ["string", "null"]}), None),
            Kind::Bool => (json!({"type": "boolean"}), None),
            Kind::Time => (json!({"type": ["string", "null"], "format": "date-time"}), None),
            Kind::Json(shape) => (of(shape), None),
            Kind::VersionedId => (json!({"type": "integer"}), Some("a string in v0")),
            Kind::User => (json!({"type": "integer"}), Some("`user: {id, user_name}` in v0")),
            Kind::Article => (json!({"type": ["integer", "null"]}), Some("`article: {id, title}` or null in v0")),
            Kind::TaskStatus => (json!({"type": "string"}), Some("initial and ready are waiting in v0")),
        };
        let camel = camel_case(column.name);
        let renamed = (camel != column.name).then(|| format!("`{camel}` in v0"));
        if let (Some(map), Some(about)) = (schema.as_object_mut(), v0.map(str::to_string).or(renamed)) {
            map.insert("description".into(), json!(about));
        }
        properties.insert(column.name.to_string(), schema);
    }
    json!({"type": "object", "properties": properties})
}

/// The schema of a shape.
pub(super) fn of(shape: &Shape) -> Value {
    match shape {
        Shape::Int => json!({"type": "integer"}),
        Shape::Number => json!({"type": "number"}),
        Shape::Text => json!({"type": "string"}),
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Time => json!({"type": "string", "format": "date-time"}),
        Shape::Url => json!({"type": "string", "format": "uri-reference"}),
        Shape::OneOf(values) => json!({"type": "string", "enum": values}),
        Shape::Nullable(shape) => json!({"anyOf": [of(shape), {"type": "null"}]}),
        Shape::List(shape) => json!({"type": "array", "items": of(shape)}),
        Shape::Map(shape) => json!({"type": "object", "additionalProperties": of(shape)}),
        Shape::Row(spec) => json!({"$ref": format!("#/components/schemas/{}", spec.name)}),
        Shape::AnyOf(shapes) => json!({"anyOf": shapes.iter().map(of).collect::<Vec<_>>()}),
        Shape::Any => json!({}),
        Shape::Object(list) => {
            let mut properties = Map::new();
            for property in *list {
                let mut schema = of(&property.shape);
                if let (Some(map), false) = (schema.as_object_mut(), property.about.is_empty()) {
                    map.insert("description".into(), json!(property.about));
                }
                properties.insert(property.name.into(), schema);
            }
            let required: Vec<&str> = list.iter().filter(|p| p.required).map(|p| p.name).collect();
            json!({"type": "object", "properties": properties, "required": required})
        }
    }
}
