//! The commands, one file each: its arguments (`Args`) and its `run`. Code that several commands need is in `support`.

mod bench;
mod build;
mod chaos;
mod deploy;
mod dev;
mod edge;
mod lint;
mod manifests;
mod new;
mod openapi;
mod starter;
mod test;
mod wrangler;

use anyhow::Result;
use clap::Subcommand;

use crate::support::workspace::Workspace;

/// Commands that set up, build, run, test and deploy the project
#[derive(Subcommand)]
pub enum Command {
    /// Build functions for Workers into target/functions
    Build(build::Args),
    /// Set up, build and run the whole platform: the edge on workerd and a runner on the CPU
    Dev(dev::Args),
    /// Run the edge as last built, without a runner, until standard input closes
    Edge(edge::Args),
    /// Run all tests: native ones, then the end-to-end tests on workerd
    Test(test::Args),
    /// Check formatting, comments, modules, dependencies, lints and documentation
    Lint,
    /// Generate the OpenAPI documents from the functions' routes
    Openapi(openapi::Args),
    /// Create a resource under functions/: crate, table, manifests, OpenAPI document
    New(new::Args),
    /// Run a benchmark on this machine
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Kill runners and the edge under load, then check the database for broken rules
    Chaos(chaos::Args),
    /// Run the starter model's program: data, tokenizer, train, measure, judge, grid
    #[command(disable_help_flag = true)]
    Starter(starter::Args),
    /// Deploy every Worker with wrangler
    Deploy(deploy::Args),
    /// Run wrangler under a Node that is new enough
    #[command(disable_help_flag = true)]
    Wrangler(wrangler::Args),
    /// Generate the manifests of Workers and Spin from the functions' metadata
    Manifests(manifests::Args),
}

impl Command {
    pub fn run(self) -> Result<()> {
        let workspace = Workspace::load()?;
        match self {
            Command::Build(args) => build::run(&workspace, &args),
            Command::Dev(args) => dev::run(&workspace, args),
            Command::Edge(args) => edge::run(&workspace, args),
            Command::Test(args) => test::run(&workspace.with_test_only(), &args),
            Command::Lint => lint::run(&workspace.with_test_only()),
            Command::Openapi(args) => openapi::run(&workspace, &args),
            Command::New(args) => new::run(&workspace, &args),
            Command::Bench(bench) => bench::run(&workspace, &bench),
            Command::Chaos(args) => chaos::run(&workspace, &args),
            Command::Starter(args) => starter::run(&workspace, &args),
            Command::Deploy(args) => deploy::run(&workspace, &args),
            Command::Wrangler(args) => wrangler::run(&workspace, &args),
            Command::Manifests(args) => manifests::run(&workspace, &args),
        }
    }
}
