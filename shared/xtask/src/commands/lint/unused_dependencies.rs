//! Checks with cargo-machete that no crate lists a dependency that its code does not name.
//!
//! Exceptions are in `[workspace.metadata.cargo-machete]` and `[package.metadata.cargo-machete]`, each with its reason.

use std::process::Command;

use anyhow::{Context, Result};

use crate::support::command::run_visibly;
use crate::support::setup::cargo_machete;
use crate::support::workspace::Workspace;

pub fn check(workspace: &Workspace) -> Result<()> {
    let mut machete = Command::new(cargo_machete::install(workspace)?);
    // Without `--with-metadata` it reads only `[dependencies]`, not those of a target or of tests.
    machete.arg("--with-metadata").current_dir(&workspace.root);
    run_visibly(&mut machete).context("there are unused dependencies: remove them")
}
