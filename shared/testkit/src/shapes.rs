//! Comparing documented shapes with real JSON.

use serde_json::Value as Json;
use store::Shape;

/// Fails unless the JSON has this shape: every key is a documented property, every required property a key, every value
/// of its type.
pub fn assert_shape(shape: &Shape, json: &Json) {
    if let Err(difference) = compare(shape, json, "$") {
        panic!("{difference}");
    }
}

fn compare(shape: &Shape, json: &Json, at: &str) -> Result<(), String> {
    let holds = |holds: bool| if holds { Ok(()) } else { Err(format!("{at} is {json}")) };
    match (shape, json) {
        (Shape::Any, _) | (Shape::Nullable(_), Json::Null) => Ok(()),
        (Shape::Nullable(of), _) => compare(of, json, at),
        (Shape::AnyOf(shapes), _) => {
            let differences: Vec<String> = shapes.iter().filter_map(|of| compare(of, json, at).err()).collect();
            if differences.len() < shapes.len() { Ok(()) } else { Err(differences.join("; ")) }
        }
        (Shape::Int, Json::Number(n)) => holds(n.is_i64() || n.is_u64()),
        (Shape::Number, Json::Number(_)) | (Shape::Bool, Json::Bool(_)) => Ok(()),
        (Shape::Text | Shape::Url, Json::String(_)) => Ok(()),
        (Shape::Time, Json::String(text)) => holds(domain::Millis::parse_rfc3339(text).is_some()),
        (Shape::OneOf(values), Json::String(text)) => holds(values.contains(&text.as_str())),
        (Shape::List(of), Json::Array(items)) => {
            items.iter().enumerate().try_for_each(|(i, item)| compare(of, item, &format!("{at}[{i}]")))
        }
        (Shape::Map(of), Json::Object(map)) => {
            map.iter().try_for_each(|(key, value)| compare(of, value, &format!("{at}.{key}")))
        }
        (Shape::Row(spec), Json::Object(map)) => {
            let known = |key: &String| spec.columns.iter().any(|column| column.name == key);
            match map.keys().find(|key| !known(key)) {
                Some(key) => Err(format!("{at}.{key} is no column of {}", spec.name)),
                None => Ok(()),
            }
        }
        (Shape::Object(properties), Json::Object(map)) => {
            for (key, value) in map {
                let property = properties.iter().find(|property| property.name == key);
                let property = property.ok_or_else(|| format!("{at}.{key} is not documented"))?;
                compare(&property.shape, value, &format!("{at}.{key}"))?;
            }
            match properties.iter().find(|property| property.required && !map.contains_key(property.name)) {
                Some(property) => Err(format!("{at}.{} is missing", property.name)),
                None => Ok(()),
            }
        }
        _ => holds(false),
    }
}
