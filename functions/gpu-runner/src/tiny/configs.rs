//! Configuration files of the tiny models: the keys of the real ones, with small numbers.

use serde_json::{Value, json};

use super::Layout;

pub struct Configs {
    pub index: Value,
    pub scheduler: Value,
    pub text: Value,
    pub unet: Value,
    pub vae: Value,
    pub tokenizer: Value,
}

pub const START: &str = "<|startoftext|>";
pub const END: &str = "<|endoftext|>";

/// What the reference writes; it reads directories by this.
const VERSION: &str = "0.35.2";
const TEXT_WIDTH: usize = 32;

pub fn configs(layout: Layout, words: usize) -> Configs {
    let sd2 = layout == Layout::Sd2;
    let pad = if sd2 { "!" } else { END };
    let mut unet = json!({
        "_class_name": "UNet2DConditionModel", "_diffusers_version": VERSION, "sample_size": 8,
        "in_channels": 4, "out_channels": 4, "block_out_channels": [16, 24, 32, 32], "layers_per_block": 1,
        "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
        "mid_block_type": "UNetMidBlock2DCrossAttn",
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
        "norm_num_groups": 8, "norm_eps": 1e-5, "act_fn": "silu", "attention_head_dim": 2,
        "cross_attention_dim": TEXT_WIDTH, "downsample_padding": 1, "flip_sin_to_cos": true, "freq_shift": 0,
        "center_input_sample": false, "mid_block_scale_factor": 1,
    });
    let mut scheduler = json!({
        "_class_name": "DDIMScheduler", "_diffusers_version": VERSION, "num_train_timesteps": 1000,
        "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "prediction_type": "epsilon",
        "steps_offset": 1, "clip_sample": false, "set_alpha_to_one": false, "timestep_spacing": "leading",
        "trained_betas": null,
    });
    if sd2 {
        unet["attention_head_dim"] = json!([1, 2, 4, 4]);
        unet["use_linear_projection"] = json!(true);
        scheduler["prediction_type"] = json!("v_prediction");
    }
    Configs {
        index: json!({
            "_class_name": "StableDiffusionPipeline", "_diffusers_version": VERSION,
            "feature_extractor": [null, null], "safety_checker": [null, null], "requires_safety_checker": false,
            "scheduler": ["diffusers", "DDIMScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        }),
        scheduler,
        text: json!({
            "architectures": ["CLIPTextModel"], "model_type": "clip_text_model", "vocab_size": words,
            "hidden_size": TEXT_WIDTH, "intermediate_size": 2 * TEXT_WIDTH, "num_hidden_layers": 2,
            "num_attention_heads": 4, "max_position_embeddings": 77, "layer_norm_eps": 1e-5,
            "hidden_act": if sd2 { "gelu" } else { "quick_gelu" }, "torch_dtype": "float32",
            "bos_token_id": words - 2, "eos_token_id": words - 1, "pad_token_id": if sd2 { 0 } else { words - 1 },
        }),
        unet,
        vae: json!({
            "_class_name": "AutoencoderKL", "_diffusers_version": VERSION, "sample_size": 64, "in_channels": 3,
            "out_channels": 3, "latent_channels": 4, "block_out_channels": [16, 16, 24, 24], "layers_per_block": 1,
            "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
            "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"],
            "norm_num_groups": 8, "act_fn": "silu", "scaling_factor": 0.18215,
        }),
        tokenizer: json!({
            "tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "bos_token": START, "eos_token": END,
            "unk_token": END, "pad_token": pad,
        }),
    }
}
