//! `cargo xtask dev`: from a clone to a running platform, until Ctrl-C.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use crate::edge::{Edge, Options, dev_secret};
use crate::process::Stop;
use crate::runner::{self, Runner};
use crate::workspace::Workspace;
use crate::{build, setup};

#[derive(clap::Args)]
pub struct Args {
    /// Where to listen
    #[arg(long, default_value_t = 8787)]
    port: u16,
    /// Where data is kept [default: .dev]
    #[arg(long)]
    state: Option<PathBuf>,
    /// Begin with no data
    #[arg(long)]
    fresh: bool,
}

pub fn run(workspace: &Workspace, args: Args) -> Result<()> {
    let begun = Instant::now();
    let tools = setup::run(workspace)?;
    build::run(workspace, &tools, &workspace.select(&[])?, false)?;
    let whole = workspace.has("sessions"); // until that function lands
    let binary = if whole { Some(runner::build(workspace)?) } else { None };

    let state = args.state.unwrap_or_else(|| workspace.path(".dev"));
    if args.fresh && state.exists() {
        // Only what a dev run made: a wrong --state must not cost anyone a folder.
        ensure!(state.join(MARK).is_file(), "{} was not made by dev: remove it yourself", state.display());
        fs::remove_dir_all(&state)?;
    }
    fs::create_dir_all(&state)?;
    fs::write(state.join(MARK), "")?;

    let stop = Stop::on_signals()?;
    let options = Options { port: args.port, state: state.join("edge"), release: false, vars: BTreeMap::new() };
    let mut edge = Edge::start(workspace, &tools, &options, &stop)?;
    if whole {
        log_in(&edge.url)?;
    }
    let runner = binary.map(|binary| Runner::start(&binary, &edge.url, &state)).transpose()?;
    eprintln!("dev: up after {:.1} s", begun.elapsed().as_secs_f64());
    println!("ready {}", edge.url);
    println!("{}", example(&edge.url));
    while !stop.wait(Duration::from_millis(500)) {
        if !edge.runs() {
            bail!("the edge ended by itself: its last lines above say why");
        }
    }
    eprintln!("dev: stopping");
    drop(runner);
    Ok(())
}

/// Marks a folder as one that `--fresh` may remove.
const MARK: &str = ".easel-dev";

/// Logs the admin in once: on an empty database this makes them.
pub fn log_in(url: &str) -> Result<()> {
    let admin = json!({"email": dev_secret("ADMIN_EMAIL"), "password": dev_secret("ADMIN_PASSWORD")});
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut reply = agent.post(format!("{url}/api/sessions")).send_json(admin).context("the edge does not answer")?;
    let status = reply.status();
    let text = reply.body_mut().read_to_string().unwrap_or_default();
    ensure!(status.is_success(), "the admin can't log in: {status} {text}");
    Ok(())
}

/// Commands that draw a picture, to be pasted into a shell.
fn example(url: &str) -> String {
    let login = json!({"email": dev_secret("ADMIN_EMAIL"), "password": dev_secret("ADMIN_PASSWORD")});
    let task = json!({"type": "inference", "prompt": "a lighthouse at dusk", "width": 64, "height": 64,
        "num_inference_steps": 20, "guidance_scale": 7.5, "scheduler": "DDIM", "seed": 7});
    format!(
        r#"
  # Draw a picture:
  TOKEN=$(curl -s {url}/api/sessions -H 'content-type: application/json' -d '{login}' | grep -o '"token":"[^"]*' | cut -d'"' -f4)
  TASK=$(curl -s {url}/api/tasks -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' -d '{task}' | grep -o '"id":[0-9]*' | head -1 | cut -d: -f2)
  until curl -s {url}/api/tasks/$TASK -H "authorization: Bearer $TOKEN" | tee /dev/stderr | grep -qE '"status":"(success|error)"'; do sleep 1; echo; done
"#
    )
}
