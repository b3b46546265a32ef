//! `gpu-runner bench`: how long one network takes, alone or in turns with the reference (`fixtures/bench.py`).

mod preset;
mod training;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor};
use clap::Args;

use super::hardware::Hardware;
use crate::device::{Compute, finish};
use preset::{Network, Preset};
use training::{Lesson, Timing, Way};

/// Time a network with random weights: a step of a UNet with both halves of guidance, or the decoding of a picture.
/// RAYON_NUM_THREADS says how many threads work
#[derive(Args)]
pub struct Bench {
    #[arg(long, value_enum, default_value = "unet-64-128-256")]
    config: Preset,
    /// Train instead: steps of this lesson
    #[arg(long, value_enum, requires = "dir", conflicts_with_all = ["config", "size"])]
    train: Option<Lesson>,
    /// With --train: keep little of a forward pass, and compute it again for the gradients
    #[arg(long, requires = "train")]
    recompute: bool,
    /// With --train: a LoRA of rank 16 beside a network that stays as it is
    #[arg(long, requires = "train")]
    lora: bool,
    /// Directory with the network's configuration and weights; both are written there when they are not
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Side of the latents
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=512))]
    size: u16,
    /// Calls in a turn
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// A turn for each line of the input, answered by a line each: seconds per call
    #[arg(long)]
    turns: bool,
    /// File for what the network gave, as little-endian f32
    #[arg(long)]
    out: Option<PathBuf>,
    /// Write the directory and leave
    #[arg(long, requires = "dir")]
    prepare: bool,
    #[command(flatten)]
    hardware: Hardware,
}

impl Bench {
    pub fn run(self) -> Result<()> {
        if let (Some(lesson), Some(dir)) = (self.train, &self.dir) {
            let timing = Timing { runs: self.runs, turns: self.turns, out: self.out.as_deref() };
            return if self.prepare {
                lesson.prepare(dir)
            } else {
                lesson.run(dir, Way { recompute: self.recompute, lora: self.lora }, timing)
            };
        }
        let on = self.hardware.open()?;
        let network = self.config.open(self.dir.as_deref(), &on)?;
        if self.prepare {
            return Ok(());
        }
        let inputs = self.inputs(&network, &on)?;
        // The first call finds no memory and no pages.
        let out = network.call(&inputs)?;
        if let Some(path) = &self.out {
            let values = out.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
            let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
            std::fs::write(path, bytes).with_context(|| path.display().to_string())?;
        }
        drop(out);
        finish(&on.device)?;
        let turn = || -> Result<f64> {
            let start = Instant::now();
            for _ in 0..self.runs {
                network.call(&inputs)?;
            }
            finish(&on.device)?;
            Ok(start.elapsed().as_secs_f64() / f64::from(self.runs))
        };
        if !self.turns {
            let seconds = turn()?;
            let on = format!("{:?} {}", on.device.location(), on.dtype.as_str());
            println!("{} on {on}: {seconds:.4} s per call, {:.2} it/s", self.config.name(), 1.0 / seconds);
            return Ok(());
        }
        println!("ready");
        for line in std::io::stdin().lines() {
            line?;
            println!("{:.6}", turn()?);
            std::io::stdout().flush()?;
        }
        Ok(())
    }

    fn inputs(&self, network: &Network, on: &Compute) -> Result<Inputs> {
        let size = usize::from(self.size);
        let waves = |shape: &[usize]| waves(shape, &on.device)?.to_dtype(on.dtype);
        let batch = network.batch();
        Ok(Inputs {
            latents: waves(&[batch, 4, size, size])?,
            times: Tensor::full(500f32, batch, &on.device)?,
            text: waves(&[batch, 77, preset::CONTEXT])?,
        })
    }
}

/// What the reference can make as well: sines of counted numbers.
fn waves(shape: &[usize], device: &Device) -> candle_core::Result<Tensor> {
    let values: Vec<f32> = (0..shape.iter().product::<usize>()).map(|i| (i as f64).sin() as f32).collect();
    Tensor::from_vec(values, shape, device)
}

struct Inputs {
    latents: Tensor,
    times: Tensor,
    text: Tensor,
}
