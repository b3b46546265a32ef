//! `starter measure`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use gpu_runner::backend::Rgb;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{Seen, Tally, Verdict, look};
use crate::captions::{self, Language};
use crate::data;
use crate::model::{Model, Options};
use crate::scene::{Mix, Part, Scene};
use gpu_runner::noise::mixed;

/// Draw scenes that training never saw, asked for in both languages, and look what is right
#[derive(Args)]
pub struct Measure {
    #[command(flatten)]
    drawn: Options,
    /// Prompts, half of them in English and half in Chinese, for the same scenes
    #[arg(long, default_value_t = 200)]
    prompts: usize,
    /// Share of scenes with two objects, 0 to 1
    #[arg(long, default_value_t = 0.2)]
    pairs: f32,
    /// Scenes of combinations that training saw
    #[arg(long)]
    seen: bool,
    /// Directory for the pictures, and pictures.jsonl with what was wanted and seen
    #[arg(long)]
    out: Option<PathBuf>,
}

const LANGUAGES: [Language; 2] = [Language::English, Language::Chinese];

impl Measure {
    pub fn run(self) -> Result<()> {
        ensure!(self.prompts > 0, "no prompts to draw");
        if let Some(dir) = &self.out {
            fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
        }
        let part = if self.seen { Part::Training } else { Part::HeldOut };
        let mix = Mix { part, pairs: self.pairs.clamp(0.0, 1.0) };
        let mut tallies =
            ["one object, English", "one object, Chinese", "two objects, English", "two objects, Chinese"]
                .map(Tally::named);
        let mut whole = Tally::named("all");
        let mut lines = String::new();
        let bar = ProgressBar::new(self.prompts as u64);
        bar.set_style(ProgressStyle::with_template("[{bar:32}] {pos}/{len} pictures, {eta} left")?);
        let first = mixed(u64::from(self.drawn.seed) ^ 0x6d65_6173);
        let mut model = Model::new(self.drawn.clone())?;
        let started = Instant::now();
        for index in 0..self.prompts {
            let seed = first.wrapping_add(index as u64 / 2);
            let scene = Scene::sample(seed, mix);
            let prompt = captions::of(&scene, LANGUAGES[index % 2], seed);
            let rgb = model.draw(&prompt, index)?;
            let seen = look(&rgb);
            let verdict = Verdict::of(seen.as_ref(), &scene);
            let distance = seen.as_ref().map_or(1.0, |seen| seen.distance);
            let row = 2 * usize::from(scene.objects.len() > 1) + index % 2;
            tallies.get_mut(row).into_iter().chain([&mut whole]).for_each(|tally| tally.add(verdict, distance));
            if let Some(dir) = &self.out {
                keep(dir, index, &rgb)?;
                lines += &line(&prompt, &scene, seen.as_ref(), verdict);
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        if let Some(dir) = &self.out {
            let path = dir.join("pictures.jsonl");
            fs::write(&path, lines).with_context(|| path.display().to_string())?;
        }
        println!("{}", Tally::HEAD);
        tallies.iter().filter(|tally| !tally.is_empty()).for_each(|tally| println!("{tally}"));
        println!("{whole}");
        let seconds = started.elapsed().as_secs_f64() / self.prompts as f64;
        println!("\n{seconds:.2} s for a picture of {} steps and the look at it", self.drawn.steps);
        Ok(())
    }
}

fn keep(dir: &Path, index: usize, rgb: &Rgb) -> Result<()> {
    let path = dir.join(data::name(index) + ".png");
    fs::write(&path, gpu_runner::png::encode(rgb, &[])?).with_context(|| path.display().to_string())
}

fn line(prompt: &str, scene: &Scene, seen: Option<&Seen>, verdict: Verdict) -> String {
    json!({"prompt": prompt, "wanted": scene, "seen": seen, "right": verdict}).to_string() + "\n"
}
