//! `cargo xtask deploy [--dry-run]`: every Worker with wrangler. First those that define Durable Objects, because others
//! name them; the entry last, because it is bound to all.

use std::process::Stdio;
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result};

use crate::setup::{Tools, quiet, shown};
use crate::workspace::{Function, Workspace};

pub fn run(workspace: &Workspace, tools: &Tools, dry: bool) -> Result<()> {
    let mut functions: Vec<&Function> = workspace.functions.iter().collect();
    functions.sort_by_key(|function| (function.spec.entry, function.spec.durable_objects.is_empty()));
    if dry {
        return dry_run(workspace, tools, &functions);
    }
    for function in functions {
        eprintln!("deploy: {}", function.worker());
        let mut wrangler = tools.wrangler();
        wrangler.args(["deploy", "-c"]).arg(function.dir.join("wrangler.toml")).current_dir(&workspace.root);
        shown(&mut wrangler).with_context(|| format!("wrangler deploy of {}", function.name))?;
    }
    Ok(())
}

/// Everything a deployment does except the upload; the order does not matter, so two at a time.
fn dry_run(workspace: &Workspace, tools: &Tools, functions: &[&Function]) -> Result<()> {
    let queue = Mutex::new(functions.iter());
    let work = || -> Result<()> {
        loop {
            let Some(function) = queue.lock().ok().and_then(|mut queue| queue.next()) else { return Ok(()) };
            let mut wrangler = tools.wrangler();
            wrangler.args(["deploy", "--dry-run", "-c"]).arg(function.dir.join("wrangler.toml"));
            wrangler.arg("--outdir").arg(workspace.target.join("deploy").join(&function.name));
            quiet(wrangler.current_dir(&workspace.root).stdin(Stdio::null()))
                .with_context(|| format!("wrangler deploy --dry-run of {}", function.name))?;
            eprintln!("deploy: {} would be accepted", function.worker());
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().ok().context("a deploying thread panicked")?)
    })
}
