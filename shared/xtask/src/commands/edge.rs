//! `cargo xtask edge`: the edge of the functions as last built, without a runner. Tests start and stop it themselves.
//!
//! It prints `ready URL` on standard output and ends when standard input closes.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::support::build_profile::BuildProfile;
use crate::support::edge_process::{EdgeOptions, EdgeProcess};
use crate::support::shutdown::ShutdownSignal;
use crate::support::workspace::Workspace;
use crate::support::{admin_api, setup};

#[derive(clap::Args)]
pub struct Args {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Folder for all data
    #[arg(long)]
    state: PathBuf,
    /// A variable that replaces one of the manifests; may be repeated
    #[arg(long = "var", value_name = "NAME=VALUE")]
    vars: Vec<String>,
}

pub fn run(workspace: &Workspace, args: Args) -> Result<()> {
    let tools = setup::run(workspace)?;
    let vars: BTreeMap<String, String> = args.vars.iter().map(|var| parse_var(var)).collect::<Result<_>>()?;
    let state = std::path::absolute(args.state)?;
    let options = EdgeOptions { port: args.port, state, profile: BuildProfile::Dev, vars };
    let edge = EdgeProcess::start(workspace, &tools, &options, &ShutdownSignal::default())?;
    admin_api::log_in(&edge.url)?;
    println!("ready {}", edge.url);
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// Splits `NAME=VALUE`. The value may contain further equals signs.
fn parse_var(var: &str) -> Result<(String, String)> {
    let (name, value) = var.split_once('=').with_context(|| format!("--var {var} is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_split_at_the_first_equals_sign() {
        assert_eq!(parse_var("A=b=c").expect("a pair"), ("A".to_owned(), "b=c".to_owned()));
        assert_eq!(parse_var("A=").expect("a pair"), ("A".to_owned(), String::new()));
        assert!(parse_var("A").is_err());
    }
}
