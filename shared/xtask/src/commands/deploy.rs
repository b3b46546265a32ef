//! `cargo xtask deploy`: builds a release and deploys every Worker with wrangler.

use std::process::Stdio;
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, Result};

use crate::support::build_profile::BuildProfile;
use crate::support::command::{run_quietly, run_visibly};
use crate::support::function::Function;
use crate::support::tools::Tools;
use crate::support::workspace::Workspace;
use crate::support::{functions_build, setup};

/// Number of dry runs at the same time.
const DRY_RUN_THREADS: usize = 2;

#[derive(clap::Args)]
pub struct Args {
    /// Do everything except the upload
    #[arg(long)]
    dry_run: bool,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let tools = setup::run(workspace)?;
    functions_build::run(workspace, &tools, &workspace.select(&[])?, BuildProfile::Release)?;
    let functions = in_deployment_order(workspace);
    if args.dry_run { dry_run(workspace, &tools, &functions) } else { deploy(workspace, &tools, &functions) }
}

/// Functions with Durable Objects first, because others name their Workers. The entry last: it is bound to all.
fn in_deployment_order(workspace: &Workspace) -> Vec<&Function> {
    let mut functions: Vec<&Function> = workspace.functions.iter().collect();
    functions.sort_by_key(|function| (function.metadata.entry, function.metadata.durable_objects.is_empty()));
    functions
}

fn deploy(workspace: &Workspace, tools: &Tools, functions: &[&Function]) -> Result<()> {
    for function in functions {
        eprintln!("deploy: {}", function.worker_name());
        let mut wrangler = tools.wrangler();
        wrangler.args(["deploy", "-c"]).arg(function.dir.join("wrangler.toml")).current_dir(&workspace.root);
        run_visibly(&mut wrangler).with_context(|| format!("wrangler deploy of {}", function.name))?;
    }
    Ok(())
}

/// Runs `wrangler deploy --dry-run` for each function, in any order.
fn dry_run(workspace: &Workspace, tools: &Tools, functions: &[&Function]) -> Result<()> {
    let queue = Mutex::new(functions.iter());
    let work = || -> Result<()> {
        loop {
            let Some(function) = queue.lock().ok().and_then(|mut queue| queue.next()) else { return Ok(()) };
            let mut wrangler = tools.wrangler();
            wrangler.args(["deploy", "--dry-run", "-c"]).arg(function.dir.join("wrangler.toml"));
            wrangler.arg("--outdir").arg(workspace.target.join("deploy").join(&function.name));
            run_quietly(wrangler.current_dir(&workspace.root).stdin(Stdio::null()))
                .with_context(|| format!("wrangler deploy --dry-run of {}", function.name))?;
            eprintln!("deploy: {} would be accepted", function.worker_name());
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..DRY_RUN_THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().ok().context("a deploying thread panicked")?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durable_objects_come_first_and_the_entry_last() {
        let workspace = Workspace::load().expect("cargo metadata of this workspace");
        let names: Vec<&str> = in_deployment_order(&workspace).iter().map(|function| function.name.as_str()).collect();
        assert_eq!((names.first(), names.last()), (Some(&"hub"), Some(&"gateway")));
        assert_eq!(names.len(), workspace.functions.len());
    }
}
