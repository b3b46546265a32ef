//! What to draw, and what came of it, as plain values.

use std::path::PathBuf;

use domain::runner::DrawParams;
use domain::{Lang, task};
use serde_json::json;

use crate::schedulers::Sampler;
use crate::{Code, DrawError};

#[derive(Clone, Debug)]
pub struct DrawJob {
    /// A directory in the diffusers layout.
    pub model: PathBuf,
    pub params: DrawParams,
    /// A preview after every so many steps; 0 for none.
    pub preview_every: usize,
    /// Unit-variance noise in place of what the seeds give: (n, channels, h / factor, w / factor).
    pub init_latents: Option<Latents>,
    /// Whether pictures carry their final latents.
    pub keep_latents: bool,
}

impl DrawJob {
    pub fn new(model: PathBuf, params: DrawParams) -> Self {
        Self { model, params, preview_every: 0, init_latents: None, keep_latents: false }
    }

    /// The ranges of the API, which hold here too: a runner does not rely on who asks.
    pub fn check(&self) -> Result<Sampler, DrawError> {
        let refuse = |message: String| Err(DrawError::new(Code::RequestInvalid, message));
        if !self.params.guidance_scale.is_finite() {
            return refuse("guidance_scale is not a number".into());
        }
        let body = serde_json::to_value(&self.params).map_err(|e| DrawError::new(Code::Internal, e.to_string()))?;
        if let Err(e) = task::INFERENCE.create(&body) {
            return refuse(e.text(Lang::En));
        }
        Sampler::parse(&self.params.scheduler)
    }

    /// How a picture was made, as image viewers and other tools read it from the PNG text `parameters`.
    pub fn parameters(&self, picture: &Picture) -> String {
        let p = &self.params;
        let negative = match p.negative_prompt.as_str() {
            "" => String::new(),
            text => format!("\nNegative prompt: {text}"),
        };
        let model = self.model.file_name().unwrap_or_default().to_string_lossy();
        format!(
            "{}{negative}\nSteps: {}, Sampler: {}, CFG scale: {}, Seed: {}, Size: {}x{}, Model: {model}",
            p.prompt, p.num_inference_steps, p.scheduler, p.guidance_scale, picture.seed, p.width, p.height
        )
    }

    /// A picture as a PNG file that says how it was made.
    pub fn png(&self, picture: &Picture) -> Result<Vec<u8>, DrawError> {
        let mut made = json!(self.params);
        made["seed"] = json!(picture.seed);
        made["n"] = json!(1);
        crate::png::encode(&picture.rgb, &[("parameters", self.parameters(picture)), ("generation", made.to_string())])
    }
}

/// Rows of red, green, blue, from the top left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rgb {
    pub width: u32,
    pub height: u32,
    /// 3 × width × height.
    pub bytes: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    pub seed: u64,
    pub rgb: Rgb,
    /// (1, channels, h, w) before the autoencoder, when the job asked for them.
    pub latents: Option<Latents>,
}

/// A tensor as plain values, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Latents {
    pub shape: [usize; 4],
    pub values: Vec<f32>,
}
