//! `gpu-runner generate`: draws without the edge.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use protocol::runner::DrawParams;

use super::hardware::Hardware;
use super::{adapters, latents, model};
use crate::backend::{Backend, CandleBackend, Control, DrawJob, check};
use crate::{picture, pipeline, starter};

/// Draw pictures from a prompt
#[derive(Args)]
pub struct Generate {
    /// Directory in the diffusers layout, a model in one .safetensors file, org/name[@revision] on Hugging Face, or
    /// `starter`, the small one that comes with this
    #[arg(long, default_value = starter::NAME)]
    model: String,
    /// For a model in one file: directory with CLIP's vocabulary, or of a model that has it
    #[arg(long, value_name = "DIR")]
    tokenizer: Option<PathBuf>,
    /// `(word:1.2)`, `(word)` and `[word]` count more or less; `\(` is a bracket
    #[arg(long)]
    prompt: String,
    #[arg(long, default_value = "")]
    negative_prompt: String,
    /// In pixels [default: what the model was made for]
    #[arg(long)]
    width: Option<u32>,
    #[arg(long)]
    height: Option<u32>,
    #[arg(long, default_value_t = 20)]
    steps: u32,
    /// How far to go from the negative prompt; 1 leaves it out
    #[arg(long, default_value_t = 7.5)]
    guidance: f64,
    #[arg(long, default_value = "DDIM")]
    scheduler: String,
    /// Of the first picture; the next ones have the next numbers. Random when not given
    #[arg(long)]
    seed: Option<u32>,
    /// Picture to draw over: PNG, JPEG or WebP, cut to the shape of what is drawn. Further ones are references
    #[arg(long)]
    from_image: Vec<PathBuf>,
    /// How much of the first picture is drawn anew, 0 to 1 [default: 0.75]
    #[arg(long, requires = "from_image")]
    strength: Option<f64>,
    /// What of the first picture is drawn anew: white all, black nothing, grey a mixture; transparent counts as white
    #[arg(long, requires = "from_image")]
    mask: Option<PathBuf>,
    /// LoRA and its strength, which is 1 where none is given; may be repeated
    #[arg(long, value_name = "FILE[:WEIGHT]", value_parser = adapters::weighted)]
    lora: Vec<(PathBuf, f64)>,
    /// Textual inversion, and the word that stands for it instead of its own; may be repeated
    #[arg(long, value_name = "FILE[:TOKEN]", value_parser = adapters::worded)]
    embedding: Vec<(PathBuf, Option<String>)>,
    /// Hypernetwork as safetensors and its strength, which is 1 where none is given; may be repeated
    #[arg(long, value_name = "FILE[:STRENGTH]", value_parser = adapters::weighted)]
    hypernetwork: Vec<(PathBuf, f64)>,
    /// Number of pictures
    #[arg(long, default_value_t = 1)]
    n: u32,
    /// Noise to start from: a safetensors file with one tensor `latents` of shape (n, 4, h/8, w/8), unit variance
    #[arg(long)]
    init_latents: Option<PathBuf>,
    /// Where to write the final latents, before the autoencoder, in the same form
    #[arg(long)]
    save_latents: Option<PathBuf>,
    /// PNG file; several pictures become FILE-0.png, FILE-1.png, …
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    hardware: Hardware,
}

/// A side that all models take, until it is known which one it is.
const ANY: u32 = 512;

impl Generate {
    pub fn run(self) -> Result<()> {
        // Before the work, not after it.
        for path in std::iter::once(&self.out).chain(&self.save_latents) {
            let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            ensure!(parent.is_dir(), "{} is not a directory", parent.display());
            ensure!(!path.is_dir(), "{} is a directory", path.display());
        }
        let mut params = DrawParams {
            prompt: self.prompt,
            negative_prompt: self.negative_prompt,
            width: self.width.unwrap_or(ANY),
            height: self.height.unwrap_or(ANY),
            num_inference_steps: self.steps,
            guidance_scale: self.guidance,
            scheduler: self.scheduler,
            seed: self.seed.unwrap_or_else(random_seed),
            n: self.n,
            from_images: self.from_image.iter().map(|path| path.display().to_string()).collect(),
            strength: self.strength,
            mask: self.mask.as_ref().map(|path| path.display().to_string()),
            auto_aspect: false,
            loras: Vec::new(),
            model: None,
        };
        check(&params)?;
        let on = self.hardware.open()?;
        let path = model::locate(&self.model, &model::user_cache())?;
        if self.width.is_none() || self.height.is_none() {
            let own = pipeline::side(&*pipeline::open(&path, self.tokenizer.as_deref())?)?;
            let own = u32::try_from(own).unwrap_or(u32::MAX);
            (params.width, params.height) = (self.width.unwrap_or(own), self.height.unwrap_or(own));
            check(&params)?;
        }
        let mut job = DrawJob::new(path, params);
        for path in &self.from_image {
            let file = std::fs::read(path).with_context(|| path.display().to_string())?;
            let rgb = picture::read(&file, job.params.width, job.params.height).map_err(|e| e.at(path.display()))?;
            job.from.push(rgb);
        }
        if let Some(path) = &self.mask {
            let file = std::fs::read(path).with_context(|| path.display().to_string())?;
            let mask = picture::read_mask(&file, job.params.width, job.params.height);
            job.mask = Some(mask.map_err(|e| e.at(path.display()))?);
        }
        (job.loras, job.embeddings, job.hypernetworks) = (self.lora, self.embedding, self.hypernetwork);
        job.keep_latents = self.save_latents.is_some();
        job.init_latents = self.init_latents.as_deref().map(latents::read).transpose()?;

        // Draws on stderr, and only when that is a terminal.
        let bar = ProgressBar::new(u64::from(job.params.n) * job.steps() as u64);
        bar.set_style(ProgressStyle::with_template("{msg} [{bar:32}] {pos}/{len} steps, {eta} left")?);
        bar.set_message("loading");
        let mut backend = CandleBackend::new(on).with_tokenizer(self.tokenizer);
        let pictures = backend.draw(&job, &mut |p| {
            bar.set_message(format!("picture {} of {}", p.picture + 1, p.pictures));
            bar.set_length((p.pictures * p.steps) as u64);
            bar.set_position((p.picture * p.steps + p.step) as u64);
            Control::Continue
        });
        bar.finish_and_clear();
        let pictures = pictures?;

        for (i, picture) in pictures.iter().enumerate() {
            let path = if pictures.len() == 1 { self.out.clone() } else { numbered(&self.out, i) };
            std::fs::write(&path, job.png(picture)?).with_context(|| path.display().to_string())?;
            println!("{} seed {}", path.display(), picture.seed);
        }
        match &self.save_latents {
            Some(path) => latents::write(path, &pictures),
            None => Ok(()),
        }
    }
}

/// `dir/name.png` → `dir/name-0.png`.
fn numbered(path: &Path, i: usize) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_os_string();
    name.push(format!("-{i}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// Only has to differ from run to run; the run says what it was.
fn random_seed() -> u32 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (now.as_nanos() >> 10) as u32 & i32::MAX as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_pictures_are_numbered() {
        assert_eq!(numbered(Path::new("a/b.c.png"), 3), Path::new("a/b.c-3.png"));
        assert_eq!(numbered(Path::new("plain"), 0), Path::new("plain-0"));
    }
}
