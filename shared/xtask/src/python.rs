//! Python packages some tests let speak for themselves, at pinned versions. Kept under `target/`, away from the system's.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::setup::quiet;
use crate::workspace::Workspace;

/// The folder with the packages of `tests/python/requirements.txt`, for `PYTHONPATH`.
pub fn packages(workspace: &Workspace) -> Result<PathBuf> {
    let list = workspace.path("tests/python/requirements.txt");
    let want = fs::read_to_string(&list).with_context(|| format!("{} is missing", list.display()))?;
    let home = workspace.target.join("tools/python");
    let stamp = home.join(".setup");
    if fs::read_to_string(&stamp).is_ok_and(|have| have == want) {
        return Ok(home);
    }
    eprintln!("setup: pip install (Python packages of the tests)");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]);
    pip.arg("--target").arg(&home).arg("--requirement").arg(&list);
    quiet(&mut pip).context("tests need Python 3 with pip: install python3-pip, or run cargo xtask test --native")?;
    fs::write(stamp, want)?;
    Ok(home)
}
