//! Steps of training, in the trainer's own loop: forward, backward, clipping, AdamW, over all parameters of a small
//! UNet, or over a LoRA beside it.

use std::collections::HashMap;
use std::io::{BufRead as _, Write as _};
use std::path::Path;

use anyhow::{Context, Result};
use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor};
use clap::ValueEnum;
use serde_json::{Value, json};

use crate::backend::Control;
use crate::models::config::Config;
use crate::models::unet::{Unet, UnetConfig};
use crate::nn::within_pool;
use crate::tiny::RandomWeights;
use crate::train::lora::{Paths, of_unet};
use crate::train::{Course, Learner, Parameters, Rate};
use crate::weights::{Source, Weights};
use crate::{Code, DrawError};

const STEM: &str = "diffusion_pytorch_model";
const TEXT: usize = 128;
const RATE: f64 = 1e-3;
const RANK: usize = 16;
/// Steps whose losses are compared.
pub const COMPARED: u32 = 3;

/// Networks of (64, 128, 192) with attention at the two smaller sizes, 32 pictures a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Lesson {
    /// Latents of 8 channels, 16 × 16
    #[value(name = "latents-16")]
    Latents16,
    /// Latents of 16 channels, 8 × 8
    #[value(name = "latents-8")]
    Latents8,
}

/// What learns, and how.
#[derive(Clone, Copy)]
pub struct Way {
    pub recompute: bool,
    /// Only low-rank paths beside the transformers' layers.
    pub lora: bool,
}

/// How it is timed; as for a drawing.
pub struct Timing<'a> {
    pub runs: u32,
    pub turns: bool,
    /// For the losses of the first steps, as little-endian f32.
    pub out: Option<&'a Path>,
}

impl Lesson {
    /// (channels, side).
    fn latents(self) -> (usize, usize) {
        match self {
            Lesson::Latents16 => (8, 16),
            Lesson::Latents8 => (16, 8),
        }
    }

    fn config(self) -> Value {
        let (channels, side) = self.latents();
        json!({
            "_class_name": "UNet2DConditionModel", "sample_size": side, "in_channels": channels, "out_channels": channels,
            "block_out_channels": [64, 128, 192], "layers_per_block": 2, "cross_attention_dim": TEXT,
            "attention_head_dim": 4, "norm_num_groups": 32, "act_fn": "silu",
            "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
            "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        })
    }

    /// Writes configuration and weights to `dir` where they are not.
    pub fn prepare(self, dir: &Path) -> Result<()> {
        let path = dir.join("config.json");
        if path.is_file() {
            return Ok(());
        }
        std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        let weights = RandomWeights::new(0);
        let config: Config = serde_json::from_value(self.config())?;
        Unet::load(&UnetConfig::checked(&config)?, weights.builder())?;
        weights.save(&dir.join(format!("{STEM}.safetensors")))?;
        std::fs::write(&path, serde_json::to_string_pretty(&self.config())?)?;
        // As it begins.
        let lora = Pupil::open(self, dir, Way { recompute: false, lora: true })?.parameters.all();
        let lora: HashMap<String, Tensor> = lora.into_iter().map(|(name, var)| (name, var.into_inner())).collect();
        Ok(candle_core::safetensors::save(&lora, dir.join("lora.safetensors"))?)
    }

    pub fn run(self, dir: &Path, way: Way, timing: Timing) -> Result<()> {
        self.prepare(dir)?;
        let pupil = Pupil::open(self, dir, way)?;
        // The first calls find no memory and no pages.
        let mut losses = Vec::new();
        let mut lines = std::io::stdin().lock().lines();
        let (mut seconds, mut left) = (0.0, 0);
        let course = Course::new(usize::MAX >> 12, Rate::constant(RATE));
        let course = Course { steps: course.steps.min(1_000_000_000), ..course };
        let ended = course.run(&pupil, None, &Device::Cpu, &mut |progress, _| {
            if losses.len() < COMPARED as usize {
                losses.push(progress.loss as f32);
                if losses.len() < COMPARED as usize {
                    return Ok(Control::Continue);
                }
                if let Some(path) = timing.out {
                    let bytes: Vec<u8> = losses.iter().copied().flat_map(f32::to_le_bytes).collect();
                    std::fs::write(path, bytes).map_err(|e| DrawError::new(Code::Internal, e.to_string()))?;
                }
                if timing.turns {
                    println!("ready");
                }
            } else {
                seconds += progress.seconds;
                left -= 1;
                if left == 0 {
                    let each = seconds / f64::from(timing.runs);
                    if !timing.turns {
                        println!("{self:?}: {each:.4} s per step, {} pictures each", Pupil::BATCH);
                        return Ok(Control::Cancel);
                    }
                    println!("{each:.6}");
                    let _ = std::io::stdout().flush();
                }
            }
            if left == 0 {
                (seconds, left) = (0.0, timing.runs);
                if timing.turns && lines.next().is_none() {
                    return Ok(Control::Cancel);
                }
            }
            Ok(Control::Continue)
        });
        match ended {
            Err(error) if error.code == Code::Canceled => Ok(()),
            other => Ok(other.map(|_| ())?),
        }
    }
}

/// A network that learns to give its input back.
struct Pupil {
    unet: Unet,
    parameters: Parameters,
    latents: Tensor,
    times: Tensor,
    text: Tensor,
}

impl Pupil {
    const BATCH: usize = 32;

    fn open(lesson: Lesson, dir: &Path, way: Way) -> Result<Self> {
        let parameters = Parameters::default();
        let weights = Box::new(Weights::open(dir, STEM)?);
        let source = Source::over(parameters.builder("unet", weights, move |_| !way.lora, &Device::Cpu));
        let config = UnetConfig::checked(&Config::read(&dir.join("config.json"))?)?;
        let mut unet = Unet::load(&config, source.builder())?;
        unet.recompute(way.recompute);
        if way.lora {
            let paths = Paths { rank: RANK, scale: 1.0, seed: 0 };
            let wanted = |name: &str| of_unet(name, false);
            paths.attach("unet", |visit| unet.layers(visit), &source, wanted, (&parameters, &Device::Cpu))?;
        }
        let (channels, side) = lesson.latents();
        Ok(Self {
            unet,
            parameters,
            latents: super::waves(&[Self::BATCH, channels, side, side], &Device::Cpu)?,
            times: Tensor::full(500f32, Self::BATCH, &Device::Cpu)?,
            text: super::waves(&[Self::BATCH, 77, TEXT], &Device::Cpu)?,
        })
    }
}

impl Learner for Pupil {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn learn(&self, _: usize) -> Result<(f64, GradStore), DrawError> {
        let out = self.unet.forward(&self.latents, &self.times, &self.text)?;
        let loss = (out - &self.latents)?.sqr()?.mean_all()?;
        let gradients = within_pool(loss.device(), || loss.backward())?;
        Ok((f64::from(loss.to_dtype(DType::F32)?.to_scalar::<f32>()?), gradients))
    }
}
