//! `cargo xtask …`: everything the project does to itself. One file per command; this one only reads the command line.

mod alone;
#[cfg(test)]
mod arrows;
mod bench;
mod bindings;
mod build;
mod bundle;
mod chaos;
mod deploy;
mod dev;
mod edge;
mod lint;
mod manifests;
mod new;
mod openapi;
mod process;
mod python;
mod runner;
mod setup;
mod shim;
mod spin;
mod spin_host;
mod starter;
mod test;
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
    /// Set up, build and run everything here: the edge on workerd and a runner on the CPU
    Dev(dev::Args),
    /// Run the edge alone, as last built, until standard input ends
    Edge(alone::Args),
    /// Run all tests: native, then end to end on workerd
    Test(test::Args),
    /// Check formatting and lints, natively and for WASM
    Lint,
    /// Write the OpenAPI documents from the functions' routes
    Openapi {
        /// Only fail when the merged one is stale
        #[arg(long)]
        check: bool,
    },
    /// Make a new resource under functions/: crate, table, manifests, OpenAPI
    New {
        /// Its name in the plural, like articles
        name: String,
    },
    /// Measure
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Kill runners and the edge under load, and look whether anything was lost
    Chaos(chaos::Args),
    /// Make data for the starter model, train it, measure what it draws: data, tokenizer, train, measure, grid
    #[command(disable_help_flag = true)]
    Starter(starter::Args),
    /// Deploy every Worker with wrangler
    Deploy {
        /// All but the upload
        #[arg(long)]
        dry_run: bool,
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
        Command::Deploy { dry_run } => {
            let tools = setup::run(&workspace)?;
            build::run(&workspace, &tools, &workspace.select(&[])?, true)?;
            deploy::run(&workspace, &tools, dry_run)
        }
        Command::Test(args) => test::run(&workspace.with_test_only(), &args),
        Command::Lint => lint::run(&workspace.with_test_only()),
        Command::Openapi { check } => openapi::run(&workspace, check),
        Command::New { name } => new::run(&workspace, &name),
        Command::Bench(bench) => bench::run(&workspace, &bench),
        Command::Chaos(args) => chaos::run(&workspace, &args),
        Command::Starter(args) => starter::run(&workspace, &args),
        Command::Manifests { check } => manifests::run(&workspace, check),
        Command::Dev(args) => dev::run(&workspace, args),
        Command::Edge(args) => alone::run(&workspace, args),
        Command::Build { release, functions } => {
            let tools = setup::run(&workspace)?;
            build::run(&workspace, &tools, &workspace.select(&functions)?, release)
        }
    }
}
