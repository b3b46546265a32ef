//! `cargo xtask dev`: sets up, builds and runs the platform until Ctrl-C.

mod example;
mod state_dir;

use std::collections::BTreeMap;
use std::path::{self, Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::support::build_profile::BuildProfile;
use crate::support::edge_process::{EdgeOptions, EdgeProcess, check_port};
use crate::support::runner::{self, Runner};
use crate::support::shutdown::ShutdownSignal;
use crate::support::workspace::Workspace;
use crate::support::{admin_api, functions_build, setup};

/// Width and height of the starter model's pictures, in pixels.
const IMAGE_SIZE: u32 = 64;

#[derive(clap::Args)]
pub struct Args {
    /// Port of the edge on 127.0.0.1
    #[arg(long, default_value_t = 8787)]
    port: u16,
    /// Folder for all data [default: .dev]
    #[arg(long)]
    state: Option<PathBuf>,
    /// Delete the data of earlier runs first
    #[arg(long)]
    fresh: bool,
}

pub fn run(workspace: &Workspace, args: Args) -> Result<()> {
    let begun = Instant::now();
    let tools = setup::run(workspace)?;
    functions_build::run(workspace, &tools, &workspace.select(&[])?, BuildProfile::Dev)?;
    let executable = runner::build(workspace)?;

    check_port(args.port)?;
    let state = path::absolute(args.state.unwrap_or_else(|| workspace.path(".dev")))?;
    let _lock = state_dir::lock(&state, args.fresh)?;
    let edge_data = state_dir::edge_data(&state);
    let is_new = !edge_data.exists();

    let shutdown = ShutdownSignal::on_signals()?;
    let options = EdgeOptions { port: args.port, state: edge_data, profile: BuildProfile::Dev, vars: BTreeMap::new() };
    let mut edge = EdgeProcess::start(workspace, &tools, &options, &shutdown)?;
    let token = admin_api::log_in(&edge.url)?;
    // Only for new data: later the sizes are the user's choice.
    if is_new {
        admin_api::set_default_image_size(&edge.url, &token, IMAGE_SIZE)?;
    }
    let runner = Runner::start(&executable, &edge.url, Path::new("starter"), &state.join("models"))?;
    eprintln!("dev: up after {:.1} s", begun.elapsed().as_secs_f64());
    println!("ready {}", edge.url);
    println!("{}", example::shell_commands(&edge.url));
    while !shutdown.wait(Duration::from_millis(500)) {
        if !edge.is_running() {
            bail!("the edge ended by itself: its last lines above say why");
        }
    }
    eprintln!("dev: stopping");
    drop(runner);
    Ok(())
}
