//! Synthetic embeddings, each a function of its number. Must not know what is measured.

use similarity::vector::normalize;

#[path = "../../tests/support/scene.rs"]
mod scene;

use scene::{BACKGROUNDS, COLOURS, KINDS, Random, Scene};

use crate::Options;

/// Nearly normal number, variance 1: the sum of four uniform ones.
fn normal(random: &mut Random) -> f32 {
    let bits = random.next();
    let sum: u64 = (0..4).map(|part| bits >> (16 * part) & 0xffff).sum();
    (sum as f32 / 65_536.0 - 2.0) * 3f32.sqrt()
}

/// Source of embeddings: each is a function of its number. Rows count from 0, queries from 2^40.
pub enum Data {
    Clusters {
        mean: Vec<f32>,
        /// Standard deviation of each dimension; the squares sum to 1.
        scales: Vec<f32>,
        count: u64,
    },
    Scenes,
}

impl Data {
    /// Source that the options name; drawn scenes set the dimension.
    pub fn new(options: &mut Options) -> Self {
        let is_cone = match options.data.as_str() {
            "cone" => true,
            "flat" => false,
            "scenes" => {
                options.dim = similarity::perceptual::DIM;
                return Self::Scenes;
            }
            other => panic!("--data is cone, flat or scenes, not {other}"),
        };
        let mut random = Random(1);
        let mut mean: Vec<f32> = (0..options.dim).map(|_| if is_cone { normal(&mut random) } else { 0.0 }).collect();
        let _ = normalize(&mut mean);
        // Variance 1 / (1 + j/8): half of it lies in the first 60 of 512 dimensions.
        let scale = |j: usize| if is_cone { (1.0 + j as f32 / 8.0).powf(-0.5) } else { 1.0 };
        let mut scales: Vec<f32> = (0..options.dim).map(scale).collect();
        normalize(&mut scales).expect("scales are not zero");
        Self::Clusters { mean, scales, count: (options.rows / options.cluster.max(1)).max(1) }
    }

    /// Embedding `number`, of unit length.
    pub fn embedding(&self, number: u64) -> Vec<f32> {
        let mut random = Random(number.wrapping_mul(0x5851_f42d_4c95_7f2d));
        let Self::Clusters { mean, scales, count } = self else {
            let mut below = |end: usize| random.next() as usize % end;
            let (kind, colour, background) = (below(KINDS.len()), below(COLOURS.len()), below(BACKGROUNDS.len()));
            let pixels = Scene::random(kind, colour, background, &mut random).draw(64);
            return similarity::perceptual::embed(64, 64, 3, &pixels).expect("pixels of the size");
        };
        let mut centre = Random((random.next() % count).wrapping_mul(0xd134_2543_de82_ef95));
        let number = |(mean, scale)| mean + scale * (normal(&mut centre) + 0.7 * normal(&mut random));
        let mut vector: Vec<f32> = mean.iter().zip(scales).map(number).collect();
        normalize(&mut vector).expect("embeddings are not zero");
        vector
    }
}
