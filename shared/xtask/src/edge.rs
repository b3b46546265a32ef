//! The local edge, as dev, test and bench use it: all Workers on real workerd at one address, for as long as the value
//! lives. `edge.mjs` does the work; this starts it, waits until it is ready and stops it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{ChildStdin, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::bindings::{self, COMPATIBILITY_DATE, Worker};
use crate::bundle;
use crate::process::{Group, Stop};
use crate::setup::Tools;
use crate::workspace::Workspace;

/// The secrets on one's own machine: known to all, good for nothing else.
pub const DEV_SECRETS: [(&str, &str); 6] = [
    ("JWT_KEYS", "dev:dev-only-key-of-session-tokens-not-for-any-deployment-at-all-0123456789"),
    ("RUNNER_KEY", "dev-only-key-of-runner-tokens-not-for-any-deployment-0123456789"),
    ("RUNNER_REGISTRATION_TOKEN", "dev-only-registration-token"),
    ("QUEUE_TOKEN", "dev-only-queue-token"),
    ("ADMIN_EMAIL", "admin@example.com"),
    ("ADMIN_PASSWORD", "admin-dev-only"),
];

/// The value of one of [`DEV_SECRETS`].
pub fn dev_secret(name: &str) -> &'static str {
    DEV_SECRETS.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
}

pub struct Options {
    /// 0 takes a free one.
    pub port: u16,
    /// Where D1, KV, R2 and Durable Objects are kept.
    pub state: PathBuf,
    /// The optimised bundles instead of the quickly built ones.
    pub release: bool,
    /// Variables other than those of the manifests.
    pub vars: BTreeMap<String, String>,
}

/// A running edge.
pub struct Edge {
    pub url: String,
    group: Group,
    /// The launcher ends when this closes, also when this process is killed.
    _alive: ChildStdin,
}

#[derive(Serialize)]
struct Plan<'a> {
    port: u16,
    state: &'a PathBuf,
    migrations: PathBuf,
    compatibility_date: &'static str,
    secrets: BTreeMap<&'static str, &'static str>,
    workers: Vec<Placed>,
}

#[derive(Serialize)]
struct Placed {
    #[serde(flatten)]
    worker: Worker,
    dir: PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Ready(String),
    Error(String),
}

impl Edge {
    /// Starts it and returns when it answers.
    pub fn start(workspace: &Workspace, tools: &Tools, options: &Options, stop: &Stop) -> Result<Self> {
        check_port(options.port)?;
        fs::create_dir_all(&options.state)?;
        let mut launcher = tools.node(workspace.path("shared/xtask/edge.mjs"));
        launcher.current_dir(&workspace.root).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut group = Group::spawn(&mut launcher)?;
        let mut alive = group.stdin().context("the launcher has a standard input")?;
        serde_json::to_writer(&alive, &plan(workspace, options)?)?;
        writeln!(alive)?;
        let url = launched(&mut group, stop)?;
        Ok(Self { url, group, _alive: alive })
    }

    /// False when it has ended by itself.
    pub fn runs(&mut self) -> bool {
        self.group.ended().is_none()
    }
}

/// Fails when something listens on `port` already; 0 is always free.
pub fn check_port(port: u16) -> Result<()> {
    let free = port == 0 || TcpListener::bind(("127.0.0.1", port)).is_ok();
    ensure!(free, "port {port} is taken: stop what listens there or pass another --port");
    Ok(())
}

fn plan<'a>(workspace: &Workspace, options: &'a Options) -> Result<Plan<'a>> {
    let mut workers = Vec::new();
    for function in &workspace.functions {
        let mut worker = bindings::worker(workspace, function)?;
        worker.vars.extend(options.vars.iter().map(|(name, value)| (name.clone(), json!(value))));
        workers.push(Placed { worker, dir: bundle::dir(workspace, function, options.release) });
    }
    Ok(Plan {
        port: options.port,
        state: &options.state,
        migrations: workspace.path("shared/migrations"),
        compatibility_date: COMPATIBILITY_DATE,
        secrets: DEV_SECRETS.into_iter().collect(),
        workers,
    })
}

/// The address a launcher tells on its standard output when it is ready. Its other output goes on to ours.
pub fn launched(group: &mut Group, stop: &Stop) -> Result<String> {
    let output = group.stdout().context("the launcher has a standard output")?;
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            match serde_json::from_str::<Answer>(&line) {
                Ok(answer) => drop(tell.send(answer)),
                Err(_) => eprintln!("{line}"),
            }
        }
    });
    loop {
        match told.recv_timeout(Duration::from_millis(50)) {
            Ok(Answer::Ready(url)) => return Ok(url),
            Ok(Answer::Error(text)) => bail!("it does not start: {text}"),
            Err(RecvTimeoutError::Timeout) if stop.is_set() => bail!("stopped before it was ready"),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => bail!("it ended before it was ready"),
        }
    }
}
