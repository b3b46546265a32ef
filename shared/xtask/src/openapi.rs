//! `cargo xtask openapi [--check]`: each function writes what its routes say into its `openapi.json` (its test
//! `openapi_is_fresh` does it); here they become the one document the entry serves.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

use crate::setup::{cargo, shown};
use crate::workspace::{Function, Workspace};

const FILE: &str = "openapi.json";

/// Renews the fragments and the merged document; with `check` only fails when the latter is stale (the fragments are
/// checked by their functions' own tests).
pub fn run(workspace: &Workspace, check: bool) -> Result<()> {
    let parts: Vec<&Function> =
        workspace.functions.iter().filter(|f| !f.spec.entry && !f.spec.routes.is_empty()).collect();
    if !check && !parts.is_empty() {
        let mut cargo = cargo(workspace);
        cargo.args(["test", "--quiet", "--lib"]).env("UPDATE_OPENAPI", "1").current_dir(&workspace.root);
        for function in &parts {
            cargo.args(["-p", &function.name]);
        }
        shown(cargo.args(["--", "openapi_is_fresh"]))?;
    }
    let fragments = parts.iter().map(|function| fragment(function)).collect::<Result<Vec<_>>>()?;
    let merged = serde_json::to_string_pretty(&merge(fragments)?)? + "\n";
    let entry = workspace.functions.iter().find(|f| f.spec.entry).context("there is an entry")?;
    let path = entry.dir.join(FILE);
    if fs::read_to_string(&path).is_ok_and(|have| have == merged) {
        return Ok(());
    }
    ensure!(!check, "stale: {}; run: cargo xtask openapi", path.display());
    fs::write(&path, merged)?;
    eprintln!("openapi: wrote {}", path.display());
    Ok(())
}

fn fragment(function: &Function) -> Result<(String, Value)> {
    let path = function.dir.join(FILE);
    let text = fs::read_to_string(&path)
        .with_context(|| format!("{} is missing: {} needs the test openapi_is_fresh", path.display(), function.name))?;
    let value = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    Ok((function.name.clone(), value))
}

/// All paths, and all components by kind and name. The same name may come twice only with the same content.
fn merge(fragments: Vec<(String, Value)>) -> Result<Value> {
    let mut paths = Map::new();
    let mut components = shared();
    for (function, fragment) in &fragments {
        join(&mut paths, fragment.get("paths"), function)?;
        for (kind, named) in fragment.get("components").and_then(Value::as_object).into_iter().flatten() {
            let kind = components.entry(kind.clone()).or_insert_with(|| json!({}));
            join(kind.as_object_mut().context("components are objects")?, Some(named), function)?;
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

/// What the fragments refer to and none of them owns: the error envelope, and the ways to say who is asking.
fn shared() -> Map<String, Value> {
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

fn join(into: &mut Map<String, Value>, from: Option<&Value>, function: &str) -> Result<()> {
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
    fn fragments_become_one_document() {
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
