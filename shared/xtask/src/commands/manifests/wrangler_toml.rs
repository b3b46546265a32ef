//! The texts of `wrangler.toml`: one for each Worker, and one for the database's migrations.

use std::fmt::Write;

use anyhow::Result;
use serde_json::Value;

use super::HEADER;
use crate::support::bindings::{self, COMPATIBILITY_DATE, DATABASE, SECRETS, Worker};
use crate::support::function::Function;
use crate::support::workspace::Workspace;

/// The manifest at the root, which `wrangler d1 migrations` reads.
pub fn for_migrations() -> String {
    format!(
        "{HEADER}# For the database alone: cargo xtask wrangler d1 migrations apply {DATABASE} --remote\n\n\
         name = \"easel\"\ncompatibility_date = \"{COMPATIBILITY_DATE}\"\n\n\
         [[d1_databases]]\nbinding = \"DB\"\ndatabase_name = \"{DATABASE}\"\nmigrations_dir = \"shared/migrations\"\n"
    )
}

/// The manifest of a function's Worker.
pub fn for_function(workspace: &Workspace, function: &Function) -> Result<String> {
    let worker = bindings::worker(workspace, function)?;
    let mut toml = String::from(HEADER);
    toml.push_str("# Secrets, set once each with `cargo xtask wrangler secret put NAME -c` this file:\n");
    for (name, description) in SECRETS {
        let _ = writeln!(toml, "#   {name}: {description}");
    }
    let name = &function.name;
    let _ = write!(
        toml,
        "\nname = \"{}\"\nmain = \"../../target/functions-release/{name}/index.js\"\n\
         compatibility_date = \"{COMPATIBILITY_DATE}\"\nworkers_dev = {}\n\n[observability]\nenabled = true\n",
        worker.name, worker.entry
    );
    write_resources(&mut toml, &worker);
    write_durable_objects(&mut toml, function, &worker);
    write_vars(&mut toml, &worker);
    Ok(toml)
}

/// Service bindings, D1, KV and R2.
fn write_resources(toml: &mut String, worker: &Worker) {
    for (binding, service) in &worker.services {
        let _ = write!(toml, "\n[[services]]\nbinding = \"{binding}\"\nservice = \"{service}\"\n");
    }
    for (binding, name) in &worker.d1 {
        let _ = write!(toml, "\n[[d1_databases]]\nbinding = \"{binding}\"\ndatabase_name = \"{name}\"\n");
    }
    for (binding, id) in &worker.kv {
        let _ = write!(toml, "\n[[kv_namespaces]]\nbinding = \"{binding}\"\nid = \"{id}\"\n");
    }
    for (binding, name) in &worker.r2 {
        let _ = write!(toml, "\n[[r2_buckets]]\nbinding = \"{binding}\"\nbucket_name = \"{name}\"\n");
    }
}

/// Durable Objects and cron triggers.
fn write_durable_objects(toml: &mut String, function: &Function, worker: &Worker) {
    for (binding, object) in &worker.durable_objects {
        let _ =
            write!(toml, "\n[[durable_objects.bindings]]\nname = \"{binding}\"\nclass_name = \"{}\"\n", object.class);
        if object.script != worker.name {
            let _ = writeln!(toml, "script_name = \"{}\"", object.script);
        }
    }
    let classes: Vec<&str> = function.metadata.durable_objects.values().map(String::as_str).collect();
    if !classes.is_empty() {
        let _ = write!(toml, "\n[[migrations]]\ntag = \"v1\"\nnew_sqlite_classes = {classes:?}\n");
    }
    if !worker.crons.is_empty() {
        let _ = write!(toml, "\n[triggers]\ncrons = {:?}\n", worker.crons);
    }
}

/// Variables; those with an object as value become tables.
fn write_vars(toml: &mut String, worker: &Worker) {
    toml.push_str("\n[vars]\n");
    let (tables, plain): (Vec<_>, Vec<_>) = worker.vars.iter().partition(|(_, value)| value.is_object());
    for (name, value) in plain {
        let _ = writeln!(toml, "{name} = {value}");
    }
    for (name, table) in tables {
        let _ = write!(toml, "\n[vars.{name}]\n");
        for (key, value) in table.as_object().into_iter().flatten() {
            let _ = writeln!(toml, "{} = {value}", Value::from(key.as_str()));
        }
    }
}
