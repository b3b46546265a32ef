//! What both sides learn from without a file: pictures, captions, and choices that are easily made anywhere.

use gpu_runner::DrawError;
use gpu_runner::train::{Draws, Example, Examples, Purpose};

pub const BATCH: usize = 2;
pub const SEED: u64 = 9;

/// SplitMix64's finalizer over a counter.
fn word(key: u64, i: u64) -> u64 {
    let mut z = key.wrapping_add(i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Choices that are easily made anywhere: a normal is the sum of twelve uniform numbers of 24 bits, less 6.
pub struct Formulas;

impl Formulas {
    fn key(choice: u64, step: usize, place: usize) -> u64 {
        word(word(choice, step as u64), place as u64)
    }
}

impl Draws for Formulas {
    fn normals(&self, purpose: Purpose, step: usize, place: usize, count: usize) -> Vec<f32> {
        let choice = if purpose == Purpose::Latents { 1 } else { 2 };
        let key = Self::key(choice, step, place);
        let uniform = |i: u64| (word(key, i) >> 40) as f64 / f64::from(1 << 24);
        (0..count as u64).map(|i| ((0..12).map(|j| uniform(12 * i + j)).sum::<f64>() - 6.0) as f32).collect()
    }

    fn time(&self, step: usize, place: usize, count: usize) -> usize {
        ((word(Self::key(3, step, place), 0) >> 32) % count as u64) as usize
    }

    fn chance(&self, step: usize, place: usize) -> f64 {
        ((word(Self::key(4, step, place), 0) >> 11) + 1) as f64 / (1u64 << 53) as f64
    }
}

/// Five pictures of two sizes; the last is there to be kept.
#[derive(Default)]
pub struct Pictures {
    /// What all captions begin with.
    pub word: Option<&'static str>,
}

const CAPTIONS: [&str; 5] =
    ["a watercolour fox in the snow, golden hour", "動物 🦊 l'été 1999!!", "low hills", "the fox", "a thing"];

impl Examples for Pictures {
    fn len(&self) -> usize {
        CAPTIONS.len()
    }

    fn size(&self, index: usize) -> (usize, usize) {
        if index < 3 { (64, 64) } else { (72, 48) }
    }

    fn keeps(&self, index: usize) -> bool {
        index == 4
    }

    fn get(&self, index: usize) -> Result<Example, DrawError> {
        let (width, height) = self.size(index);
        let value = |i: usize| {
            let (channel, y, x) = (i / (width * height), i / width % height, i % width);
            let value = (x * (3 + index) + y * (5 + 2 * index) + channel * 85 + index * 40) % 256;
            (value as f64 / 127.5 - 1.0) as f32
        };
        let pixels = (0..3 * width * height).map(value).collect();
        let caption = match self.word {
            Some(word) => format!("{word} {}", CAPTIONS[index]),
            None => CAPTIONS[index].to_string(),
        };
        Ok(Example { pixels, width, height, caption })
    }

    fn fingerprint(&self) -> String {
        "formulas".into()
    }
}
