//! `cargo xtask wrangler …`: the project's wrangler under a Node that is new enough for it. Arguments, standard input
//! and output, the current folder and the exit status are wrangler's own.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::support::setup;
use crate::support::tools::Tools;
use crate::support::workspace::Workspace;

#[derive(clap::Args)]
pub struct Args {
    /// Arguments of wrangler; `--help` lists its commands
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Replaces this process by wrangler's. Returns only when wrangler does not start.
pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let tools = setup::run(workspace)?;
    let error = wrangler(&tools, args).exec();
    Err(error).context("wrangler does not start")
}

fn wrangler(tools: &Tools, args: &Args) -> Command {
    let mut wrangler = tools.wrangler();
    wrangler.args(&args.arguments);
    wrangler
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::commands::Command as XtaskCommand;

    #[derive(Parser)]
    struct Cli {
        #[command(subcommand)]
        command: XtaskCommand,
    }

    /// The program and arguments that `cargo xtask wrangler {arguments}` runs.
    fn command_line(arguments: &[&str]) -> Vec<String> {
        let cli = Cli::try_parse_from(["xtask", "wrangler"].iter().chain(arguments)).expect("wrangler's arguments");
        let XtaskCommand::Wrangler(args) = cli.command else { panic!("another command") };
        let command = wrangler(&Tools::new("node-24".into(), "/w/node_modules".into()), &args);
        assert_eq!(command.get_current_dir(), None, "relative paths are the user's");
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        words.map(|word| word.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn arguments_reach_wrangler_unchanged() {
        let prefix = ["node-24", "--no-warnings", "/w/node_modules/wrangler/bin/wrangler.js"];
        for arguments in [
            &[][..],
            &["--version"],
            &["--help"],
            &["-h"],
            &["help"],
            &["d1", "migrations", "apply", "easel", "--remote"],
            &["secret", "put", "JWT_KEYS", "-c", "functions/tags/wrangler.toml"],
            &["d1", "execute", "easel", "--", "--command", "SELECT '1 2'"],
        ] {
            let expected: Vec<&str> = prefix.iter().chain(arguments).copied().collect();
            assert_eq!(command_line(arguments), expected);
        }
    }
}
