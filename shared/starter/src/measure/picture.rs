//! Pictures as numbers, what of them is background, and where something is in front of it.

use std::sync::LazyLock;

use gpu_runner::backend::Rgb;
use gpu_runner::picture::middle;

use crate::draw::{self, SIDE};
use crate::scene::{Background, Layout, Place, Scene, Size};

const WIDTH: usize = SIDE as usize;

/// `SIDE` × `SIDE` pixels in rows from the top, red, green and blue from 0 to 1.
pub(super) type Pixels = Vec<[f32; 3]>;

/// Half-open, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Region {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) right: usize,
    pub(super) bottom: usize,
}

impl Region {
    pub(super) const ALL: Region = Region { left: 0, top: 0, right: WIDTH, bottom: WIDTH };

    pub(super) fn holds(self, x: usize, y: usize) -> bool {
        (self.left..self.right).contains(&x) && (self.top..self.bottom).contains(&y)
    }

    pub(super) fn index(x: usize, y: usize) -> usize {
        y * WIDTH + x
    }

    /// The indices of its pixels.
    pub(super) fn pixels(self) -> impl Iterator<Item = usize> {
        (self.top..self.bottom).flat_map(move |y| (self.left..self.right).map(move |x| Self::index(x, y)))
    }
}

/// The square in the middle of a picture; none of one that has no pixels or too few values for them.
pub(super) fn pixels(rgb: &Rgb) -> Pixels {
    if rgb.bytes.is_empty() || rgb.bytes.len() as u64 != 3 * u64::from(rgb.width) * u64::from(rgb.height) {
        return Pixels::new();
    }
    let rgb = middle(rgb, SIDE);
    rgb.bytes.chunks_exact(3).map(|p| [p[0], p[1], p[2]].map(|value| f32::from(value) / 255.0)).collect()
}

fn squared(a: [f32; 3], b: [f32; 3]) -> f32 {
    a.into_iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// The error where nothing is in front: sum of squared differences.
pub(super) fn empty(picture: &Pixels, behind: &Pixels, region: Region) -> f32 {
    region.pixels().map(|i| squared(picture[i], behind[i])).sum()
}

/// Each background by itself.
static EMPTY: LazyLock<Vec<(Background, Pixels)>> = LazyLock::new(|| {
    let layout = Layout::Single { size: Size::Normal, place: Place::Centre };
    let empty = |background| Scene { background, objects: Vec::new(), layout };
    Background::all().map(|background| (background, pixels(&draw::scene(&empty(background), SIDE)))).collect()
});

/// The background that fits best around the edge, and others that fit nearly as well.
pub(super) fn backgrounds(picture: &Pixels) -> impl Iterator<Item = &'static (Background, Pixels)> {
    /// Pixels from the edge inwards.
    const EDGE: usize = 5;
    /// What is in front of the edge counts no more than this.
    const MOST: f32 = 0.08;
    /// How much worse the next may fit.
    const NEARLY: f32 = 1.5;
    let inner = EDGE..WIDTH - EDGE;
    let edge = |i: &usize| !(inner.contains(&(i / WIDTH)) && inner.contains(&(i % WIDTH)));
    let error = |empty: &Pixels| -> f32 {
        (0..WIDTH * WIDTH).filter(edge).map(|i| squared(picture[i], empty[i]).min(MOST)).sum()
    };
    let mut all: Vec<_> = EMPTY.iter().map(|known| (error(&known.1), known)).collect();
    all.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let best = all.first().map_or(0.0, |(error, _)| *error);
    all.into_iter().take(2).filter(move |(error, _)| *error <= best * NEARLY).map(|(_, known)| known)
}

/// Pixels of the smallest patch that is more than a star of the night which is brighter or darker than it should be.
const SPECK: usize = 17;

/// Without connected patches of so few pixels: one of them at the edge would stretch the rectangle around all.
fn without_specks<I: Iterator<Item = usize>>(mut front: Vec<bool>, near: impl Fn(usize) -> I) -> Vec<bool> {
    let mut seen = vec![false; front.len()];
    for start in 0..front.len() {
        let (mut patch, mut next) = (Vec::new(), vec![start]);
        while let Some(i) = next.pop() {
            if front[i] && !std::mem::replace(&mut seen[i], true) {
                patch.push(i);
                next.extend(near(i));
            }
        }
        if patch.len() < SPECK {
            patch.into_iter().for_each(|i| front[i] = false);
        }
    }
    front
}

/// Where a picture is not the background, without what is smaller than anything that is drawn.
pub(super) struct Front(Vec<bool>);

impl Front {
    pub(super) fn of(picture: &Pixels, behind: &Pixels) -> Self {
        /// Distance between colours.
        const APART: f32 = 0.22;
        let near = |i: usize| {
            let (x, y) = (i % WIDTH, i / WIDTH);
            let rows = y.saturating_sub(1)..(y + 2).min(WIDTH);
            rows.flat_map(move |y| (x.saturating_sub(1)..(x + 2).min(WIDTH)).map(move |x| y * WIDTH + x))
        };
        // Noise is less in the mean of neighbours.
        let differs = |i: usize| {
            let (mut sum, mut count) = ([0.0; 3], 0.0);
            for j in near(i) {
                (0..3).for_each(|c| sum[c] += picture[j][c] - behind[j][c]);
                count += 1.0;
            }
            squared(sum, [0.0; 3]) > (APART * count) * (APART * count)
        };
        let differs: Vec<bool> = (0..WIDTH * WIDTH).map(differs).collect();
        let front = (0..WIDTH * WIDTH).map(|i| differs[i] && near(i).filter(|j| differs[*j]).count() >= 4).collect();
        Self(without_specks(front, near))
    }

    /// How many pixels of a region are in front, and the part of it around them.
    pub(super) fn within(&self, region: Region) -> (usize, Region) {
        let none = Region { left: WIDTH, top: WIDTH, right: 0, bottom: 0 };
        region.pixels().filter(|i| self.0[*i]).fold((0, none), |(count, around), i| {
            let (x, y) = (i % WIDTH, i / WIDTH);
            let around = Region {
                left: around.left.min(x),
                top: around.top.min(y),
                right: around.right.max(x + 1),
                bottom: around.bottom.max(y + 1),
            };
            (count + 1, around)
        })
    }

    /// The picture in two, left and right and then above and below, where there is least in front near the middle.
    pub(super) fn halves(&self) -> [[Region; 2]; 2] {
        let all = Region::ALL;
        let column = |x: usize| Region { left: x, right: x + 1, ..all };
        let row = |y: usize| Region { top: y, bottom: y + 1, ..all };
        let cut = |line: &dyn Fn(usize) -> Region| {
            let middle = WIDTH / 2;
            (WIDTH * 2 / 5..WIDTH * 3 / 5)
                .min_by_key(|at| (self.within(line(*at)).0, at.abs_diff(middle)))
                .unwrap_or(middle)
        };
        let (x, y) = (cut(&column), cut(&row));
        [
            [Region { right: x, ..all }, Region { left: x, ..all }],
            [Region { bottom: y, ..all }, Region { top: y, ..all }],
        ]
    }
}
