//! `cargo xtask build`: WASM and JavaScript bundles of the named functions, or of all.

use anyhow::Result;

use crate::support::build_profile::BuildProfile;
use crate::support::functions_build;
use crate::support::setup;
use crate::support::workspace::Workspace;

#[derive(clap::Args)]
pub struct Args {
    /// Optimise for size into target/functions-release and print the table of sizes
    #[arg(long)]
    release: bool,
    /// Functions to build [default: all]
    functions: Vec<String>,
}

pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let tools = setup::run(workspace)?;
    let profile = if args.release { BuildProfile::Release } else { BuildProfile::Dev };
    functions_build::run(workspace, &tools, &workspace.select(&args.functions)?, profile)
}
