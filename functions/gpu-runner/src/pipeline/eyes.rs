//! What a model sees in its own pictures: `image_encoder` and `safety_checker` of a directory, where they are.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;

use crate::backend::{Rgb, Sight};
use crate::models::clip::{Vision, VisionConfig};
use crate::models::config::Config;
use crate::models::safety::Safety;
use crate::weights::Weights;
use crate::{Code, DrawError, picture};

/// Longer embeddings are not kept anywhere.
const LONGEST: usize = protocol::runner::MAX_EMBEDDING;

#[derive(Default)]
pub(super) struct Eyes {
    encoder: Option<(Vision, usize)>,
    safety: Option<(Safety, usize)>,
}

impl Eyes {
    pub fn open(model: &Path, device: &Device) -> Result<Self, DrawError> {
        let mut eyes = Self::default();
        if let Some((config, vb)) = part(&model.join("image_encoder"), device)? {
            let config = VisionConfig::checked(&config).map_err(|e| e.at("image_encoder"))?;
            if config.projection_dim <= LONGEST {
                let vision = Vision::load(&config, vb).map_err(|e| DrawError::from(e).at("image_encoder"))?;
                eyes.encoder = Some((vision, config.image_size));
            }
        }
        if let Some((config, vb)) = part(&model.join("safety_checker"), device)? {
            let config = Safety::config(&config).map_err(|e| e.at("safety_checker"))?;
            let safety = Safety::load(&config, vb).map_err(|e| DrawError::from(e).at("safety_checker"))?;
            eyes.safety = Some((safety, config.image_size));
        }
        Ok(eyes)
    }

    /// Numbers in the weights of what is there.
    pub fn numbers(model: &Path) -> u64 {
        let parts = ["image_encoder", "safety_checker"].map(|part| model.join(part));
        // What can't be opened is for `open` to tell.
        parts.iter().filter_map(|part| Weights::open(part, "model").ok()).map(|weights| weights.numbers("")).sum()
    }

    pub fn look(&self, rgb: &Rgb, device: &Device) -> Result<Sight, DrawError> {
        let mut sight = Sight::default();
        if let Some((vision, side)) = &self.encoder {
            let seen = vision.forward(&pixels(rgb, *side, device)?)?.squeeze(0)?.to_device(&Device::Cpu)?;
            sight.embedding = Some(unit(seen.to_vec1::<f32>()?)?);
        }
        if let Some((safety, side)) = &self.safety {
            sight.nsfw = Some(safety.scores(&pixels(rgb, *side, device)?)?.flagged());
        }
        Ok(sight)
    }
}

/// None where there is no such part.
fn part(dir: &Path, device: &Device) -> Result<Option<(Config, VarBuilder<'static>)>, DrawError> {
    let config = dir.join("config.json");
    if !config.is_file() {
        return Ok(None);
    }
    let weights = Weights::open(dir, "model")?.into_builder(DType::F32, device);
    Ok(Some((Config::read(&config)?, weights)))
}

fn unit(vector: Vec<f32>) -> Result<Vec<f32>, DrawError> {
    let length = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    if !length.is_finite() || length < 1e-9 {
        return Err(DrawError::new(Code::Internal, "the image encoder gave no direction"));
    }
    Ok(vector.into_iter().map(|value| (f64::from(value) / length) as f32).collect())
}

/// (1, 3, side, side) as CLIP was trained on: the shorter side brought to `side` with bicubic weights, the middle cut
/// out, each colour by its mean and deviation.
pub fn pixels(rgb: &Rgb, side: usize, device: &Device) -> Result<Tensor, DrawError> {
    const MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
    const DEVIATION: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];
    let rgb = picture::middle(rgb, side as u32);
    let colour = |(i, byte): (usize, &u8)| (f32::from(*byte) / 255.0 - MEAN[i % 3]) / DEVIATION[i % 3];
    let values: Vec<f32> = rgb.bytes.iter().enumerate().map(colour).collect();
    let rows = Tensor::from_vec(values, (side, side, 3), &Device::Cpu)?;
    Ok(rows.permute((2, 0, 1))?.unsqueeze(0)?.contiguous()?.to_device(device)?)
}
