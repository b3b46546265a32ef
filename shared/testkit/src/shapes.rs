//! Comparing documented shapes with real JSON.

use serde_json::Value as Json;
use store::Shape;

/// Fails unless the JSON has this shape: every key is a documented property, every required property a key, every value
/// of its type.
pub fn assert_shape(shape: &Shape, json: &Json) {
    compare(shape, json, "$");
}

fn compare(shape: &Shape, json: &Json, at: &str) {
    match (shape, json) {
        (Shape::Any, _) | (Shape::Nullable(_), Json::Null) => {}
        (Shape::Nullable(of), _) => compare(of, json, at),
        (Shape::Int, Json::Number(n)) => assert!(n.is_i64() || n.is_u64(), "{at} is {n}"),
        (Shape::Number, Json::Number(_)) | (Shape::Bool, Json::Bool(_)) => {}
        (Shape::Text | Shape::Url, Json::String(_)) => {}
        (Shape::Time, Json::String(text)) => assert!(domain::Millis::parse_rfc3339(text).is_some(), "{at} is {text}"),
        (Shape::OneOf(values), Json::String(text)) => assert!(values.contains(&text.as_str()), "{at} is {text}"),
        (Shape::List(of), Json::Array(items)) => {
            items.iter().enumerate().for_each(|(i, item)| compare(of, item, &format!("{at}[{i}]")));
        }
        (Shape::Map(of), Json::Object(map)) => {
            map.iter().for_each(|(key, value)| compare(of, value, &format!("{at}.{key}")));
        }
        (Shape::Row(spec), Json::Object(map)) => {
            let known = |key: &String| spec.columns.iter().any(|column| column.name == key);
            let unknown: Vec<_> = map.keys().filter(|key| !known(key)).collect();
            assert!(unknown.is_empty(), "{at}: {unknown:?} are no columns of {}", spec.name);
        }
        (Shape::Object(properties), Json::Object(map)) => {
            for (key, value) in map {
                let property = properties.iter().find(|property| property.name == key);
                let property = property.unwrap_or_else(|| panic!("{at}.{key} is not documented"));
                compare(&property.shape, value, &format!("{at}.{key}"));
            }
            for property in properties.iter().filter(|property| property.required) {
                assert!(map.contains_key(property.name), "{at}.{} is missing", property.name);
            }
        }
        _ => panic!("{at} is {json}"),
    }
}
