//! Holds docs/API.md to the code: its table of errors to `domain::messages`, its operations and field names to the
//! OpenAPI document that the gateway serves. It must not know what an operation does.

#![allow(clippy::expect_used, clippy::panic)] // Tests may panic.

use std::collections::{BTreeMap, BTreeSet};

use domain::messages::ALL;
use serde_json::Value;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// Operations that the gateway answers itself. They belong to no function, so OpenAPI does not list them.
const GATEWAY: [&str; 3] = ["GET /", "GET /healthz", "GET /api/openapi.json"];

fn read(path: &str) -> String {
    let path = format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn document() -> String {
    read("docs/API.md")
}

fn openapi() -> Value {
    serde_json::from_str(&read("functions/gateway/openapi.json")).expect("openapi.json is JSON")
}

/// Rows ``| `code` | 400 | text |`` with a status from 400 on: code, status, text.
fn error_rows(document: &str) -> Vec<(String, u16, String)> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
        let [code, status, text] = cells.as_slice() else { return None };
        let code = code.strip_prefix('`')?.strip_suffix('`').filter(|code| !code.contains('`'))?;
        let status = status.parse().ok().filter(|status| *status >= 400)?;
        Some((code.to_owned(), status, (*text).to_owned()))
    };
    document.lines().filter_map(row).collect()
}

/// Inline code spans, without fenced blocks.
fn code_spans(document: &str) -> Vec<&str> {
    let prose = document.split("```").step_by(2);
    prose.flat_map(str::lines).flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

/// `METHOD /path` of each operation in OpenAPI.
fn operations(openapi: &Value) -> impl Iterator<Item = (String, &Value)> {
    let paths = openapi["paths"].as_object().expect("OpenAPI has paths");
    paths.iter().flat_map(|(path, operations)| {
        let operations = operations.as_object().into_iter().flatten();
        operations.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    })
}

/// Property names of a JSON Schema, those of nested schemas included.
fn properties(schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            names.extend(schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()));
            members.values().for_each(|member| properties(member, names));
        }
        Value::Array(items) => items.iter().for_each(|item| properties(item, names)),
        _ => {}
    }
}

#[test]
fn the_error_table_has_every_code_with_its_english_text() {
    let document = document();
    let rows = error_rows(&document);
    let documented: BTreeSet<(&str, &str)> =
        rows.iter().map(|(code, _, text)| (code.as_str(), text.as_str())).collect();
    let catalogue: BTreeSet<(&str, &str)> = ALL.iter().map(|message| (message.code, message.text.en)).collect();
    let missing: Vec<_> = catalogue.difference(&documented).collect();
    let unknown: Vec<_> = documented.difference(&catalogue).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "not documented: {missing:#?}; no such message: {unknown:#?}");
    assert_eq!(rows.len(), ALL.len(), "a code stands in the table twice");
}

/// Which status a kind has is decided in `web::dialect`. The table must agree with itself: one status for each kind,
/// and no status for two kinds.
#[test]
fn errors_of_one_kind_have_one_status() {
    let rows: BTreeMap<String, u16> =
        error_rows(&document()).into_iter().map(|(code, status, _)| (code, status)).collect();
    let mut statuses: BTreeMap<String, BTreeSet<Option<u16>>> = BTreeMap::new();
    for message in ALL {
        statuses.entry(format!("{:?}", message.kind)).or_default().insert(rows.get(message.code).copied());
    }
    assert!(statuses.values().all(|of_kind| of_kind.len() == 1), "{statuses:?}");
    let distinct: BTreeSet<Option<u16>> = statuses.values().flatten().copied().collect();
    assert_eq!(distinct.len(), statuses.len(), "{statuses:?}");
}

#[test]
fn the_operations_are_those_of_openapi() {
    let (document, openapi) = (document(), openapi());
    let is_operation = |span: &&str| {
        span.split_once(' ').is_some_and(|(method, path)| METHODS.contains(&method) && path.starts_with('/'))
    };
    let documented: BTreeSet<&str> = code_spans(&document).into_iter().filter(is_operation).collect();
    let served: Vec<String> = operations(&openapi).map(|(operation, _)| operation).collect();
    let served: BTreeSet<&str> = served.iter().map(String::as_str).chain(GATEWAY).collect();
    let missing: Vec<_> = served.difference(&documented).collect();
    let unknown: Vec<_> = documented.difference(&served).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "not documented: {missing:?}; not served: {unknown:?}");
}

#[test]
fn every_field_and_parameter_is_named() {
    let (document, openapi) = (document(), openapi());
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let words: BTreeSet<&str> = document.split(|c| !is_word(c)).collect();
    let mut names = BTreeSet::new();
    properties(&openapi, &mut names);
    for (_, operation) in operations(&openapi) {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        names.extend(parameters.filter_map(|parameter| parameter["name"].as_str()).map(|name| name.replace('*', "")));
    }
    assert!(names.len() > 100, "the schemas were read: {names:?}");
    let missing: Vec<_> = names.iter().filter(|name| !words.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "not in docs/API.md: {missing:?}");
}
