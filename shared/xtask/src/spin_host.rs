//! The functions' Spin components running in Node, for the tests: no Spin host is to be had from a package registry.
//! `tests/spin/host.mjs` does the work; this builds the components, starts it and stops it.

use std::path::Path;
use std::process::{ChildStdin, Stdio};

use anyhow::{Context, Result};

use crate::bindings::VARS;
use crate::edge::{launched, secrets};
use crate::process::{Group, Stop};
use crate::setup::{Tools, cargo, shown};
use crate::workspace::{Function, Workspace};

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "wasm-dev";

/// A running host.
pub struct SpinHost {
    pub url: String,
    _group: Group,
    /// The host ends when this closes, also when this process is killed.
    _alive: ChildStdin,
}

/// The functions that are Spin components: those with routes, but for the entry, which on Spin is the host itself.
fn components(workspace: &Workspace) -> Vec<&Function> {
    workspace.functions.iter().filter(|f| !f.spec.entry && !f.spec.routes.is_empty()).collect()
}

/// Builds all components in one cargo call.
pub fn build(workspace: &Workspace) -> Result<()> {
    let mut cargo = cargo(workspace);
    cargo.args(["build", "--target", TARGET, "--profile", PROFILE]).current_dir(&workspace.root);
    for function in components(workspace) {
        cargo.args(["-p", &function.name]);
    }
    shown(&mut cargo)
}

impl SpinHost {
    /// Starts it with an empty database and returns when it answers. `scratch` takes the translated components.
    pub fn start(workspace: &Workspace, tools: &Tools, scratch: &Path, stop: &Stop) -> Result<SpinHost> {
        let built = workspace.target.join(TARGET).join(PROFILE);
        let mut host = tools.node(workspace.path("tests/spin/host.mjs"));
        host.arg(scratch).arg(workspace.path("shared/migrations"));
        for function in components(workspace) {
            let file = built.join(format!("{}.wasm", function.name.replace('-', "_")));
            for route in &function.spec.routes {
                host.arg(format!("{route}={}", file.display()));
            }
        }
        // Those of the manifest, as a Spin host would have them.
        let vars = VARS.into_iter().map(|(name, value)| (name, value.to_string()));
        for (name, value) in vars.chain(secrets()) {
            host.env(format!("SPIN_VARIABLE_{name}"), value);
        }
        host.current_dir(&workspace.root).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut group = Group::spawn(&mut host)?;
        let alive = group.stdin().context("the host has a standard input")?;
        let url = launched(&mut group, stop)?;
        Ok(SpinHost { url, _group: group, _alive: alive })
    }
}
