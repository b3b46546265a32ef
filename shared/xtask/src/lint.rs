//! `cargo xtask lint`: formatting and clippy, natively and for the target of Workers, where the platform's code is
//! compiled at all.

use anyhow::Result;

use crate::setup::{cargo, shown};
use crate::workspace::Workspace;

pub fn run(workspace: &Workspace) -> Result<()> {
    let run = |args: &[&str]| {
        let mut command = cargo(workspace);
        command.args(args);
        command
    };
    shown(&mut run(&["fmt", "--all", "--check"]))?;
    shown(&mut run(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    let mut wasm = run(&["clippy", "--target", "wasm32-unknown-unknown"]);
    for function in &workspace.functions {
        wasm.args(["-p", &function.name]);
    }
    shown(wasm.args(["--", "-D", "warnings"]))
}
