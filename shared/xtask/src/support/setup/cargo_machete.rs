//! cargo-machete, which finds unused dependencies: built from crates.io once and kept under `target/tools`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::support::command::{cargo, run_quietly};
use crate::support::workspace::Workspace;

const VERSION: &str = "0.9.2";

/// Installs cargo-machete when it is missing and returns the path of its executable.
pub fn install(workspace: &Workspace) -> Result<PathBuf> {
    let home = workspace.target.join("tools").join(format!("cargo-machete-{VERSION}"));
    let executable = home.join("bin/cargo-machete");
    if executable.is_file() {
        return Ok(executable);
    }
    eprintln!("setup: cargo install cargo-machete {VERSION} (about a minute)");
    // A target folder of its own keeps the workspace's lock free and can be removed afterwards.
    let build = home.join("build");
    let mut install = cargo(workspace);
    install.args(["install", "--quiet", "--locked", "cargo-machete", "--version", VERSION]);
    install.arg("--root").arg(&home).arg("--target-dir").arg(&build);
    run_quietly(&mut install).context("cargo install cargo-machete failed: is crates.io reachable?")?;
    fs::remove_dir_all(build)?;
    Ok(executable)
}
