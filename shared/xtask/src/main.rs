//! `cargo xtask …`: everything the project does to itself. One file per command; this one only reads the command line.

mod bindings;
mod build;
mod bundle;
mod manifests;
mod setup;
mod shim;
mod spin;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build functions for Workers into target/functions
    Build {
        /// Optimise for size into target/functions-release and print the sizes
        #[arg(long)]
        release: bool,
        /// Only these; all when none is named
        functions: Vec<String>,
    },
    /// Write the manifests of Workers and Spin from the functions' metadata
    Manifests {
        /// Only fail when one is stale
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let workspace = Workspace::load()?;
    match command {
        Command::Manifests { check } => manifests::run(&workspace, check),
        Command::Build { release, functions } => {
            let tools = setup::run(&workspace)?;
            build::run(&workspace, &tools, &workspace.select(&functions)?, release)
        }
    }
}
