//! `cargo xtask openapi [--check]`: generates each function's `openapi.json` and merges them into the document that the
//! entry serves. A function's own document is written and checked by its test `openapi_is_fresh`.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

use crate::support::command::{cargo, run_visibly};
use crate::support::function::Function;
use crate::support::workspace::Workspace;

const FILE: &str = "openapi.json";

#[derive(clap::Args)]
pub struct Args {
    /// Change nothing; fail when the merged document is stale
    #[arg(long)]
    pub check: bool,
}

/// Writes the functions' documents and the merged one. With `check`, compares only the merged one.
pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let resources: Vec<&Function> = workspace.resources().collect();
    if !args.check && !resources.is_empty() {
        let mut cargo = cargo(workspace);
        cargo.args(["test", "--quiet", "--lib"]).env("UPDATE_OPENAPI", "1");
        for function in &resources {
            cargo.args(["-p", &function.name]);
        }
        run_visibly(cargo.args(["--", "openapi_is_fresh"]))?;
    }
    let fragments = resources.iter().map(|function| fragment(function)).collect::<Result<Vec<_>>>()?;
    let merged = serde_json::to_string_pretty(&merge(fragments)?)? + "\n";
    let path = workspace.entry()?.dir.join(FILE);
    if fs::read_to_string(&path).is_ok_and(|existing| existing == merged) {
        return Ok(());
    }
    ensure!(!args.check, "stale: {}; run: cargo xtask openapi", path.display());
    fs::write(&path, merged)?;
    eprintln!("openapi: wrote {}", path.display());
    Ok(())
}

/// Reads a function's document: (name of the function, JSON).
fn fragment(function: &Function) -> Result<(String, Value)> {
    let path = function.dir.join(FILE);
    let text = fs::read_to_string(&path)
        .with_context(|| format!("{} is missing: {} needs the test openapi_is_fresh", path.display(), function.name))?;
    let value = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    Ok((function.name.clone(), value))
}

/// Merges paths and components into one OpenAPI 3.1 document.
///
/// # Errors
/// Two functions describe a path or component of the same name differently.
fn merge(fragments: Vec<(String, Value)>) -> Result<Value> {
    let mut paths = Map::new();
    let mut components = shared_components();
    for (function, fragment) in &fragments {
        insert_all(&mut paths, fragment.get("paths"), function)?;
        for (kind, named) in fragment.get("components").and_then(Value::as_object).into_iter().flatten() {
            let kind = components.entry(kind.clone()).or_insert_with(|| json!({}));
            insert_all(kind.as_object_mut().context("components are objects")?, Some(named), function)?;
        }
    }
    Ok(json!({
        "openapi": "3.1.0",
        "info": {"title": "Easel", "version": env!("CARGO_PKG_VERSION")},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": components,
    }))
}

/// Components that all functions refer to: the error reply and the authentication schemes.
fn shared_components() -> Map<String, Value> {
    let text = json!({"type": "string"});
    let error = json!({"type": "object", "required": ["error"], "properties": {"error": {
        "type": "object", "required": ["code", "message", "param"],
        "properties": {"code": text, "message": text, "param": {"type": ["string", "null"]}},
    }}});
    let scopes = "An API key (`sk-…`). What is listed with an operation is the scope the key needs for it: `read`, \
        `tasks` or `write`. It may also be sent as a bearer token.";
    let shared = json!({
        "responses": {"Error": {"description": "Why not", "content": {"application/json": {"schema": error}}}},
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer", "description": "A session's token, or an API key"},
            "token": {"type": "apiKey", "in": "header", "name": "token", "description": "The same without `Bearer`"},
            "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": scopes},
        },
    });
    shared.as_object().cloned().unwrap_or_default()
}

/// Copies the members of `from`, a JSON object, into `into`. Fails when a name exists with another value.
fn insert_all(into: &mut Map<String, Value>, from: Option<&Value>, function: &str) -> Result<()> {
    for (name, value) in from.and_then(Value::as_object).into_iter().flatten() {
        match into.get(name) {
            Some(other) if other != value => bail!("{function} describes {name} unlike another function"),
            _ => into.insert(name.clone(), value.clone()),
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_are_merged_into_one_document() {
        let tags =
            json!({"paths": {"/api/tags": {"get": 1}}, "components": {"schemas": {"Error": {"type": "object"}}}});
        let users =
            json!({"paths": {"/api/users": {"get": 2}}, "components": {"schemas": {"Error": {"type": "object"}}}});
        let merged = merge(vec![("tags".into(), tags.clone()), ("users".into(), users)]).expect("no clash");
        assert_eq!(merged["paths"].as_object().map(Map::len), Some(2));
        assert_eq!(merged["components"]["schemas"]["Error"]["type"], "object");
        assert!(merged["components"]["responses"]["Error"].is_object());

        let clash = json!({"components": {"schemas": {"Error": {"type": "string"}}}});
        let error = merge(vec![("tags".into(), tags), ("users".into(), clash)]).expect_err("two meanings of Error");
        assert!(error.to_string().contains("users describes Error"));
    }
}
