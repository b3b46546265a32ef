//! The baseline of comparisons: a Worker written with hono and D1, on the same database in the same workerd.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Result;

use crate::support::bindings::{DATABASE, Worker};
use crate::support::command::run_quietly;
use crate::support::edge_process::DirectWorker;
use crate::support::tools::Tools;
use crate::support::workspace::Workspace;

/// Bundles `shared/xtask/bench/{script}.mjs` as a Worker with a port of its own.
pub fn bundle(workspace: &Workspace, tools: &Tools, script: &str) -> Result<DirectWorker> {
    let dir = workspace.target.join("bench").join(script);
    fs::create_dir_all(&dir)?;
    let mut esbuild = tools.esbuild();
    esbuild.arg(workspace.path(format!("shared/xtask/bench/{script}.mjs")));
    esbuild.args(["--bundle", "--format=esm", "--minify"]);
    run_quietly(esbuild.arg(format!("--outfile={}", dir.join("index.js").display())))?;
    let worker = Worker {
        name: "bench-hono".into(),
        entry: false,
        vars: BTreeMap::new(),
        services: BTreeMap::new(),
        d1: BTreeMap::from([("DB".into(), DATABASE.into())]),
        kv: BTreeMap::new(),
        r2: BTreeMap::new(),
        durable_objects: BTreeMap::new(),
        crons: Vec::new(),
    };
    DirectWorker::extra(worker, dir)
}
