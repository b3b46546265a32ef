//! The text of `spin.toml`: a component and an HTTP trigger per prefix for each function that has routes. The entry and
//! functions without routes exist on Workers only.

use std::fmt::Write;

use crate::bindings::{SECRETS, VARS};
use crate::workspace::{Function, Need, Workspace};

pub fn render(workspace: &Workspace) -> String {
    let mut toml = String::from(
        "spin_manifest_version = 2\n\n[application]\nname = \"easel\"\nversion = \"0.1.0\"\n\n[variables]\n",
    );
    // Spin's variables are lower-case.
    for (name, default) in VARS {
        let _ = writeln!(toml, "{} = {{ default = \"{default}\" }}", name.to_lowercase());
    }
    for (name, _) in SECRETS {
        let _ = writeln!(toml, "{} = {{ required = true, secret = true }}", name.to_lowercase());
    }
    for function in workspace.functions.iter().filter(|f| !f.spec.entry && !f.spec.routes.is_empty()) {
        component(&mut toml, function);
    }
    toml
}

fn component(toml: &mut String, function: &Function) {
    let name = &function.name;
    for route in &function.spec.routes {
        // `/api/tags/...` also matches `/api/tags`.
        let _ = write!(toml, "\n[[trigger.http]]\nroute = \"{route}/...\"\ncomponent = \"{name}\"\n");
    }
    let file = name.replace('-', "_");
    let _ = write!(toml, "\n[component.{name}]\nsource = \"target/wasm32-wasip2/wasm-release/{file}.wasm\"\n");
    if function.needs(Need::Sql) || function.needs(Need::Queue) || function.needs(Need::Hub) {
        let _ = writeln!(toml, "sqlite_databases = [\"default\"]");
    }
    if function.needs(Need::Kv) || function.needs(Need::Blobs) {
        let _ = writeln!(toml, "key_value_stores = [\"default\"]");
    }
    // Webhooks are where their users say; after each reply those due are told.
    let _ =
        write!(toml, "allowed_outbound_hosts = [\"http://*:*\", \"https://*:*\"]\n\n[component.{name}.variables]\n");
    for variable in VARS.iter().chain(&SECRETS).map(|(name, _)| name.to_lowercase()) {
        let _ = writeln!(toml, "{variable} = \"{{{{ {variable} }}}}\"");
    }
}
