//! `cargo xtask lint`: all checks of the source that need no test run. The quick ones come first.

mod comment_width;
mod documentation;
mod module_style;
mod tracked_files;
mod unused_dependencies;

use anyhow::{Result, ensure};

use crate::support::command::{cargo, run_visibly};
use crate::support::workspace::Workspace;

pub fn run(workspace: &Workspace) -> Result<()> {
    check_tracked_files(workspace)?;
    run_visibly(cargo(workspace).args(["fmt", "--all", "--check"]))?;
    unused_dependencies::check(workspace)?;
    clippy(workspace)?;
    documentation::check(workspace)
}

/// Runs the checks that read files themselves, and prints every problem.
fn check_tracked_files(workspace: &Workspace) -> Result<()> {
    let files = tracked_files::list(workspace)?;
    let mut problems = module_style::problems(&files);
    problems.extend(comment_width::problems(workspace, &files)?);
    for problem in &problems {
        eprintln!("lint: {problem}");
    }
    ensure!(problems.is_empty(), "{} problem(s) in tracked files", problems.len());
    Ok(())
}

/// Runs clippy natively, then on the functions for the target of Workers: only that compiles the code for Workers.
fn clippy(workspace: &Workspace) -> Result<()> {
    run_visibly(cargo(workspace).args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    let mut wasm = cargo(workspace);
    wasm.args(["clippy", "--target", "wasm32-unknown-unknown"]);
    for function in &workspace.functions {
        wasm.args(["-p", &function.name]);
    }
    run_visibly(wasm.args(["--", "-D", "warnings"]))
}
