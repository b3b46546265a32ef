//! The text of `spin.toml`: a component for each function with routes, and an HTTP trigger for each of its prefixes.
//! The entry and functions without routes exist on Workers only.

use std::fmt::Write;

use super::HEADER;
use crate::support::bindings::{SECRETS, VARS};
use crate::support::function::{Capability, Function};
use crate::support::workspace::Workspace;

pub fn render(workspace: &Workspace) -> String {
    let mut toml = format!(
        "{HEADER}spin_manifest_version = 2\n\n[application]\nname = \"easel\"\nversion = \"0.1.0\"\n\n[variables]\n",
    );
    // Spin requires variable names in lower case.
    for (name, default) in VARS {
        let _ = writeln!(toml, "{} = {{ default = \"{default}\" }}", name.to_lowercase());
    }
    for (name, _) in SECRETS {
        let _ = writeln!(toml, "{} = {{ required = true, secret = true }}", name.to_lowercase());
    }
    for function in workspace.resources() {
        write_component(&mut toml, function);
    }
    toml
}

fn write_component(toml: &mut String, function: &Function) {
    let name = &function.name;
    for route in &function.metadata.routes {
        // `/api/tags/...` also matches `/api/tags`.
        let _ = write!(toml, "\n[[trigger.http]]\nroute = \"{route}/...\"\ncomponent = \"{name}\"\n");
    }
    let _ =
        write!(toml, "\n[component.{name}]\nsource = \"target/wasm32-wasip2/wasm-release/{}\"\n", function.wasm_file());
    if function.needs(Capability::Sql) || function.needs(Capability::Queue) || function.needs(Capability::Hub) {
        let _ = writeln!(toml, "sqlite_databases = [\"default\"]");
    }
    if function.needs(Capability::Kv) || function.needs(Capability::Blobs) {
        let _ = writeln!(toml, "key_value_stores = [\"default\"]");
    }
    // Users choose the hosts of their webhooks. Due deliveries are sent after each reply.
    let _ =
        write!(toml, "allowed_outbound_hosts = [\"http://*:*\", \"https://*:*\"]\n\n[component.{name}.variables]\n");
    for variable in VARS.iter().chain(&SECRETS).map(|(name, _)| name.to_lowercase()) {
        let _ = writeln!(toml, "{variable} = \"{{{{ {variable} }}}}\"");
    }
}
