//! `starter train`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use gpu_runner::backend::Control;

use super::Lessons;

/// Train the starter model from nothing. Stopped at any time, the same command goes on
#[derive(Args)]
pub struct Train {
    /// Directory of the model; beside it, in OUT.training, what is kept meanwhile
    #[arg(long)]
    out: PathBuf,
    #[arg(long, default_value_t = 2500)]
    autoencoder_steps: usize,
    #[arg(long, default_value_t = 6000)]
    decoder_steps: usize,
    #[arg(long, default_value_t = 3000)]
    words_steps: usize,
    #[arg(long, default_value_t = 16_000)]
    steps: usize,
    /// Different scenes that are learnt from
    #[arg(long, default_value_t = 60_000)]
    scenes: usize,
    /// Steps between two models on the way, in OUT.training/after-STEP
    #[arg(long, default_value_t = 1000)]
    look_every: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Train {
    pub fn run(self) -> Result<()> {
        let lessons = Lessons {
            seed: self.seed,
            autoencoder: self.autoencoder_steps,
            decoder: self.decoder_steps,
            words: self.words_steps,
            denoiser: self.steps,
            scenes: self.scenes,
            look_every: self.look_every,
        };
        let mut mean = 0.0;
        super::train(&self.out, &lessons, &mut |lesson, progress| {
            let (step, of) = (progress.step, progress.of);
            mean = if step == 1 || mean == 0.0 { progress.loss } else { 0.98 * mean + 0.02 * progress.loss };
            if step.is_multiple_of(50) || step == of {
                eprintln!("{lesson}: step {step} of {of}, loss {mean:.4}, {:.2} s a step", progress.seconds);
            }
            Control::Continue
        })
    }
}
