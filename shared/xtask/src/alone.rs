//! `cargo xtask edge`: the edge alone, of the functions as last built, for whoever brings a runner or needs to start and
//! stop it: the tests do. Tells where it is in one line of standard output and ends when standard input does.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::edge::{Edge, Options};
use crate::process::Stop;
use crate::workspace::Workspace;
use crate::{dev, setup};

#[derive(clap::Args)]
pub struct Args {
    /// Where to listen; 0 takes a free port
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Where data is kept
    #[arg(long)]
    state: PathBuf,
    /// A variable other than in the manifests, NAME=VALUE
    #[arg(long = "var")]
    vars: Vec<String>,
}

pub fn run(workspace: &Workspace, args: Args) -> Result<()> {
    let tools = setup::run(workspace)?;
    let pair = |var: &String| -> Result<(String, String)> {
        let (name, value) = var.split_once('=').with_context(|| format!("--var {var} is not NAME=VALUE"))?;
        Ok((name.to_owned(), value.to_owned()))
    };
    let vars: BTreeMap<String, String> = args.vars.iter().map(pair).collect::<Result<_>>()?;
    let options = Options { port: args.port, state: std::path::absolute(args.state)?, release: false, vars };
    let edge = Edge::start(workspace, &tools, &options, &Stop::default())?;
    dev::log_in(&edge.url)?;
    println!("ready {}", edge.url);
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}
