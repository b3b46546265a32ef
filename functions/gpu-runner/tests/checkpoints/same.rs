use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use gpu_runner::Code;
use gpu_runner::backend::{Backend, CandleBackend, Control, DrawJob, Picture, Rgb};
use protocol::runner::DrawParams;
use serde_json::json;
use tempfile::TempDir;

use crate::family::{FAMILIES, Family, copy, fixtures};

pub fn job(model: &Path) -> DrawJob {
    let params = json!({
        "prompt": "a watercolour fox in the snow", "negative_prompt": "text", "width": 72, "height": 64,
        "num_inference_steps": 3, "guidance_scale": 5.0, "scheduler": "DDIM", "seed": 3, "n": 1,
    });
    let params: DrawParams = serde_json::from_value(params).unwrap();
    let mut job = DrawJob::new(model.to_path_buf(), params);
    job.keep_latents = true;
    job
}

fn draw(job: &DrawJob, tokenizer: Option<&Path>) -> Result<Vec<Picture>, gpu_runner::DrawError> {
    let mut backend = CandleBackend::new(Device::Cpu).with_tokenizer(tokenizer.map(Path::to_path_buf));
    backend.draw(job, &mut |_| Control::Continue)
}

/// Bit for bit, by a vocabulary from each of the places where one is looked for.
#[test]
fn a_file_draws_what_its_directory_draws() {
    for name in FAMILIES {
        let family = Family::read(name);
        let dir = TempDir::new().unwrap();
        let tensors = family.random();
        family.write_directory(&tensors, &dir.path().join("model"));
        let file = dir.path().join("single/model.safetensors");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        candle_core::safetensors::save(&tensors, &file).unwrap();

        let job = |model: &Path| {
            let mut job = job(model);
            if family.refines() {
                job.params.from_images = vec!["picture".into()];
                job.params.strength = Some(0.7);
                job.from =
                    vec![Rgb { width: 72, height: 64, bytes: (0..72 * 64 * 3).map(|i| (i * 7) as u8).collect() }];
            }
            job
        };
        let expected = draw(&job(&dir.path().join("model")), None).unwrap();
        let bytes = &expected[0].rgb.bytes;
        assert!(bytes.iter().any(|b| *b != bytes[0]), "{name}: a picture of one colour");

        let tokenizer = fixtures().join("sdxl/tokenizer");
        assert!(draw(&job(&file), Some(&tokenizer)).unwrap() == expected, "{name}, a vocabulary that is given");
        assert!(draw(&job(&file), Some(&dir.path().join("model"))).unwrap() == expected, "{name}, of a model");
        let missing = draw(&job(&file), Some(dir.path())).unwrap_err();
        assert_eq!(missing.code, Code::ModelNotFound, "{missing}");
        copy(&tokenizer, &dir.path().join("single/tokenizer"));
        assert!(draw(&job(&file), None).unwrap() == expected, "{name}, one beside the file");
    }
}

/// Half precision as files mostly have it, and names as the first files had them.
#[test]
fn older_names_and_half_precision_are_known() {
    let family = Family::read("sd1");
    let dir = TempDir::new().unwrap();
    let to = |tensors: HashMap<String, Tensor>, dtype| -> HashMap<String, Tensor> {
        tensors.into_iter().map(|(name, tensor)| (name, tensor.to_dtype(dtype).unwrap())).collect()
    };
    for dtype in [DType::F16, DType::BF16] {
        let tensors = to(family.random(), dtype);
        family.write_directory(&to(tensors.clone(), DType::F32), &dir.path().join("model"));
        let expected = draw(&job(&dir.path().join("model")), None).unwrap();
        let older = |name: String| name.replace("transformer.text_model.", "transformer.");
        let renamed: HashMap<_, _> = tensors.into_iter().map(|(name, tensor)| (older(name), tensor)).collect();
        let file = dir.path().join("model.safetensors");
        candle_core::safetensors::save(&renamed, &file).unwrap();
        assert!(draw(&job(&file), Some(&dir.path().join("model"))).unwrap() == expected, "{dtype:?}");
    }
}
