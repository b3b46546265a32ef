//! Scenes as examples for the trainer, drawn when they are asked for, or as files.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use gpu_runner::backend::Rgb;
use gpu_runner::train::{Example, Examples};
use gpu_runner::{Code, DrawError};
use serde::Serialize;

use crate::random::mixed;
use crate::scene::{Mix, Scene};
use crate::{captions, draw};

/// Examples without files: number i is always the same scene with the same caption.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct World {
    pub seed: u64,
    pub count: usize,
    pub mix: Mix,
    /// Of a picture, in pixels.
    pub side: u32,
}

/// Changes whenever a number gives another example than before.
const EDITION: u32 = 1;

impl World {
    /// What example `index` shows, and its caption.
    pub fn scene(&self, index: usize) -> (Scene, String) {
        let seed = mixed(self.seed).wrapping_add(index as u64);
        let scene = Scene::sample(seed, self.mix);
        let caption = captions::any(&scene, seed);
        (scene, caption)
    }
}

impl Examples for World {
    fn len(&self) -> usize {
        self.count
    }

    fn size(&self, _: usize) -> (usize, usize) {
        (self.side as usize, self.side as usize)
    }

    fn get(&self, index: usize) -> Result<Example, DrawError> {
        if index >= self.count {
            return Err(DrawError::new(Code::Internal, format!("example {index} of {}", self.count)));
        }
        let (scene, caption) = self.scene(index);
        let Rgb { width, height, bytes } = draw::scene(&scene, self.side);
        let plane = |colour| bytes.iter().skip(colour).step_by(3).map(|value| f32::from(*value) / 127.5 - 1.0);
        let pixels = (0..3).flat_map(plane).collect();
        Ok(Example { pixels, width: width as usize, height: height as usize, caption })
    }

    fn fingerprint(&self) -> String {
        let Mix { part, pairs } = self.mix;
        format!("starter {EDITION} seed {} count {} {part:?} pairs {pairs} side {}", self.seed, self.count, self.side)
    }
}

/// A line of `scenes.jsonl`.
#[derive(Serialize)]
struct Line {
    caption: String,
    #[serde(flatten)]
    scene: Scene,
}

/// `000000.png`, `000000.txt`, …, and `scenes.jsonl`.
pub fn write(world: &World, dir: &Path) -> Result<()> {
    let mut lines = create(dir, "scenes.jsonl")?;
    for index in 0..world.count {
        let (scene, caption) = world.scene(index);
        let picture = gpu_runner::png::encode(&draw::scene(&scene, world.side), &[])?;
        put(&dir.join(format!("{index:06}.png")), &picture)?;
        put(&dir.join(format!("{index:06}.txt")), caption.as_bytes())?;
        writeln!(lines, "{}", serde_json::to_string(&Line { caption, scene })?)?;
    }
    Ok(lines.flush()?)
}

/// `pictures.rgb`, `captions.txt` and `scenes.jsonl`.
pub fn pack(world: &World, dir: &Path) -> Result<()> {
    let mut lines = create(dir, "scenes.jsonl")?;
    let (mut pictures, mut captions) = (create(dir, "pictures.rgb")?, create(dir, "captions.txt")?);
    for index in 0..world.count {
        let (scene, caption) = world.scene(index);
        pictures.write_all(&draw::scene(&scene, world.side).bytes)?;
        writeln!(captions, "{caption}")?;
        writeln!(lines, "{}", serde_json::to_string(&Line { caption, scene })?)?;
    }
    pictures.flush()?;
    captions.flush()?;
    Ok(lines.flush()?)
}

fn create(dir: &Path, name: &str) -> Result<BufWriter<File>> {
    fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    let path = dir.join(name);
    Ok(BufWriter::new(File::create(&path).with_context(|| path.display().to_string())?))
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| path.display().to_string())
}
