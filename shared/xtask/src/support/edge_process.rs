//! The local edge: all Workers in one workerd process, at one address. `edge.mjs` runs it; this file starts the script,
//! waits until it is ready, and stops it.

mod launch_plan;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{ChildStdin, Stdio};

use anyhow::{Context, Result, ensure};

use launch_plan::{BundledWorker, LaunchPlan};

use super::bindings::Worker;
use super::build_profile::BuildProfile;
use super::launcher::wait_until_ready;
use super::process_group::ProcessGroup;
use super::shutdown::ShutdownSignal;
use super::tools::Tools;
use super::workspace::Workspace;

pub struct EdgeOptions {
    /// Port of the entry on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Folder for the data of D1, KV, R2 and Durable Objects.
    pub state: PathBuf,
    /// Determines which bundles run. They must have been built.
    pub profile: BuildProfile,
    /// Variables that replace those of the manifests.
    pub vars: BTreeMap<String, String>,
}

/// A running edge. Dropping it stops it.
pub struct EdgeProcess {
    pub url: String,
    group: ProcessGroup,
    /// Closing this pipe ends the launcher, so it also ends when this process is killed.
    _stdin: ChildStdin,
}

impl EdgeProcess {
    /// Starts the edge and returns when it answers requests.
    pub fn start(
        workspace: &Workspace,
        tools: &Tools,
        options: &EdgeOptions,
        shutdown: &ShutdownSignal,
    ) -> Result<Self> {
        Self::start_with_direct_workers(workspace, tools, options, Vec::new(), shutdown)
    }

    /// Starts the edge with some Workers also reachable at ports of their own.
    pub fn start_with_direct_workers(
        workspace: &Workspace,
        tools: &Tools,
        options: &EdgeOptions,
        direct_workers: Vec<DirectWorker>,
        shutdown: &ShutdownSignal,
    ) -> Result<Self> {
        check_port(options.port)?;
        fs::create_dir_all(&options.state)?;
        let mut launcher = tools.node(workspace.path("shared/xtask/edge.mjs"));
        launcher.current_dir(&workspace.root).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut group = ProcessGroup::spawn(&mut launcher)?;
        let mut stdin = group.take_stdin().context("the launcher's standard input is not piped")?;
        serde_json::to_writer(&stdin, &LaunchPlan::new(workspace, options, direct_workers)?)?;
        writeln!(stdin)?;
        let url = wait_until_ready(&mut group, shutdown)?;
        Ok(Self { url, group, _stdin: stdin })
    }

    /// The id of the launcher, the parent process of workerd.
    pub fn launcher_id(&self) -> u32 {
        self.group.id()
    }

    /// Reports whether the launcher still runs.
    pub fn is_running(&mut self) -> bool {
        self.group.exit_status().is_none()
    }
}

/// A Worker that is also reachable at a port of its own, without the entry in between.
pub struct DirectWorker {
    name: String,
    port: u16,
    /// A Worker that is not one of the functions.
    extra: Option<BundledWorker>,
}

impl DirectWorker {
    /// The Worker of a function.
    pub fn of_function(worker_name: String) -> Result<Self> {
        // Another process could take the port before workerd listens on it; that is unlikely enough.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        Ok(Self { name: worker_name, port, extra: None })
    }

    /// A Worker in addition to the functions, with its bundle in `dir`.
    pub fn extra(worker: Worker, dir: PathBuf) -> Result<Self> {
        let direct = Self::of_function(worker.name.clone())?;
        Ok(Self { extra: Some(BundledWorker { worker, dir }), ..direct })
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// Fails when another process listens on `port`. Port 0 is always free.
pub fn check_port(port: u16) -> Result<()> {
    let free = port == 0 || TcpListener::bind(("127.0.0.1", port)).is_ok();
    ensure!(free, "port {port} is taken: stop the process that listens on it, or pass another --port");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_an_error() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        assert!(check_port(port).is_err());
        assert!(check_port(0).is_ok());
    }
}
