//! Pictures for the README: what a model draws for some prompts, in one file, and the prompts as a table.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use gpu_runner::backend::Rgb;
use gpu_runner::picture::middle;

use crate::model::{Model, Options};

/// Draw a grid of pictures into one PNG file, and print the table of their prompts
#[derive(Args)]
pub struct Grid {
    #[command(flatten)]
    drawn: Options,
    #[arg(long)]
    out: PathBuf,
    /// Of a picture in the grid, in pixels
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(16..=512))]
    shown: u32,
}

/// As people would ask. Some are of combinations that training never sees.
const PROMPTS: [&str; 24] = [
    "a red heart on a white background",
    "a yellow moon at night",
    "a white boat on the sea",
    "a green tree on the grass",
    "an orange sun at sunset",
    "a white cloud in the day sky",
    "夜空中的黄色星星",
    "草地上的红色房子",
    "海上的橙色帆船",
    "粉色背景上的紫色花朵",
    "蓝色背景上的白色圆形",
    "黃色背景，黑色的魚",
    "a large blue square on an orange background",
    "a small pink flower on the grass",
    "a black fish on the left on a pink background",
    "a purple triangle at the top on white",
    "a little white star at night",
    "a big green circle on a black background",
    "左边有一颗小的红色爱心，白色背景",
    "日落时的大的黑色的树",
    "蓝天上的粉色云朵",
    "a red star to the left of a blue circle on a white background",
    "a yellow sun above a red house on the grass",
    "夜空中，白色的月亮在绿色的树上方",
];
const COLUMNS: usize = 6;
/// White between pictures, in pixels.
const GAP: u32 = 4;
/// Of the file: every visitor loads it.
const MOST: usize = 300 << 10;

impl Grid {
    pub fn run(self) -> Result<()> {
        let mut model = Model::new(self.drawn)?;
        let drawn = PROMPTS.iter().enumerate().map(|(index, prompt)| model.draw(prompt, index));
        let pictures = drawn.collect::<Result<Vec<Rgb>>>()?;
        let file = gpu_runner::png::encode(&joined(&pictures, self.shown), &[])?;
        ensure!(file.len() <= MOST, "the grid has {} KiB, at most {} are wanted", file.len() >> 10, MOST >> 10);
        std::fs::write(&self.out, file).with_context(|| self.out.display().to_string())?;
        print!("{}", table());
        Ok(())
    }
}

/// Row by row, each picture a square of `side` pixels.
fn joined(pictures: &[Rgb], side: u32) -> Rgb {
    let rows = pictures.len().div_ceil(COLUMNS) as u32;
    let (step, across) = ((side + GAP) as usize, COLUMNS as u32 * (side + GAP) - GAP);
    let (width, height) = (across as usize, (rows * (side + GAP)).saturating_sub(GAP));
    let mut bytes = vec![255; 3 * width * height as usize];
    for (n, picture) in pictures.iter().enumerate() {
        let picture = middle(picture, side);
        let (left, top) = (n % COLUMNS * step, n / COLUMNS * step);
        for (y, row) in picture.bytes.chunks_exact(3 * side as usize).enumerate() {
            let start = 3 * ((top + y) * width + left);
            if let Some(place) = bytes.get_mut(start..start + row.len()) {
                place.copy_from_slice(row);
            }
        }
    }
    Rgb { width: across, height, bytes }
}

/// The prompts where their pictures are, in Markdown.
fn table() -> String {
    let row = |cells: &[&str]| format!("| {} |\n", cells.join(" | "));
    let rows: Vec<String> = PROMPTS.chunks(COLUMNS).map(row).collect();
    format!("{}{}{}", row(&[""; COLUMNS]), row(&["---"; COLUMNS]), rows.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::{LENGTH, Vocabulary};
    use gpu_runner::tokenizer::Tokenizer;

    #[test]
    fn prompts_are_of_words_that_are_known() {
        let (dir, vocabulary) = (tempfile::TempDir::new().unwrap(), Vocabulary::new());
        vocabulary.write(dir.path()).unwrap();
        let tokenizer = Tokenizer::load(dir.path(), LENGTH, vocabulary.tokens.len()).unwrap();
        for prompt in PROMPTS {
            let ids = tokenizer.words(prompt).unwrap();
            let bytes = ids.iter().map(|id| vocabulary.tokens[*id as usize].as_str());
            let unknown: Vec<&str> = bytes.filter(|token| token.chars().count() == 1).collect();
            assert!(unknown.is_empty() && ids.len() + 2 <= LENGTH, "{prompt}: {unknown:?}");
        }
    }

    #[test]
    fn pictures_are_where_their_prompts_are() {
        let plain = |value: u8| Rgb { width: 8, height: 8, bytes: vec![value; 3 * 8 * 8] };
        let grid = joined(&(0..8).map(plain).collect::<Vec<_>>(), 16);
        assert_eq!((grid.width, grid.height), (6 * 20 - 4, 2 * 20 - 4));
        assert_eq!(grid.bytes.len(), 3 * 116 * 36);
        let at = |x: usize, y: usize| grid.bytes[3 * (116 * y + x)];
        assert_eq!([at(0, 0), at(115, 15), at(20, 20), at(16, 0), at(100, 30)], [0, 5, 7, 255, 255]);
        assert_eq!(table().lines().count(), 2 + PROMPTS.len() / COLUMNS);
        assert!(table().lines().all(|line| line.matches('|').count() == COLUMNS + 1));
    }
}
