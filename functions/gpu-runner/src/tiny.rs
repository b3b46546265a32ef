//! A model of a few megabytes with random weights, in the layout of a real one: for tests, and for a first start
//! without a download. It draws colours, not pictures.

mod configs;
mod random;
pub mod vocab;

use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::Value;

use crate::models::clip::{Projection, TextConfig, TextEncoder};
use crate::models::config::Config;
use crate::models::unet::{Unet, UnetConfig};
use crate::models::vae::{Vae, VaeConfig};
pub use random::RandomWeights;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Layout {
    /// Predicts noise, text by quick gelu, convolutions around the transformers
    Sd15,
    /// Predicts v, text by gelu, linear layers around the transformers, heads per level
    Sd2,
    /// Two text encoders, and the whole text and sizes beside the words
    Sdxl,
}

/// Writes the directory. The same seed gives the same bytes.
pub fn write(dir: &Path, layout: Layout, seed: u64) -> Result<()> {
    let words = vocab::vocabulary();
    let configs = configs::configs(layout, words.len());
    put(dir, "model_index.json", &configs.index)?;
    put(dir, "scheduler/scheduler_config.json", &configs.scheduler)?;
    put(dir, "unet/config.json", &configs.unet)?;
    put(dir, "vae/config.json", &configs.vae)?;
    for (suffix, (text, tokenizer)) in ["", "_2"].iter().zip(configs.texts.iter().zip(&configs.tokenizers)) {
        let folder = format!("tokenizer{suffix}");
        put(dir, &format!("text_encoder{suffix}/config.json"), text)?;
        put(dir, &format!("{folder}/tokenizer_config.json"), tokenizer)?;
        put(dir, &format!("{folder}/vocab.json"), &vocab::as_json(&words))?;
        std::fs::write(dir.join(folder).join("merges.txt"), vocab::merges_file())?;
    }

    // The networks are built on a source that invents what they ask for and remembers it: no second list of names.
    let config = |part: &str| Config::read(&dir.join(part).join("config.json"));
    let text = RandomWeights::new(seed);
    TextEncoder::load(&TextConfig::checked(&config("text_encoder")?)?, text.builder())?;
    text.save(&dir.join("text_encoder/model.safetensors"))?;
    let unet = RandomWeights::new(seed.wrapping_add(1));
    Unet::load(&UnetConfig::checked(&config("unet")?)?, unet.builder())?;
    unet.save(&dir.join("unet/diffusion_pytorch_model.safetensors"))?;
    let vae = RandomWeights::new(seed.wrapping_add(2));
    Vae::load(&VaeConfig::checked(&config("vae")?)?, vae.builder())?;
    vae.save(&dir.join("vae/diffusion_pytorch_model.safetensors"))?;
    if layout == Layout::Sdxl {
        let text = RandomWeights::new(seed.wrapping_add(3));
        let config = TextConfig::checked(&config("text_encoder_2")?)?;
        TextEncoder::load(&config, text.builder())?;
        Projection::load(&config, text.builder())?;
        text.save(&dir.join("text_encoder_2/model.safetensors"))?;
    }
    Ok(())
}

fn put(dir: &Path, name: &str, value: &Value) -> Result<()> {
    let path = dir.join(name);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    }
    let text = serde_json::to_string_pretty(value)? + "\n";
    std::fs::write(&path, text).with_context(|| path.display().to_string())
}
