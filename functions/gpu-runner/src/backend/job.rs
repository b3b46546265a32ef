//! What to draw, and what came of it, as plain values.

use std::path::PathBuf;

use domain::{Lang, task};
use protocol::runner::{DEFAULT_STRENGTH, DrawParams};
use serde_json::json;

use super::Mask;
use super::name::model_name;
use crate::schedulers::Sampler;
use crate::{Code, DrawError};

#[derive(Clone, Debug)]
pub struct DrawJob {
    /// A directory in the diffusers layout, or a file.
    pub model: PathBuf,
    pub params: DrawParams,
    /// What `params.from_images` names, in its order, each of the size that is drawn.
    pub from: Vec<Rgb>,
    /// What `params.mask` names, of the same size.
    pub mask: Option<Mask>,
    /// LoRA files and their strengths, at most 16.
    pub loras: Vec<(PathBuf, f64)>,
    /// Files of learned words, and the words they are to have instead of their own; at most 16.
    pub embeddings: Vec<(PathBuf, Option<String>)>,
    /// Hypernetwork files and their strengths, at most 16.
    pub hypernetworks: Vec<(PathBuf, f64)>,
    /// A preview after every so many steps; 0 for none.
    pub preview_every: usize,
    /// Unit-variance noise in place of what the seeds give: (n, channels, h / factor, w / factor).
    pub init_latents: Option<Latents>,
    /// Whether pictures carry their final latents.
    pub keep_latents: bool,
}

impl DrawJob {
    pub fn new(model: PathBuf, params: DrawParams) -> Self {
        Self {
            model,
            params,
            from: Vec::new(),
            mask: None,
            loras: Vec::new(),
            embeddings: Vec::new(),
            hypernetworks: Vec::new(),
            preview_every: 0,
            init_latents: None,
            keep_latents: false,
        }
    }

    /// The ranges of the API, which hold here too: a runner does not rely on who asks.
    pub fn check(&self) -> Result<Sampler, DrawError> {
        let sampler = check(&self.params)?;
        self.check_adapters()?;
        let (width, height) = (self.params.width, self.params.height);
        let fits = |rgb: &Rgb| {
            (rgb.width, rgb.height) == (width, height) && rgb.bytes.len() == 3 * width as usize * height as usize
        };
        let refuse = |message: String| Err(DrawError::new(Code::RequestInvalid, message));
        if self.from.len() != self.params.from_images.len() || !self.from.iter().all(fits) {
            let (given, named) = (self.from.len(), self.params.from_images.len());
            return refuse(format!("{given} pictures for {named} in from_images, wanted at {width}x{height}"));
        }
        if self.mask.is_some() != self.params.mask.is_some() || !self.mask.iter().all(|mask| mask.is(width, height)) {
            return refuse(format!("one mask for one that is named, wanted at {width}x{height}"));
        }
        Ok(sampler)
    }

    fn check_adapters(&self) -> Result<(), DrawError> {
        let counts = [
            ("loras", self.loras.len()),
            ("embeddings", self.embeddings.len()),
            ("hypernetworks", self.hypernetworks.len()),
        ];
        let refuse = |message: String| Err(DrawError::new(Code::RequestInvalid, message));
        if let Some((name, count)) = counts.into_iter().find(|(_, count)| *count > MAX_ADAPTERS) {
            return refuse(format!("{name}: {count} files, at most {MAX_ADAPTERS} are used"));
        }
        for (path, strength) in self.loras.iter().chain(&self.hypernetworks) {
            if !strength.is_finite() || strength.abs() > MAX_STRENGTH {
                let name = path.file_name().unwrap_or_default().display();
                return refuse(format!("a strength of {strength} for {name}"));
            }
        }
        Ok(())
    }

    /// How much of the start picture is drawn anew; none without one.
    pub fn strength(&self) -> Option<f64> {
        (!self.params.from_images.is_empty()).then(|| self.params.strength.unwrap_or(DEFAULT_STRENGTH))
    }

    /// Steps of one picture: all, or of the last ones the share that `strength` says, rounded down as the reference
    /// does, but not to none: at 0 alone nothing is drawn.
    pub fn steps(&self) -> usize {
        let all = self.params.num_inference_steps as usize;
        match self.strength() {
            Some(strength) if strength > 0.0 => ((all as f64 * strength) as usize).clamp(all.min(1), all),
            Some(_) => 0,
            None => all,
        }
    }

    /// LoRAs and hypernetworks as prompts name them in the web UI.
    fn named(&self) -> String {
        let kinds = [("lora", &self.loras), ("hypernet", &self.hypernetworks)];
        let all = kinds.into_iter().flat_map(|(kind, files)| files.iter().map(move |file| (kind, file)));
        all.map(|(kind, (path, strength))| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            format!(" <{kind}:{name}:{strength}>")
        })
        .collect()
    }

    /// How a picture was made, as image viewers and other tools read it from the PNG text `parameters`.
    pub fn parameters(&self, picture: &Picture) -> String {
        let p = &self.params;
        let negative = match p.negative_prompt.as_str() {
            "" => String::new(),
            text => format!("\nNegative prompt: {text}"),
        };
        let model = p.model.as_ref().map_or_else(|| model_name(&self.model), |model| model.name.clone());
        let model = quoted(model);
        let sampler =
            task::WEB_UI_SAMPLERS.iter().find(|(ours, _)| *ours == p.scheduler).map_or(&*p.scheduler, |(_, name)| name);
        let strength = match self.strength() {
            Some(strength) => format!(", Denoising strength: {strength}"),
            None => String::new(),
        };
        format!(
            "{}{}{negative}\nSteps: {}, Sampler: {}, CFG scale: {}, Seed: {}, Size: {}x{}, Model: {model}{strength}",
            p.prompt,
            self.named(),
            p.num_inference_steps,
            sampler,
            p.guidance_scale,
            picture.seed,
            p.width,
            p.height
        )
    }

    /// A picture as a PNG file that says how it was made.
    pub fn png(&self, picture: &Picture) -> Result<Vec<u8>, DrawError> {
        let mut made = json!(self.params);
        made["seed"] = json!(picture.seed);
        made["n"] = json!(1);
        // Whose pictures they were is no business of who sees this one, and an address may open them.
        if let Some(made) = made.as_object_mut() {
            made.remove("from_images");
            made.remove("mask");
        }
        crate::png::encode(&picture.rgb, &[("parameters", self.parameters(picture)), ("generation", made.to_string())])
    }
}

/// A value among others, as the web UI writes it: in quotes where it could be taken for several.
fn quoted(value: String) -> String {
    if value.contains([',', ':', '\n', '"']) { json!(value).to_string() } else { value }
}

const MAX_ADAPTERS: usize = 16;
/// Of a LoRA or a hypernetwork, either way.
const MAX_STRENGTH: f64 = 100.0;
/// More references than this cost more than they add.
const MAX_FROM: usize = 16;

/// What can be checked before the pictures to start from are there.
pub fn check(params: &DrawParams) -> Result<Sampler, DrawError> {
    let refuse = |message: String| Err(DrawError::new(Code::RequestInvalid, message));
    if params.from_images.len() > MAX_FROM {
        return refuse(format!("from_images: {} pictures, at most {MAX_FROM} are used", params.from_images.len()));
    }
    if params.mask.is_some() && params.from_images.is_empty() {
        return refuse("a mask without from_images".into());
    }
    if let Err(e) = params.validate() {
        return refuse(e.text(Lang::En));
    }
    Sampler::parse(&params.scheduler)
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
    /// What the model's own eyes make of it, where it has any.
    pub sight: Sight,
}

/// What is seen in a finished picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sight {
    /// Of the model's safety checker. A picture is never changed for it.
    pub nsfw: Option<bool>,
    /// Of the model's image encoder: a vector of unit length.
    pub embedding: Option<Vec<f32>>,
}

/// A tensor as plain values, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Latents {
    pub shape: [usize; 4],
    pub values: Vec<f32>,
}
