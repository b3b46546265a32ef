//! The functions' Spin components running in Node, for tests: package registries have no Spin host.
//! `tests/spin/host.mjs` runs them; this file builds the components, starts the script and stops it.

use std::path::Path;
use std::process::{ChildStdin, Stdio};

use anyhow::{Context, Result};

use super::bindings::VARS;
use super::command::{cargo, run_visibly};
use super::dev_secrets;
use super::launcher::wait_until_ready;
use super::process_group::ProcessGroup;
use super::shutdown::ShutdownSignal;
use super::tools::Tools;
use super::workspace::Workspace;

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "wasm-dev";

/// A running host. Dropping it stops it.
pub struct SpinHost {
    pub url: String,
    _group: ProcessGroup,
    /// Closing this pipe ends the host, so it also ends when this process is killed.
    _stdin: ChildStdin,
}

/// Builds all components in one cargo call.
pub fn build(workspace: &Workspace) -> Result<()> {
    let mut cargo = cargo(workspace);
    cargo.args(["build", "--target", TARGET, "--profile", PROFILE]);
    for function in workspace.resources() {
        cargo.args(["-p", &function.name]);
    }
    run_visibly(&mut cargo)
}

impl SpinHost {
    /// Starts the host with an empty database and returns when it answers requests.
    ///
    /// jco writes the translated components into `translated`. It must be inside the repository: the components look
    /// for their WASI library in the `node_modules` above them.
    pub fn start(
        workspace: &Workspace,
        tools: &Tools,
        translated: &Path,
        shutdown: &ShutdownSignal,
    ) -> Result<SpinHost> {
        let built = workspace.target.join(TARGET).join(PROFILE);
        let mut host = tools.node(workspace.path("tests/spin/host.mjs"));
        host.arg(translated).arg(workspace.path("shared/migrations"));
        for function in workspace.resources() {
            let file = built.join(function.wasm_file());
            for route in &function.metadata.routes {
                host.arg(format!("{route}={}", file.display()));
            }
        }
        let vars = VARS.into_iter().map(|(name, value)| (name, value.to_string()));
        for (name, value) in vars.chain(dev_secrets::all()) {
            host.env(format!("SPIN_VARIABLE_{name}"), value);
        }
        host.current_dir(&workspace.root).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut group = ProcessGroup::spawn(&mut host)?;
        let stdin = group.take_stdin().context("the host's standard input is not piped")?;
        let url = wait_until_ready(&mut group, shutdown)?;
        Ok(SpinHost { url, _group: group, _stdin: stdin })
    }
}
