//! Python packages of the end-to-end tests, at pinned versions, kept under `target/tools`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::support::command::run_quietly;
use crate::support::workspace::Workspace;

/// Installs the packages of `tests/python/requirements.txt` and returns their folder, for `PYTHONPATH`.
pub fn install(workspace: &Workspace) -> Result<PathBuf> {
    let requirements_file = workspace.path("tests/python/requirements.txt");
    let requirements = fs::read_to_string(&requirements_file)
        .with_context(|| format!("{} is missing", requirements_file.display()))?;
    let home = workspace.target.join("tools/python");
    let installed_file = home.join(".setup");
    if fs::read_to_string(&installed_file).is_ok_and(|installed| installed == requirements) {
        return Ok(home);
    }
    eprintln!("setup: pip install (Python packages of the tests)");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]);
    pip.arg("--target").arg(&home).arg("--requirement").arg(&requirements_file);
    run_quietly(&mut pip)
        .context("tests need Python 3 with pip: install python3-pip, or run cargo xtask test --native")?;
    fs::write(installed_file, requirements)?;
    Ok(home)
}
