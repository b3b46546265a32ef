//! The other side of a comparison: one Worker written by hand with hono and D1, over the same database in the same workerd.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Result;

use crate::bindings::{DATABASE, Worker};
use crate::edge::Direct;
use crate::setup::{Tools, quiet};
use crate::workspace::Workspace;

/// The Worker of `bench/{script}.mjs`, reached at a port of its own.
pub fn beside(workspace: &Workspace, tools: &Tools, script: &str) -> Result<Direct> {
    let dir = workspace.target.join("bench").join(script);
    fs::create_dir_all(&dir)?;
    let mut esbuild = tools.esbuild();
    esbuild.arg(workspace.path(format!("shared/xtask/bench/{script}.mjs")));
    esbuild.args(["--bundle", "--format=esm", "--minify"]);
    quiet(esbuild.arg(format!("--outfile={}", dir.join("index.js").display())))?;
    let worker = Worker {
        name: "bench-hono".into(),
        entry: false,
        vars: BTreeMap::new(),
        services: BTreeMap::new(),
        d1: BTreeMap::from([("DB".into(), DATABASE.into())]),
        kv: BTreeMap::new(),
        r2: BTreeMap::new(),
        durable: BTreeMap::new(),
        crons: Vec::new(),
    };
    Direct::beside(worker, dir)
}
