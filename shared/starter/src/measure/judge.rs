//! `starter judge`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use gpu_runner::picture;

use super::{Tally, Verdict, look};
use crate::data;
use crate::draw::SIDE;

/// Look what is right of pictures that were drawn elsewhere: 000000.png, … for the captions that `data` wrote
#[derive(Args)]
pub struct Judge {
    /// Directory with the pictures
    #[arg(long)]
    pictures: PathBuf,
    /// Directory with scenes.jsonl [default: that of the pictures]
    #[arg(long)]
    scenes: Option<PathBuf>,
}

impl Judge {
    pub fn run(self) -> Result<()> {
        let scenes = data::scenes(self.scenes.as_ref().unwrap_or(&self.pictures))?;
        let mut tallies = ["one object", "two objects"].map(Tally::named);
        for (index, scene) in scenes.iter().enumerate() {
            let path = self.pictures.join(data::name(index) + ".png");
            // The first so many of them may have been drawn.
            if !path.exists() {
                break;
            }
            let file = fs::read(&path).with_context(|| path.display().to_string())?;
            let rgb = picture::read(&file, SIDE, SIDE).map_err(|e| e.at(path.display()))?;
            let seen = look(&rgb);
            let distance = seen.as_ref().map_or(1.0, |seen| seen.distance);
            if let Some(tally) = tallies.get_mut(scene.objects.len().saturating_sub(1)) {
                tally.add(Verdict::of(seen.as_ref(), scene), distance);
            }
        }
        ensure!(tallies.iter().any(|tally| !tally.is_empty()), "{} has no pictures", self.pictures.display());
        println!("{}", Tally::HEAD);
        tallies.iter().filter(|tally| !tally.is_empty()).for_each(|tally| println!("{tally}"));
        Ok(())
    }
}
