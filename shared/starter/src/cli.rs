//! The command line: `starter data|tokenizer|train|measure|judge|grid`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::data::{self, World};
use crate::grid::Grid;
use crate::measure::{Judge, Measure};
use crate::scene::{Mix, Part};
use crate::tokenizer::Vocabulary;
use crate::train::Train;

/// Makes what the starter model learns from, and measures what it draws.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Data(Data),
    Grid(Grid),
    Judge(Judge),
    Measure(Measure),
    Tokenizer(Words),
    Train(Train),
}

/// Write pictures with captions: 000000.png and 000000.txt, …, and scenes.jsonl with what they show
#[derive(Args)]
struct Data {
    #[arg(long)]
    out: PathBuf,
    #[arg(long, default_value_t = 1000)]
    count: usize,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Of a picture, in pixels
    #[arg(long, default_value_t = crate::draw::SIDE, value_parser = clap::value_parser!(u32).range(16..=1024))]
    side: u32,
    /// Share of pictures with two objects, 0 to 1
    #[arg(long, default_value_t = 0.2)]
    pairs: f32,
    /// Pictures of the combinations that training never sees
    #[arg(long)]
    held_out: bool,
    /// One file pictures.rgb (count × side × side × 3 bytes) and captions.txt, a line each, instead of the many
    #[arg(long)]
    packed: bool,
}

impl Data {
    fn run(self) -> Result<()> {
        let part = if self.held_out { Part::HeldOut } else { Part::Training };
        let mix = Mix { part, pairs: self.pairs.clamp(0.0, 1.0) };
        let world = World { seed: self.seed, count: self.count, mix, side: self.side };
        if self.packed { data::pack(&world, &self.out) } else { data::write(&world, &self.out) }
    }
}

/// Write the tokenizer of a model: vocab.json, merges.txt, tokenizer_config.json
#[derive(Args)]
struct Words {
    #[arg(long)]
    out: PathBuf,
}

/// Parses the arguments, runs the command, says what went wrong.
pub fn run() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Data(command) => command.run(),
        Command::Grid(command) => command.run(),
        Command::Judge(command) => command.run(),
        Command::Measure(command) => command.run(),
        Command::Train(command) => command.run(),
        Command::Tokenizer(command) => Vocabulary::new().write(&command.out),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e:#}");
            ExitCode::FAILURE
        }
    }
}
