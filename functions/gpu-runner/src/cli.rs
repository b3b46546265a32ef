//! The command line.

mod adapters;
mod bench;
mod generate;
mod hardware;
mod latents;
pub mod model;
mod own_models;
mod serve;
mod tiny_model;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Draws pictures with diffusion models.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Bench(bench::Bench),
    Generate(generate::Generate),
    Serve(serve::Serve),
    TinyModel(tiny_model::TinyModel),
    Train(Box<train::Train>),
}

/// Parses the arguments, runs the command, says what went wrong.
pub fn run() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Bench(command) => command.run(),
        Command::Generate(command) => command.run(),
        Command::Serve(command) => command.run(),
        Command::TinyModel(command) => command.run(),
        Command::Train(command) => command.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e:#}");
            ExitCode::FAILURE
        }
    }
}
