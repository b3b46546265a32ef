//! Configuration files of the tiny models: the keys of the real ones, with small numbers.

use serde_json::{Value, json};

use super::Layout;

pub struct Configs {
    pub index: Value,
    pub scheduler: Value,
    /// Of each text encoder.
    pub texts: Vec<Value>,
    pub unet: Value,
    pub vae: Value,
    /// Of the tokenizer for each.
    pub tokenizers: Vec<Value>,
}

pub const START: &str = "<|startoftext|>";
pub const END: &str = "<|endoftext|>";

/// What the reference writes; it reads directories by this.
const VERSION: &str = "0.35.2";
const TEXT_WIDTH: usize = 32;
/// Of the vector that a second text encoder has for the whole text, and of the sines of each size.
const WHOLE: usize = 24;
const SINES: usize = 8;

pub fn configs(layout: Layout, words: usize) -> Configs {
    let (sd2, sdxl) = (layout == Layout::Sd2, layout == Layout::Sdxl);
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
    if sdxl {
        unet["attention_head_dim"] = json!([2, 2, 4]);
        unet["block_out_channels"] = json!([16, 24, 32]);
        unet["down_block_types"] = json!(["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"]);
        unet["up_block_types"] = json!(["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"]);
        unet["transformer_layers_per_block"] = json!([1, 1, 2]);
        unet["cross_attention_dim"] = json!(2 * TEXT_WIDTH);
        unet["use_linear_projection"] = json!(true);
        unet["addition_embed_type"] = json!("text_time");
        unet["addition_time_embed_dim"] = json!(SINES);
        unet["projection_class_embeddings_input_dim"] = json!(WHOLE + 6 * SINES);
    }
    // OpenCLIP's encoders pad with the first word.
    let text = |open_clip: bool| {
        json!({
            "architectures": ["CLIPTextModel"], "model_type": "clip_text_model", "vocab_size": words,
            "hidden_size": TEXT_WIDTH, "intermediate_size": 2 * TEXT_WIDTH, "num_hidden_layers": 2,
            "num_attention_heads": 4, "max_position_embeddings": 77, "layer_norm_eps": 1e-5, "projection_dim": WHOLE,
            "hidden_act": if open_clip { "gelu" } else { "quick_gelu" }, "torch_dtype": "float32",
            "bos_token_id": words - 2, "eos_token_id": words - 1, "pad_token_id": if open_clip { 0 } else { words - 1 },
        })
    };
    let tokenizer = |open_clip: bool| {
        json!({
            "tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "bos_token": START, "eos_token": END,
            "unk_token": END, "pad_token": if open_clip { "!" } else { END },
        })
    };
    let mut index = json!({
        "_class_name": "StableDiffusionPipeline", "_diffusers_version": VERSION,
        "feature_extractor": [null, null], "safety_checker": [null, null], "requires_safety_checker": false,
        "scheduler": ["diffusers", "DDIMScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    });
    if sdxl {
        index["_class_name"] = json!("StableDiffusionXLPipeline");
        index["text_encoder_2"] = json!(["transformers", "CLIPTextModelWithProjection"]);
        index["tokenizer_2"] = json!(["transformers", "CLIPTokenizer"]);
        index["force_zeros_for_empty_prompt"] = json!(true);
    }
    let kinds: &[bool] = if sdxl { &[false, true] } else { &[sd2] };
    Configs {
        index,
        scheduler,
        texts: kinds.iter().map(|open_clip| text(*open_clip)).collect(),
        tokenizers: kinds.iter().map(|open_clip| tokenizer(*open_clip)).collect(),
        unet,
        vae: json!({
            "_class_name": "AutoencoderKL", "_diffusers_version": VERSION, "sample_size": 64, "in_channels": 3,
            "out_channels": 3, "latent_channels": 4, "block_out_channels": [16, 16, 24, 24], "layers_per_block": 1,
            "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
            "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"],
            "norm_num_groups": 8, "act_fn": "silu", "scaling_factor": 0.18215,
        }),
    }
}
