//! `cargo xtask dev`: from a clone to a running platform, until Ctrl-C.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{self, Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use ureq::Body;
use ureq::http::{Response, StatusCode};

use crate::edge::{self, Edge, Options, given, secret};
use crate::process::Stop;
use crate::runner::{self, Runner};
use crate::workspace::Workspace;
use crate::{build, setup};

/// Where under the state folder the edge keeps its data.
const DATA: &str = "edge";
/// Of the pictures that the starter model was made for.
const SIDE: u32 = 64;

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
    let binary = runner::build(workspace)?;

    edge::check_port(args.port)?;
    let state = path::absolute(args.state.unwrap_or_else(|| workspace.path(".dev")))?;
    let _held = hold(&state, args.fresh)?;
    let first = !state.join(DATA).exists();

    let stop = Stop::on_signals()?;
    let options = Options { port: args.port, state: state.join(DATA), release: false, vars: BTreeMap::new() };
    let mut edge = Edge::start(workspace, &tools, &options, &stop)?;
    let token = log_in(&edge.url)?;
    if first {
        fit_sizes(&edge.url, &token)?;
    }
    let runner = Runner::start(&binary, &edge.url, Path::new("starter"), &state.join("models"))?;
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

/// Marks a folder as one that holds the data of a dev run, and is locked during it.
const MARK: &str = ".easel-dev";

/// Takes the state folder for this run; with `fresh` the data of earlier ones is removed, though never from a folder
/// that dev did not make: a wrong --state must not cost anyone their files.
fn hold(state: &Path, fresh: bool) -> Result<File> {
    let mark = state.join(MARK);
    let data = state.join(DATA);
    ensure!(!data.exists() || mark.is_file(), "{} was not made by dev: pass another --state", state.display());
    fs::create_dir_all(state)?;
    let lock = File::create(mark)?;
    ensure!(lock.try_lock().is_ok(), "{} is in use by another dev: stop it or pass another --state", state.display());
    if fresh && data.exists() {
        fs::remove_dir_all(&data)?;
    }
    Ok(lock)
}

/// Logs the admin in once: on an empty database this makes them. Their token.
pub fn log_in(url: &str) -> Result<String> {
    let admin = json!({"email": secret("ADMIN_EMAIL"), "password": secret("ADMIN_PASSWORD")});
    let (status, text) = said(agent().post(format!("{url}/api/sessions")).send_json(admin))?;
    ensure!(
        status != 401,
        "this data was made with another ADMIN_EMAIL or ADMIN_PASSWORD: set those, or pass --fresh to begin anew"
    );
    ensure!(status.is_success(), "the admin can't log in: {status} {text}");
    let reply: Value = serde_json::from_str(&text)?;
    Ok(reply["token"].as_str().context("a session without a token")?.to_owned())
}

/// The models of the points tasks draw at the side that the starter model was made for; for new data, so that nobody's
/// choice is changed.
fn fit_sizes(url: &str, token: &str) -> Result<()> {
    let (url, token) = (format!("{url}/api/points-config"), format!("Bearer {token}"));
    let (status, text) = said(agent().get(format!("{url}?page_size=100")).header("authorization", &token).call())?;
    ensure!(status.is_success(), "the prices can't be read: {status} {text}");
    let rows: Value = serde_json::from_str(&text)?;
    for row in rows["list"].as_array().into_iter().flatten() {
        let patch = agent().patch(format!("{url}/{}", row["id"])).header("authorization", &token);
        let (status, text) = said(patch.send_json(json!({"size": SIDE})))?;
        ensure!(status.is_success(), "a price can't be changed: {status} {text}");
    }
    Ok(())
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

fn said(reply: Result<Response<Body>, ureq::Error>) -> Result<(StatusCode, String)> {
    let mut reply = reply.context("the edge does not answer")?;
    Ok((reply.status(), reply.body_mut().read_to_string().unwrap_or_default()))
}

/// Commands that draw a picture, to be pasted into a shell.
fn example(url: &str) -> String {
    // One's own password is not printed: the shell fills it in.
    let shown = |name: &str| given(name).map_or_else(|| secret(name), |_| format!("'\"${name}\"'"));
    let (email, password) = (shown("ADMIN_EMAIL"), shown("ADMIN_PASSWORD"));
    let login = format!(r#"{{"email":"{email}","password":"{password}"}}"#);
    let task = r#"{"type":"inference","prompt":"a yellow star at night","width":64,"height":64,"num_inference_steps":20,"seed":7}"#;
    format!(
        r#"
  # Draw a picture:
  TOKEN=$(curl -s {url}/api/sessions -H 'content-type: application/json' -d '{login}' | grep -o '"token":"[^"]*' | cut -d'"' -f4)
  TASK=$(curl -s {url}/api/tasks -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' -d '{task}' | grep -o '"id":[0-9]*' | head -1 | cut -d: -f2)
  until R=$(curl -s {url}/api/tasks/$TASK -H "authorization: Bearer $TOKEN"); echo "$R"; echo "$R" | grep -qE '"status":"(success|error)"'; do sleep 1; done
  curl -s -o picture.png {url}$(echo "$R" | grep -o '/files/[^"]*' | head -1)
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_folder_has_one_holder_and_keeps_strangers_files() {
        let state = std::env::temp_dir().join(format!("easel-dev-{}", std::process::id()));
        fs::create_dir_all(state.join(DATA)).expect("a folder");
        fs::write(state.join(DATA).join("mine"), "x").expect("a file");
        assert!(hold(&state, true).is_err(), "someone else's folder");
        assert!(state.join(DATA).join("mine").is_file());

        fs::write(state.join(MARK), "").expect("a mark");
        let held = hold(&state, false).expect("free");
        assert!(hold(&state, true).is_err(), "held twice");
        assert!(state.join(DATA).join("mine").is_file());
        drop(held);
        let _held = hold(&state, true).expect("free again");
        assert!(!state.join(DATA).exists());
        fs::remove_dir_all(&state).expect("removed");
    }
}
