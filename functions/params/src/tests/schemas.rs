//! The schemas accept what the forms accept.

use serde_json::{Map, Value, json};
use submit::{InferenceForm, TrainingForm};
use web::FormData;

use super::*;

async fn schema(name: &str) -> Value {
    kit().get(&format!("/api/params/{name}")).send().await.json()
}

/// True where JSON Schema 2020-12 accepts the value. Panics at a keyword that it does not know, so that no schema here
/// says more than is compared.
fn accepts(schema: &Value, value: &Value) -> bool {
    schema.as_object().unwrap().iter().all(|(keyword, limit)| match keyword.as_str() {
        "$schema" | "title" | "x-title-zh" | "default" | "format" => true,
        "type" => match limit.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "number" => value.is_number(),
            "integer" => value.as_f64().is_some_and(|x| x.fract() == 0.0),
            other => panic!("type {other}"),
        },
        "enum" => limit.as_array().unwrap().contains(value),
        "minimum" => value.as_f64().is_none_or(|x| x >= limit.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|x| x <= limit.as_f64().unwrap()),
        "multipleOf" => value.as_f64().is_none_or(|x| x % limit.as_f64().unwrap() == 0.0),
        "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= limit.as_u64().unwrap()),
        "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 <= limit.as_u64().unwrap()),
        "pattern" => {
            assert_eq!(limit, "^[^,，]*$");
            value.as_str().is_none_or(|text| !text.contains([',', '，']))
        }
        "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= limit.as_u64().unwrap()),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| accepts(limit, item))),
        "required" => limit.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
        "properties" => {
            let known = limit.as_object().unwrap().iter();
            known.into_iter().all(|(name, schema)| value.get(name).is_none_or(|value| accepts(schema, value)))
        }
        other => panic!("keyword {other}"),
    })
}

/// Values to try in every field: both sides of each limit in its schema, and each JSON type.
fn candidates(schema: &Value) -> Vec<Value> {
    let mut values = vec![json!(true), json!("x"), json!(1.5), json!(-1), json!(0), json!(1), json!([]), json!({})];
    let step = schema["multipleOf"].as_f64().unwrap_or(1.0);
    for limit in ["minimum", "maximum"].into_iter().filter_map(|keyword| schema[keyword].as_f64()) {
        values.extend([limit, limit - step, limit + step, limit + 0.5, limit - 0.001, limit + 0.001].map(Value::from));
    }
    for limit in ["minLength", "maxLength"].into_iter().filter_map(|keyword| schema[keyword].as_u64()) {
        let limit = limit as usize;
        values.extend([limit, limit.saturating_sub(1), limit + 1].map(|length| json!("字".repeat(length))));
    }
    values.extend(schema["enum"].as_array().into_iter().flatten().cloned());
    if let Some(limit) = schema["maxItems"].as_u64() {
        let fit = match schema["items"]["type"].as_str() {
            Some("integer") => json!(1),
            Some("object") => json!({"model_id": 1, "weight": 0.5}),
            _ => json!("https://a.example/b"),
        };
        values.extend([0, limit, limit + 1].map(|length| Value::Array(vec![fit.clone(); length as usize])));
        values.push(json!([{}]));
        values.push(json!([fit, "a,b"]));
        values.push(json!([{"model_id": 1, "weight": 100}]));
    }
    for value in ["https://a.example/b", "2026-01-01T00:00:00Z", "a\u{0}b"] {
        values.push(json!(value));
    }
    values
}

/// Values that a form reads and its schema does not mention, or the other way round: ids in digits, texts that are
/// blank or have control characters, addresses that are none. `format` is not checked by validators.
fn is_beyond_the_schema(schema: &Value, value: &Value) -> bool {
    let is_address = matches!(schema["format"].as_str(), Some("uri" | "uri-reference"));
    value.is_string() && (is_address || value.as_str().is_some_and(|text| text.contains('\u{0}')))
}

fn check<T: FormData>(schema: &Value, body: Value) -> usize {
    let mut compared = 0;
    let form_accepts = |body: &Value| T::FORM.create(body).is_ok();
    assert!(accepts(schema, &body) && form_accepts(&body), "{body}");
    for (name, field) in schema["properties"].as_object().unwrap() {
        for value in candidates(field).into_iter().filter(|value| !is_beyond_the_schema(field, value)) {
            let mut body = body.clone();
            body[name] = value;
            assert_eq!(form_accepts(&body), accepts(schema, &body), "{name}: {}", body[name]);
            compared += 1;
        }
        let mut without = body.clone();
        without.as_object_mut().unwrap().remove(name);
        assert_eq!(form_accepts(&without), accepts(schema, &without), "without {name}");
    }
    assert_eq!(form_accepts(&json!([])), accepts(schema, &json!([])));
    compared
}

#[tokio::test]
async fn the_schemas_accept_exactly_what_the_forms_accept() {
    let compared = check::<InferenceForm>(&schema("image").await, json!({"prompt": "a fox"}));
    assert!(compared > 200, "{compared}");
    let body = json!({"name": "Fox", "type": "lora"});
    let compared = check::<TrainingForm>(&schema("model").await, body);
    assert!(compared > 200, "{compared}");
}

#[tokio::test]
async fn the_documents_say_the_dialect_ranges_choices_and_defaults() {
    let image = schema("image").await;
    assert_eq!(image["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!((&image["title"], &image["x-title-zh"]), (&json!("Image"), &json!("圖像")));
    assert_eq!((&image["type"], &image["required"]), (&json!("object"), &json!(["prompt"])));
    let width = json!({"type": "integer", "minimum": 64, "maximum": 2048, "multipleOf": 8, "default": 512,
        "title": "Width", "x-title-zh": "寬度"});
    assert_eq!(image["properties"]["width"], width);
    assert_eq!(image["properties"]["scheduler"]["enum"].as_array().unwrap().len(), 6);
    let lora = &image["properties"]["loras"]["items"];
    assert_eq!((&lora["required"], &lora["properties"]["weight"]["default"]), (&json!(["model_id"]), &json!(1.0)));
    let model = schema("model").await;
    assert_eq!(model["required"], json!(["name", "type"]));
    let no_default: Vec<&str> = ["steps", "epochs", "seed", "resolution"]
        .into_iter()
        .filter(|name| model["properties"][name].get("default").is_some())
        .collect();
    assert_eq!(no_default, [""; 0]);
}

#[tokio::test]
async fn every_default_is_a_value_of_its_field() {
    for name in ["image", "model"] {
        let schema = schema(name).await;
        let properties: &Map<String, Value> = schema["properties"].as_object().unwrap();
        let defaults: Vec<(&Value, &Value)> =
            properties.values().filter_map(|field| Some((field, field.get("default")?))).collect();
        assert!(defaults.len() > 3, "{name}");
        for (field, default) in defaults {
            assert!(accepts(field, default), "{field}");
        }
    }
}
