//! `gpu-runner tiny-model`: makes a model for tests and first steps.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::tiny::{self, Layout};

/// Write a tiny model with random weights, in the layout of a real one
#[derive(Args)]
pub struct TinyModel {
    /// Directory to write; made when it is not there
    #[arg(long)]
    out: PathBuf,
    #[arg(long, value_enum, default_value = "sd15")]
    layout: Layout,
    /// The same seed gives the same bytes
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl TinyModel {
    pub fn run(self) -> Result<()> {
        tiny::write(&self.out, self.layout, self.seed)?;
        println!("{}", self.out.display());
        Ok(())
    }
}
