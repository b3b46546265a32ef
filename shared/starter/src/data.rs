//! Scenes as examples for the trainer, drawn when they are asked for, or as files.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use gpu_runner::backend::Rgb;
use gpu_runner::train::{Example, Examples};
use gpu_runner::{Code, DrawError};
use serde::{Deserialize, Serialize};

use crate::scene::{Mix, Scene};
use crate::{captions, draw};
use gpu_runner::noise::mixed;

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
const EDITION: u32 = 2;
const SCENES: &str = "scenes.jsonl";

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
#[derive(Deserialize, Serialize)]
struct Line {
    caption: String,
    #[serde(flatten)]
    scene: Scene,
}

/// What the pictures in a directory are to show, as `write` and `pack` left it there.
pub fn scenes(dir: &Path) -> Result<Vec<Scene>> {
    let path = dir.join(SCENES);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let line = |(i, line): (usize, &str)| {
        serde_json::from_str(line).map(|line: Line| line.scene).with_context(|| format!("{}:{}", path.display(), i + 1))
    };
    text.lines().enumerate().map(line).collect()
}

/// The name of a picture's file, but for its ending.
pub fn name(index: usize) -> String {
    format!("{index:06}")
}

/// `000000.png`, `000000.txt`, …, and `scenes.jsonl`.
pub fn write(world: &World, dir: &Path) -> Result<()> {
    let mut lines = create(dir, SCENES)?;
    for index in 0..world.count {
        let (scene, caption) = world.scene(index);
        let picture = gpu_runner::png::encode(&draw::scene(&scene, world.side), &[])?;
        put(&dir.join(name(index) + ".png"), &picture)?;
        put(&dir.join(name(index) + ".txt"), caption.as_bytes())?;
        writeln!(lines, "{}", serde_json::to_string(&Line { caption, scene })?)?;
    }
    Ok(lines.flush()?)
}

/// `pictures.rgb`, `captions.txt` and `scenes.jsonl`.
pub fn pack(world: &World, dir: &Path) -> Result<()> {
    let mut lines = create(dir, SCENES)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Part;

    const WORLD: World = World { seed: 4, count: 20, mix: Mix { part: Part::Training, pairs: 0.4 }, side: 32 };

    #[test]
    fn examples_are_what_is_written() {
        let dir = tempfile::TempDir::new().unwrap();
        write(&WORLD, &dir.path().join("files")).unwrap();
        pack(&WORLD, &dir.path().join("packed")).unwrap();
        let read = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
        let (packed, captions) = (read("packed/pictures.rgb"), String::from_utf8(read("packed/captions.txt")).unwrap());
        assert_eq!((packed.len(), captions.lines().count()), (20 * 32 * 32 * 3, 20));
        for (index, (picture, caption)) in packed.chunks_exact(32 * 32 * 3).zip(captions.lines()).enumerate() {
            let example = WORLD.get(index).unwrap();
            assert_eq!((example.width, example.height, example.caption.as_str()), (32, 32, caption));
            assert_eq!(read(&format!("files/{}.txt", name(index))), caption.as_bytes());
            let rgb = gpu_runner::picture::read(&read(&format!("files/{}.png", name(index))), 32, 32).unwrap();
            assert_eq!(rgb.bytes, picture);
            for (i, value) in picture.iter().enumerate() {
                let pixel = example.pixels[i % 3 * 32 * 32 + i / 3];
                assert!((pixel - (f32::from(*value) / 127.5 - 1.0)).abs() < 1e-6);
            }
        }
        for kind in ["files", "packed"] {
            let scenes = scenes(&dir.path().join(kind)).unwrap();
            assert!(scenes.iter().enumerate().all(|(index, scene)| *scene == WORLD.scene(index).0));
        }
    }

    #[test]
    fn what_changes_examples_changes_the_fingerprint() {
        let others = [
            World { seed: 5, ..WORLD },
            World { count: 21, ..WORLD },
            World { side: 64, ..WORLD },
            World { mix: Mix { pairs: 0.5, ..WORLD.mix }, ..WORLD },
            World { mix: Mix { part: Part::HeldOut, ..WORLD.mix }, ..WORLD },
        ];
        assert!(others.iter().all(|other| other.fingerprint() != WORLD.fingerprint()));
        assert!(WORLD.get(20).is_err());
        assert_eq!((WORLD.len(), WORLD.size(0)), (20, (32, 32)));
    }
}
