//! Checks the docstrings: rustdoc must build all of them without a warning, such as for a broken link.

use anyhow::Result;

use crate::support::command::{cargo, run_visibly};
use crate::support::workspace::Workspace;

pub fn check(workspace: &Workspace) -> Result<()> {
    let mut doc = cargo(workspace);
    doc.args(["doc", "--no-deps", "--workspace", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings");
    run_visibly(&mut doc)
}
