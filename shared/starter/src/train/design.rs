//! The starter model's design: the files of a directory in the diffusers layout, but for weights.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::draw::SIDE;
use crate::tokenizer::{LENGTH, Vocabulary};

/// Of the reference that reads the directories.
const VERSION: &str = "0.35.2";
pub const LATENTS: usize = 4;
/// Width of the text encoder.
const WIDTH: usize = 128;

/// Writes configurations and tokenizer.
pub fn write(dir: &Path) -> Result<()> {
    let words = Vocabulary::new();
    put(dir, "model_index.json", &index())?;
    put(dir, "scheduler/scheduler_config.json", &scheduler())?;
    put(dir, "text_encoder/config.json", &text_encoder(words.tokens.len()))?;
    put(dir, "unet/config.json", &unet())?;
    put(dir, "vae/config.json", &vae())?;
    words.write(&dir.join("tokenizer"))
}

fn index() -> Value {
    json!({
        "_class_name": "StableDiffusionPipeline", "_diffusers_version": VERSION,
        "feature_extractor": [null, null], "safety_checker": [null, null], "requires_safety_checker": false,
        "scheduler": ["diffusers", "DDIMScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    })
}

/// Ends in nothing but noise, so that backgrounds may be all light or all dark (Lin et al. 2023).
fn scheduler() -> Value {
    json!({
        "_class_name": "DDIMScheduler", "_diffusers_version": VERSION, "num_train_timesteps": 1000,
        "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "squaredcos_cap_v2", "trained_betas": null,
        "prediction_type": "v_prediction", "rescale_betas_zero_snr": true, "timestep_spacing": "trailing",
        "clip_sample": false, "set_alpha_to_one": true, "steps_offset": 1,
    })
}

fn text_encoder(words: usize) -> Value {
    json!({
        "architectures": ["CLIPTextModel"], "model_type": "clip_text_model", "vocab_size": words,
        "hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_hidden_layers": 3, "num_attention_heads": 4,
        "max_position_embeddings": LENGTH, "layer_norm_eps": 1e-5, "projection_dim": WIDTH, "hidden_act": "gelu",
        "bos_token_id": words - 2, "eos_token_id": words - 1, "pad_token_id": words - 1, "torch_dtype": "float16",
    })
}

/// Most of it where a latent is an eighth of the picture's side: there a kind is a few numbers wide.
fn unet() -> Value {
    json!({
        "_class_name": "UNet2DConditionModel", "_diffusers_version": VERSION, "sample_size": SIDE / 4,
        "in_channels": LATENTS, "out_channels": LATENTS, "block_out_channels": [32, 112, 144], "layers_per_block": 1,
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "mid_block_type": "UNetMidBlock2DCrossAttn",
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "norm_num_groups": 16, "norm_eps": 1e-5, "act_fn": "silu", "attention_head_dim": 4,
        "cross_attention_dim": WIDTH, "downsample_padding": 1, "flip_sin_to_cos": true, "freq_shift": 0,
        "center_input_sample": false, "mid_block_scale_factor": 1, "use_linear_projection": true,
    })
}

fn vae() -> Value {
    json!({
        "_class_name": "AutoencoderKL", "_diffusers_version": VERSION, "sample_size": SIDE, "in_channels": 3,
        "out_channels": 3, "latent_channels": LATENTS, "block_out_channels": [16, 32, 64], "layers_per_block": 1,
        "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
        "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"],
        "norm_num_groups": 8, "act_fn": "silu", "mid_block_add_attention": false, "scaling_factor": 1.0,
    })
}

fn put(dir: &Path, name: &str, value: &Value) -> Result<()> {
    let path = dir.join(name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    }
    let text = serde_json::to_string_pretty(value)? + "\n";
    fs::write(&path, text).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use gpu_runner::models::clip::{TextConfig, TextEncoder};
    use gpu_runner::models::config::Config;
    use gpu_runner::models::unet::{Unet, UnetConfig};
    use gpu_runner::models::vae::{Vae, VaeConfig};
    use gpu_runner::tiny::RandomWeights;

    /// Another design, or other words, is another training.
    #[test]
    fn the_model_that_comes_with_the_runner_is_of_this_design() {
        let dir = tempfile::TempDir::new().unwrap();
        let (designed, model) = (dir.path().join("design"), gpu_runner::starter::unpack(dir.path()).unwrap());
        write(&designed).unwrap();
        let files =
            ["model_index.json", "scheduler/scheduler_config.json", "tokenizer/merges.txt", "tokenizer/vocab.json"];
        for file in files.into_iter().chain(["text_encoder/config.json", "unet/config.json", "vae/config.json"]) {
            let read = |dir: &Path| fs::read_to_string(dir.join(file)).unwrap();
            assert_eq!(read(&designed), read(&model), "{file}");
        }
    }

    /// In half precision: it comes with every copy of the project.
    const MOST: usize = 16_000_000;

    #[test]
    fn it_is_small_and_what_the_runner_reads() {
        let dir = tempfile::TempDir::new().unwrap();
        write(dir.path()).unwrap();
        let config = |part: &str| Config::read(&dir.path().join(part).join("config.json")).unwrap();
        let all = RandomWeights::new(1);
        Unet::load(&UnetConfig::checked(&config("unet")).unwrap(), all.builder().pp("unet")).unwrap();
        Vae::load(&VaeConfig::checked(&config("vae")).unwrap(), all.builder()).unwrap();
        TextEncoder::load(&TextConfig::checked(&config("text_encoder")).unwrap(), all.builder()).unwrap();
        let numbers: usize = all.all().values().map(|tensor| tensor.elem_count()).sum();
        // Beside the weights: vocabulary, configurations, names and places of tensors.
        let rest = 200_000;
        assert!(2 * numbers + rest < MOST && numbers > 7_000_000, "{numbers}");
    }
}
