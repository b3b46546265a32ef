use domain::Lang;

use super::*;
use crate::form::field_type::number;

static FORM: Form = Form(&[
    Field::new("name", true, Input::new(FieldType::Text { min: 1, max: 8 }, "Name", "名稱")),
    Field::new(
        "page_size",
        false,
        Input::new(FieldType::Int { min: 8, max: 64, step: 8 }, "Size", "大小").or(Default::Int(16)),
    ),
    Field::new("kind", false, Input::new(FieldType::OneOf(&[("inference", &["推理"])]), "Kind", "類型")),
    Field::new("scale", false, Input::new(FieldType::Number { min: 1.0, max: 20.0 }, "Scale", "權重")),
    Field::new("urls", false, Input::new(FieldType::List { of: &FieldType::Url, max: 2 }, "URLs", "網址")),
    Field::new("email", false, Input::new(FieldType::Email, "E-mail", "電子郵件")),
]);

fn refused(body: Value) -> String {
    let error = FORM.create(&body).unwrap_err();
    format!("{} {}", error.code(), error.field.as_deref().unwrap_or("-"))
}

#[test]
fn values_are_canonical_and_defaults_filled_in() {
    let v = FORM.create(&json!({"name": " 貓 ", "pageSize": 24.0, "kind": "推理", "scale": null, "x": 1})).unwrap();
    assert_eq!(Value::Object(v), json!({"name": "貓", "page_size": 24, "kind": "inference"}));
    assert_eq!(FORM.create(&json!({"name": "a"})).unwrap()["page_size"], 16);
}

#[test]
fn every_breach_names_its_field() {
    assert_eq!(refused(json!([])), "malformed_json -");
    assert_eq!(refused(json!({})), "missing_parameter name");
    assert_eq!(refused(json!({"name": ""})), "invalid_parameter name");
    assert_eq!(refused(json!({"name": 5})), "invalid_parameter name");
    assert_eq!(refused(json!({"name": "a\u{0}"})), "invalid_parameter name");
    for size in [json!(9), json!(72), json!("16"), json!(1e300), json!(16.5), json!(-8)] {
        assert_eq!(refused(json!({"name": "a", "page_size": size})), "invalid_parameter page_size");
    }
    for url in ["ftp://x", "https://", "https:///x", "http://a b", "javascript:1"] {
        assert_eq!(refused(json!({"name": "a", "urls": [url]})), "invalid_parameter urls");
    }
    for mail in ["a", "a@b", "a@b..c", "a b@c.d", "@c.d", "a@", "<a>@b.c"] {
        assert_eq!(refused(json!({"name": "a", "email": mail})), "invalid_parameter email", "{mail}");
    }
    assert_eq!(refused(json!({"name": "a", "scale": 20.001})), "invalid_parameter scale");
}

#[test]
fn patches_need_something() {
    assert_eq!(FORM.patch(&json!({"other": 1})).unwrap_err().code(), "nothing_to_change");
    assert!(!FORM.patch(&json!({"scale": 2})).unwrap().contains_key("name"));
}

#[test]
fn messages_speak_the_callers_language() {
    let error = FORM.create(&json!({"name": "a", "page_size": 9})).unwrap_err();
    assert_eq!(error.text(Lang::En), "page_size must be a multiple of 8 from 8 to 64.");
    assert_eq!(error.text(Lang::Hant), "page_size 必須是 8 到 64 之間 8 的倍數。");
    let error = FORM.create(&json!({"name": "a", "scale": 0})).unwrap_err();
    assert_eq!(error.text(Lang::En), "scale must be a number from 1 to 20.");
    let error = FORM.create(&json!({"name": "a", "urls": [1]})).unwrap_err();
    assert_eq!(error.text(Lang::Hans), "urls 必须是最多 2 项的列表，每项为 http 或 https 网址。");
    assert_eq!(number(-0.25), "-0.25");
}

#[test]
fn future_times_are_later_than_now() {
    let refused = require_future("end", Some(Millis(1000)), Millis(1000)).unwrap_err();
    let text = "end must be a time in the future.";
    assert_eq!((refused.field.as_deref(), refused.text(Lang::En).as_str()), (Some("end"), text));
    assert_eq!(require_future("end", Some(Millis(1001)), Millis(1000)), Ok(()));
    assert_eq!(require_future("end", None, Millis(1000)), Ok(()));
}

#[test]
fn the_schema_says_what_is_checked() {
    let schema = FORM.schema();
    assert_eq!(schema["required"], json!(["name"]));
    assert_eq!(schema["properties"]["page_size"]["default"], json!(16));
    assert_eq!(schema["properties"]["kind"]["enum"], json!(["inference", "推理"]));
}

crate::form! {
    /// An element.
    #[derive(Debug, PartialEq)]
    struct Element {
        kind: String = Input::new(FieldType::Word { max: 9 }, "Type", "類型").named("type"),
        weight: f64 = Input::new(FieldType::Number { min: 0.0, max: 1.0 }, "Weight", "權重").or(Default::Number(0.5)),
    }
}

crate::form! {
    /// Every type of field.
    #[derive(Debug, PartialEq)]
    struct Whole {
        name: String = Input::new(FieldType::Text { min: 1, max: 9 }, "Name", "名稱"),
        count: u16 = Input::new(FieldType::Int { min: 0, max: 9, step: 1 }, "Count", "數量").or(Default::Int(3)),
        end: Option<Millis> = Input::new(FieldType::Time, "End", "到期"),
        elements: Vec<Element> = Input::new(
            FieldType::List { of: &FieldType::Object(&Element::FORM), max: 2 },
            "Elements",
            "元素",
        ),
        wrong: Option<bool> = Input::new(FieldType::Int { min: 0, max: 9, step: 1 }, "Wrong", "錯"),
    }
}

#[test]
fn forms_are_read_into_their_structs() {
    let body =
        json!({"name": "a", "end": "1970-01-01T00:00:01Z", "elements": [{"type": "x"}, {"type": "y", "weight": 1}]});
    let element = |kind: &str, weight| Element { kind: kind.into(), weight };
    let expected = Whole {
        name: "a".into(),
        count: 3,
        end: Some(Millis(1000)),
        elements: vec![element("x", 0.5), element("y", 1.0)],
        wrong: None,
    };
    assert_eq!(Whole::read(&body), Ok(expected));
    let nested = Whole::read(&json!({"name": "a", "elements": [{}]})).unwrap_err();
    assert_eq!((nested.code(), nested.field.as_deref()), ("invalid_parameter", Some("elements")));
}

#[test]
fn a_struct_that_does_not_fit_its_form_is_our_mistake() {
    assert_eq!(Whole::read(&json!({"name": "a", "wrong": 1})).unwrap_err().code(), "internal_error");
}
