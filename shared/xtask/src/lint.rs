//! `cargo xtask lint`: formatting and clippy, natively and for the target of Workers, where the platform's code is
//! compiled at all.

use std::process::Command;

use anyhow::Result;

use crate::setup::shown;
use crate::workspace::Workspace;

pub fn run(workspace: &Workspace) -> Result<()> {
    let cargo = |args: &[&str]| {
        let mut command = Command::new("cargo");
        command.args(args).current_dir(&workspace.root);
        command
    };
    shown(&mut cargo(&["fmt", "--all", "--check"]))?;
    shown(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    let mut wasm = cargo(&["clippy", "--target", "wasm32-unknown-unknown"]);
    for function in &workspace.functions {
        wasm.args(["-p", &function.name]);
    }
    shown(wasm.args(["--", "-D", "warnings"]))
}
