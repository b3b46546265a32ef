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
const DEV_SECRETS: [(&str, &str); 6] = [
    ("JWT_KEYS", "dev:dev-only-key-of-session-tokens-not-for-any-deployment-at-all-0123456789"),
    ("RUNNER_KEY", "dev-only-key-of-runner-tokens-not-for-any-deployment-0123456789"),
    ("RUNNER_REGISTRATION_TOKEN", "dev-only-registration-token"),
    ("QUEUE_TOKEN", "dev-only-queue-token"),
    ("ADMIN_EMAIL", "admin@example.com"),
    ("ADMIN_PASSWORD", "admin-dev-only"),
];

/// The secrets of a local edge. Who the first administrator is may be set in the environment.
pub fn secrets() -> BTreeMap<&'static str, String> {
    DEV_SECRETS.into_iter().map(|(name, value)| (name, given(name).unwrap_or_else(|| value.to_owned()))).collect()
}

/// One of them.
pub fn secret(name: &str) -> String {
    secrets().remove(name).unwrap_or_default()
}

/// What the environment says the first administrator's e-mail or password is.
pub fn given(name: &str) -> Option<String> {
    matches!(name, "ADMIN_EMAIL" | "ADMIN_PASSWORD").then(|| std::env::var(name).ok()).flatten()
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
    /// Workers with a port of their own.
    direct: BTreeMap<String, u16>,
    state: &'a PathBuf,
    migrations: PathBuf,
    compatibility_date: &'static str,
    secrets: BTreeMap<&'static str, String>,
    workers: Vec<Placed>,
}

#[derive(Serialize)]
struct Placed {
    #[serde(flatten)]
    worker: Worker,
    dir: PathBuf,
}

/// A Worker reached at a port of its own, without the entry between.
pub struct Direct {
    name: String,
    port: u16,
    beside: Option<Placed>,
}

impl Direct {
    /// One of ours.
    pub fn of(worker: String) -> Result<Self> {
        // Taken by nobody now; that it stays so until workerd listens is as good as certain.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        Ok(Self { name: worker, port, beside: None })
    }

    /// Another one, whose bundle is in `dir`.
    pub fn beside(worker: Worker, dir: PathBuf) -> Result<Self> {
        let direct = Self::of(worker.name.clone())?;
        Ok(Self { beside: Some(Placed { worker, dir }), ..direct })
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
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
        Self::start_with(workspace, tools, options, Vec::new(), stop)
    }

    /// Starts it with some Workers also reachable past the entry, or beside ours.
    pub fn start_with(
        workspace: &Workspace,
        tools: &Tools,
        options: &Options,
        direct: Vec<Direct>,
        stop: &Stop,
    ) -> Result<Self> {
        check_port(options.port)?;
        fs::create_dir_all(&options.state)?;
        let mut launcher = tools.node(workspace.path("shared/xtask/edge.mjs"));
        launcher.current_dir(&workspace.root).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut group = Group::spawn(&mut launcher)?;
        let mut alive = group.stdin().context("the launcher has a standard input")?;
        serde_json::to_writer(&alive, &plan(workspace, options, direct)?)?;
        writeln!(alive)?;
        let url = launched(&mut group, stop)?;
        Ok(Self { url, group, _alive: alive })
    }

    /// The process that started workerd.
    pub fn launcher(&self) -> u32 {
        self.group.id()
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

fn plan<'a>(workspace: &Workspace, options: &'a Options, direct: Vec<Direct>) -> Result<Plan<'a>> {
    let mut workers = Vec::new();
    for function in &workspace.functions {
        let mut worker = bindings::worker(workspace, function)?;
        worker.vars.extend(options.vars.iter().map(|(name, value)| (name.clone(), json!(value))));
        workers.push(Placed { worker, dir: bundle::dir(workspace, function, options.release) });
    }
    let ports = direct.iter().map(|each| (each.name.clone(), each.port)).collect();
    workers.extend(direct.into_iter().filter_map(|each| each.beside));
    Ok(Plan {
        port: options.port,
        direct: ports,
        state: &options.state,
        migrations: workspace.path("shared/migrations"),
        compatibility_date: COMPATIBILITY_DATE,
        secrets: secrets(),
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
