//! The input of `edge.mjs`: one JSON object with everything it needs to start workerd.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;
use serde_json::json;

use super::{DirectWorker, EdgeOptions};
use crate::support::bindings::{self, COMPATIBILITY_DATE, Worker};
use crate::support::bundle;
use crate::support::dev_secrets;
use crate::support::workspace::Workspace;

/// The JSON that `edge.mjs` reads from standard input. A changed field must be changed there too.
#[derive(Serialize)]
pub struct LaunchPlan<'a> {
    port: u16,
    /// Ports of Workers that are reachable without the entry, by the Worker's name.
    direct: BTreeMap<String, u16>,
    state: &'a PathBuf,
    migrations: PathBuf,
    compatibility_date: &'static str,
    secrets: BTreeMap<&'static str, String>,
    workers: Vec<BundledWorker>,
}

/// A Worker and the folder of its bundle.
#[derive(Serialize)]
pub struct BundledWorker {
    #[serde(flatten)]
    pub worker: Worker,
    pub dir: PathBuf,
}

impl<'a> LaunchPlan<'a> {
    pub fn new(workspace: &Workspace, options: &'a EdgeOptions, direct_workers: Vec<DirectWorker>) -> Result<Self> {
        let mut workers = Vec::new();
        for function in &workspace.functions {
            let mut worker = bindings::worker(workspace, function)?;
            worker.vars.extend(options.vars.iter().map(|(name, value)| (name.clone(), json!(value))));
            workers.push(BundledWorker { worker, dir: bundle::dir(workspace, function, options.profile) });
        }
        let direct = direct_workers.iter().map(|worker| (worker.name.clone(), worker.port)).collect();
        workers.extend(direct_workers.into_iter().filter_map(|worker| worker.extra));
        Ok(Self {
            port: options.port,
            direct,
            state: &options.state,
            migrations: workspace.path("shared/migrations"),
            compatibility_date: COMPATIBILITY_DATE,
            secrets: dev_secrets::all(),
            workers,
        })
    }
}
