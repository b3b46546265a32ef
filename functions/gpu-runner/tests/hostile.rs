//! Model directories that lie. Every one ends in an error with a code, never in a panic or a huge allocation.

mod support;

use std::fs;
use std::path::Path;

use candle_core::Device;
use gpu_runner::backend::{Backend, CandleBackend, Control, DrawJob};
use gpu_runner::pipeline::Model;
use gpu_runner::tiny::Layout;
use gpu_runner::{Code, DrawError};
use serde_json::{Value, json};
use support::model;

fn load(dir: &Path) -> Result<(), DrawError> {
    Model::load(dir, &Device::Cpu).map(|_| ())
}

fn refusal(dir: &Path, what: &str) -> DrawError {
    load(dir).expect_err(what)
}

/// Sets a key of a configuration, runs, puts the file back.
fn with_key<T>(dir: &Path, file: &str, key: &str, value: &Value, run: impl FnOnce() -> T) -> T {
    let path = dir.join(file);
    let original = fs::read(&path).unwrap();
    let mut config: Value = serde_json::from_slice(&original).unwrap();
    config[key] = value.clone();
    fs::write(&path, config.to_string()).unwrap();
    let result = run();
    fs::write(&path, original).unwrap();
    result
}

#[test]
fn wrong_configurations_are_named() {
    use Code::{ModelConfigInvalid as Invalid, ModelUnsupported as Unsupported, WeightsMissing, WeightsShape};
    let dir = model(Layout::Sd15);
    let dir = dir.path();
    load(dir).unwrap();
    let cases = [
        ("model_index.json", "_class_name", json!("FluxPipeline"), Unsupported),
        ("model_index.json", "_class_name", json!("StableDiffusionXLPipeline"), Invalid),
        ("model_index.json", "_class_name", json!(7), Unsupported),
        ("model_index.json", "vae", json!(["diffusers", "AutoencoderTiny"]), Unsupported),
        ("model_index.json", "unet", json!("x"), Invalid),
        ("text_encoder/config.json", "hidden_size", json!(-1), Invalid),
        ("text_encoder/config.json", "hidden_size", json!(u64::MAX), Invalid),
        ("text_encoder/config.json", "hidden_size", json!(64), Invalid),
        ("text_encoder/config.json", "num_attention_heads", json!(0), Invalid),
        ("text_encoder/config.json", "num_attention_heads", json!(5), Invalid),
        ("text_encoder/config.json", "hidden_act", json!("softmax"), Invalid),
        ("text_encoder/config.json", "layer_norm_eps", json!(-1), Invalid),
        ("text_encoder/config.json", "num_hidden_layers", json!(3), WeightsMissing),
        ("text_encoder/config.json", "intermediate_size", json!(65), WeightsShape),
        ("text_encoder/config.json", "vocab_size", json!(100), Code::TokenizerInvalid),
        ("unet/config.json", "norm_num_groups", json!(0), Invalid),
        ("unet/config.json", "norm_num_groups", json!(7), Invalid),
        ("unet/config.json", "block_out_channels", json!([]), Invalid),
        ("unet/config.json", "block_out_channels", json!([16, 24]), Invalid),
        ("unet/config.json", "block_out_channels", json!([16, 24, 32, 64]), WeightsShape),
        ("unet/config.json", "attention_head_dim", json!([4, 4]), Invalid),
        ("unet/config.json", "attention_head_dim", json!(0), Invalid),
        ("unet/config.json", "layers_per_block", json!(1_000_000_000), Invalid),
        ("unet/config.json", "layers_per_block", json!(2), WeightsMissing),
        ("unet/config.json", "cross_attention_dim", json!(48), Invalid),
        ("unet/config.json", "in_channels", json!(9), WeightsShape),
        ("unet/config.json", "in_channels", json!(8), Unsupported),
        ("unet/config.json", "class_embed_type", json!("timestep"), Unsupported),
        ("unet/config.json", "addition_embed_type", json!("image"), Unsupported),
        ("unet/config.json", "addition_embed_type", json!("text_time"), Invalid),
        ("unet/config.json", "mid_block_type", json!("UNetMidBlock2DSimpleCrossAttn"), Unsupported),
        ("unet/config.json", "act_fn", json!(["silu"]), Invalid),
        ("unet/config.json", "use_linear_projection", json!(true), WeightsShape),
        ("vae/config.json", "block_out_channels", json!(vec![16; 30]), Invalid),
        ("vae/config.json", "latent_channels", json!(0), Invalid),
        ("vae/config.json", "latent_channels", json!(8), Unsupported),
        ("vae/config.json", "in_channels", json!(4), Unsupported),
        ("vae/config.json", "scaling_factor", json!(0), Invalid),
        ("vae/config.json", "latents_mean", json!([0, 0, 0]), Invalid),
        ("vae/config.json", "latents_mean", json!([0, 0, 0, 1e300]), Invalid),
        ("vae/config.json", "latents_std", json!([1, 1, 1, 0]), Invalid),
        ("scheduler/scheduler_config.json", "num_train_timesteps", json!(0), Invalid),
        ("scheduler/scheduler_config.json", "steps_offset", json!(1_000_000), Invalid),
        ("scheduler/scheduler_config.json", "prediction_type", json!("flow"), Invalid),
        ("scheduler/scheduler_config.json", "beta_end", json!(1.5), Invalid),
        ("scheduler/scheduler_config.json", "trained_betas", json!([0.1]), Invalid),
        ("scheduler/scheduler_config.json", "rescale_betas_zero_snr", json!(true), Invalid),
        ("scheduler/scheduler_config.json", "thresholding", json!(true), Unsupported),
        ("tokenizer/tokenizer_config.json", "pad_token", json!("<nowhere>"), Code::TokenizerInvalid),
    ];
    for (file, key, value, code) in cases {
        let what = format!("{file}: {key} = {value}");
        let error = with_key(dir, file, key, &value, || refusal(dir, &what));
        assert_eq!(error.code, code, "{what}: {error}");
    }
    load(dir).unwrap();
}

#[test]
fn wrong_configurations_of_two_text_encoders_are_named() {
    use Code::{ModelConfigInvalid as Invalid, ModelUnsupported as Unsupported, WeightsMissing, WeightsShape};
    let dir = model(Layout::Sdxl);
    let dir = dir.path();
    load(dir).unwrap();
    let cases = [
        ("model_index.json", "_class_name", json!("StableDiffusionPipeline"), Invalid),
        ("model_index.json", "text_encoder_2", json!(["transformers", "CLIPTextModel"]), Unsupported),
        ("model_index.json", "text_encoder_2", json!([null, null]), Invalid),
        ("model_index.json", "force_zeros_for_empty_prompt", json!("no"), Invalid),
        ("model_index.json", "requires_aesthetics_score", json!(true), Unsupported),
        ("model_index.json", "text_encoder", json!([null, null]), Invalid),
        ("text_encoder_2/config.json", "projection_dim", json!(0), Invalid),
        ("text_encoder_2/config.json", "projection_dim", json!(25), Invalid),
        ("text_encoder_2/config.json", "hidden_size", json!(64), Invalid),
        ("text_encoder_2/config.json", "num_hidden_layers", json!(3), WeightsMissing),
        ("text_encoder_2/config.json", "eos_token_id", json!(-1), Invalid),
        ("text_encoder_2/config.json", "max_position_embeddings", json!(70), WeightsShape),
        ("unet/config.json", "addition_embed_type", json!(null), Invalid),
        ("unet/config.json", "addition_embed_type", json!("text"), Unsupported),
        ("unet/config.json", "addition_time_embed_dim", json!(7), Invalid),
        ("unet/config.json", "addition_time_embed_dim", json!(null), Invalid),
        ("unet/config.json", "projection_class_embeddings_input_dim", json!(1e9 as u64), Invalid),
        ("unet/config.json", "transformer_layers_per_block", json!([1, 1, 1_000_000_000]), Invalid),
        ("unet/config.json", "transformer_layers_per_block", json!([1, 1, 3]), WeightsMissing),
        ("unet/config.json", "transformer_layers_per_block", json!([1, 1, [2, 2]]), Invalid),
        ("unet/config.json", "block_out_channels", json!([16, 24, 64]), WeightsShape),
        ("tokenizer_2/tokenizer_config.json", "pad_token", json!("<nowhere>"), Code::TokenizerInvalid),
        ("tokenizer_2/tokenizer_config.json", "model_max_length", json!(70), Invalid),
    ];
    for (file, key, value, code) in cases {
        let what = format!("{file}: {key} = {value}");
        let error = with_key(dir, file, key, &value, || refusal(dir, &what));
        assert_eq!(error.code, code, "{what}: {error}");
    }
    load(dir).unwrap();
}

/// Any value anywhere: loading says yes or no.
#[test]
fn no_value_of_any_key_makes_it_panic() {
    let nasty = [
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(1),
        json!(3),
        json!(1e-300),
        json!(1e300),
        json!(u64::MAX),
        json!(1u64 << 40),
        json!("x"),
        json!(""),
        json!([]),
        json!([0, 0, 0, 0]),
        json!([null]),
        json!({}),
        json!([65536, 65536, 65536, 65536]),
    ];
    let common = [
        "model_index.json",
        "text_encoder/config.json",
        "unet/config.json",
        "vae/config.json",
        "scheduler/scheduler_config.json",
        "tokenizer/tokenizer_config.json",
    ];
    let second =
        ["model_index.json", "text_encoder_2/config.json", "unet/config.json", "tokenizer_2/tokenizer_config.json"];
    let (sd2, sdxl) = (model(Layout::Sd2), model(Layout::Sdxl));
    let files = common.iter().map(|file| (sd2.path(), file)).chain(second.iter().map(|file| (sdxl.path(), file)));
    let mut refused = 0;
    for (dir, file) in files {
        let config: Value = serde_json::from_slice(&fs::read(dir.join(file)).unwrap()).unwrap();
        for key in config.as_object().unwrap().keys() {
            for value in &nasty {
                refused += usize::from(with_key(dir, file, key, value, || load(dir)).is_err());
            }
        }
    }
    assert!(refused > 500, "{refused}");
}

#[test]
fn broken_files_are_named() {
    let dir = model(Layout::Sd15);
    let dir = dir.path();
    let files = [
        ("model_index.json", Code::ModelConfigInvalid),
        ("unet/config.json", Code::ModelConfigInvalid),
        ("scheduler/scheduler_config.json", Code::ModelConfigInvalid),
        ("tokenizer/vocab.json", Code::TokenizerInvalid),
        ("tokenizer/merges.txt", Code::TokenizerInvalid),
        ("unet/diffusion_pytorch_model.safetensors", Code::WeightsInvalid),
    ];
    for (file, code) in files {
        let path = dir.join(file);
        let original = fs::read(&path).unwrap();
        for broken in [&b"\xff\xfe{"[..], b"[1, 2", b"\0\0\0\0\0\0\0\0\0\0\0\0"] {
            fs::write(&path, broken).unwrap();
            assert_eq!(refusal(dir, file).code, code, "{file} {broken:?}");
        }
        fs::remove_file(&path).unwrap();
        let error = refusal(dir, file);
        assert_eq!(error.code, Code::ModelNotFound, "{file}");
        assert!(error.message.contains(file.rsplit('/').next().unwrap()), "{error}");
        fs::create_dir(&path).unwrap();
        assert_eq!(refusal(dir, file).code, Code::ModelNotFound, "{file} as a directory");
        fs::remove_dir(&path).unwrap();
        fs::write(&path, original).unwrap();
    }
    load(dir).unwrap();
    assert_eq!(refusal(&dir.join("none"), "no directory").code, Code::ModelNotFound);
}

/// A weights file around this header, with `data` bytes after it.
fn file(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

#[test]
fn weights_that_contradict_themselves_are_refused() {
    let dir = model(Layout::Sd15);
    let dir = dir.path();
    let path = dir.join("unet/diffusion_pytorch_model.safetensors");
    let original = fs::read(&path).unwrap();
    let tensor = |shape: &str, offsets: &str| {
        format!(r#"{{"conv_in.weight":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    let cases = [
        (vec![], Code::WeightsInvalid),
        (u64::MAX.to_le_bytes().to_vec(), Code::WeightsInvalid),
        (99_000_000u64.to_le_bytes().to_vec(), Code::WeightsInvalid),
        (file("[]", 0), Code::WeightsInvalid),
        (file("{}", 0), Code::WeightsMissing),
        (file(r#"{"conv_in.weight":3}"#, 0), Code::WeightsInvalid),
        (file(&tensor("[4]", "[0,8]"), 16), Code::WeightsInvalid),
        (file(&tensor("[4]", "[16,0]"), 16), Code::WeightsInvalid),
        (file(&tensor("[4]", "[0,16]"), 15), Code::WeightsInvalid),
        (file(&tensor("[4]", "[18446744073709551600,18446744073709551615]"), 16), Code::WeightsInvalid),
        (file(&tensor("[4294967296,4294967296,4]", "[0,16]"), 16), Code::WeightsInvalid),
        (file(&tensor("[4]", "[0,16]"), 16), Code::WeightsMissing),
        (original[..original.len() - 1].to_vec(), Code::WeightsInvalid),
    ];
    for (i, (bytes, code)) in cases.into_iter().enumerate() {
        fs::write(&path, bytes).unwrap();
        let error = refusal(dir, "a broken weights file");
        assert_eq!(error.code, code, "case {i}: {error}");
        assert!(error.message.contains("unet"), "{error}");
    }
    // All names and shapes right, integers inside: no such tensor.
    let text = String::from_utf8_lossy(&original[..200]).into_owned();
    assert!(text.contains("F32"));
    let integers: Vec<u8> = original.clone();
    let length = u64::from_le_bytes(integers[..8].try_into().unwrap()) as usize;
    let header = String::from_utf8(integers[8..8 + length].to_vec()).unwrap().replace("\"F32\"", "\"I32\"");
    fs::write(&path, [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &integers[8 + length..]].concat())
        .unwrap();
    assert_eq!(refusal(dir, "integers").code, Code::WeightsMissing);
}

#[test]
fn pickles_beside_are_not_read() {
    let dir = model(Layout::Sd15);
    let weights = dir.path().join("unet/diffusion_pytorch_model.safetensors");
    fs::rename(&weights, weights.with_extension("bin")).unwrap();
    let error = refusal(dir.path(), "a PyTorch file");
    assert_eq!(error.code, Code::ModelUnsupported);
    assert!(error.message.contains("diffusion_pytorch_model.bin"), "{error}");
}

/// They load: whether all of a model's numbers are some is only seen when it draws.
#[test]
fn weights_that_are_no_numbers_end_the_job_for_good() {
    let dir = model(Layout::Sdxl);
    let path = dir.path().join("unet/diffusion_pytorch_model.safetensors");
    let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let bias = tensors.get_mut("conv_in.bias").unwrap();
    *bias = (&*bias * f64::NAN).unwrap();
    fs::remove_file(&path).unwrap();
    candle_core::safetensors::save(&tensors, &path).unwrap();
    let params = json!({
        "prompt": "fox", "negative_prompt": "", "width": 64, "height": 64, "num_inference_steps": 1,
        "guidance_scale": 1.0, "scheduler": "DDIM", "seed": 1, "n": 1,
    });
    let job = DrawJob::new(dir.path().to_path_buf(), serde_json::from_value(params).unwrap());
    let error = CandleBackend::new(Device::Cpu).draw(&job, &mut |_| Control::Continue).unwrap_err();
    assert_eq!(error.code, Code::WeightsInvalid, "{error}");
    assert!(!error.retryable());
}
