//! A model as a directory in the diffusers layout.

use std::path::{Path, PathBuf};

use candle_nn::var_builder::SimpleBackend;
use serde_json::Value;

use super::parts::{Family, Parts};
use crate::DrawError;
use crate::checkpoint::embedded::{TokenizerFiles, read_tokenizer};
use crate::models::config::{Config, invalid, unsupported};
use crate::tokenizer::Tokenizer;
use crate::weights::Weights;

pub struct Directory {
    dir: PathBuf,
    family: Family,
}

impl Directory {
    /// Reads `model_index.json` and checks that it names nothing but what is known.
    pub fn read(dir: &Path) -> Result<Self, DrawError> {
        let index = Config::read(&dir.join("model_index.json"))?;
        let family = family(&index).map_err(|e| e.at("model_index.json"))?;
        Ok(Self { dir: dir.to_path_buf(), family })
    }
}

impl Directory {
    fn part(&self, part: &str) -> Result<Weights, DrawError> {
        let stem = if part.starts_with("text_encoder") { "model" } else { "diffusion_pytorch_model" };
        Weights::open(&self.dir.join(part), stem)
    }
}

impl Parts for Directory {
    fn family(&self) -> Family {
        self.family
    }

    fn config(&self, part: &str) -> Result<Config, DrawError> {
        let file = if part == "scheduler" { "scheduler_config.json" } else { "config.json" };
        Config::read(&self.dir.join(part).join(file))
    }

    fn weights(&self, part: &str) -> Result<Box<dyn SimpleBackend>, DrawError> {
        Ok(Box::new(self.part(part)?))
    }

    fn numbers(&self, part: &str) -> Result<u64, DrawError> {
        Ok(self.part(part)?.numbers(""))
    }

    fn tokenizer(&self, part: &str, length: usize, words: usize) -> Result<Tokenizer, DrawError> {
        Tokenizer::load(&self.dir.join(part), length, words)
    }

    fn tokenizer_files(&self, part: &str) -> Result<TokenizerFiles, DrawError> {
        read_tokenizer(&self.dir.join(part))
    }
}

fn family(index: &Config) -> Result<Family, DrawError> {
    let class = index.get("_class_name").and_then(Value::as_str).unwrap_or("(no _class_name)");
    let family = match class {
        "StableDiffusionPipeline" | "StableDiffusionImg2ImgPipeline" | "StableDiffusionInpaintPipeline" => Family::Sd,
        "StableDiffusionXLPipeline" | "StableDiffusionXLImg2ImgPipeline" | "StableDiffusionXLInpaintPipeline" => {
            let zeros_for_empty = match index.get("force_zeros_for_empty_prompt") {
                None => true,
                Some(value) => {
                    value.as_bool().ok_or_else(|| invalid(format!("force_zeros_for_empty_prompt = {value}")))?
                }
            };
            if index.get("text_encoder").and_then(|entry| entry.get(1)?.as_str()).is_some() {
                index.only("requires_aesthetics_score", false)?;
                Family::Sdxl { zeros_for_empty }
            } else if index.get("requires_aesthetics_score") == Some(&Value::Bool(true)) {
                Family::Refiner { zeros_for_empty }
            } else {
                return Err(invalid("text_encoder is not named".into()));
            }
        }
        other => {
            let known = "only StableDiffusionPipeline and StableDiffusionXLPipeline are supported";
            return Err(unsupported(format!("{other} ({known})")));
        }
    };
    let class = |part| if part == "text_encoder" { "CLIPTextModel" } else { "CLIPTextModelWithProjection" };
    let texts = family.texts().iter().map(|(part, _)| (*part, class(*part)));
    let others = [("unet", "UNet2DConditionModel"), ("vae", "AutoencoderKL")];
    for (part, known) in texts.chain(others) {
        match index.get(part).and_then(|entry| entry.get(1)?.as_str()) {
            Some(class) if class == known => {}
            Some(other) => return Err(unsupported(format!("{part} {other} (only {known} is supported)"))),
            None => return Err(invalid(format!("{part} is not named"))),
        }
    }
    Ok(family)
}
