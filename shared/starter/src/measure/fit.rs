//! One object, found by comparing renders of it with a part of a picture: every kind where it would fill the same
//! rectangle, then those that come near moved and scaled until they fit best.

use super::picture::{Pixels, Region, empty};
use crate::draw::{self, SIDE};
use crate::scene::{Colour, Kind, Object};

#[derive(Clone, Copy, Debug)]
pub(super) struct Fit {
    pub(super) object: Object,
    /// Sum of squared differences over the region.
    pub(super) error: f32,
}

/// So many kinds are looked at more closely.
const NEAR: usize = 3;
/// By how many pixels an object is moved, or made larger or smaller.
const STEPS: [f32; 3] = [1.5, 0.75, 0.4];
const ROUNDS: usize = 3;

/// What is in front of the background in this region, where it is within `around`.
pub(super) fn fit(picture: &Pixels, behind: &Pixels, region: Region, around: Region) -> Option<Fit> {
    let region = (region, empty(picture, behind, region));
    let compare = |object: Object| compare(picture, behind, region, object);
    let best = |fits: &mut dyn Iterator<Item = Fit>| fits.min_by(|a, b| a.error.total_cmp(&b.error));
    // The rectangle may hold but a part of it: thin rays and stems on a like colour are not seen from afar.
    let first = |kind| best(&mut draw::bounds(kind).into_iter().map(|part| compare(filling(kind, part, around))));
    let mut fits: Vec<Fit> = Kind::ALL.into_iter().filter_map(first).collect();
    fits.sort_by(|a, b| a.error.total_cmp(&b.error));
    fits.truncate(NEAR);
    best(&mut fits.into_iter().map(|fit| refined(fit, &compare)))
}

/// An object of a kind of which a part, as it is in the square from −1 to 1, is as wide and high as a rectangle, in the
/// mean.
fn filling(kind: Kind, [left, top, right, bottom]: [f32; 4], around: Region) -> Object {
    let side = SIDE as f32;
    let (x, y) = ((around.left + around.right) as f32 / 2.0, (around.top + around.bottom) as f32 / 2.0);
    let across = around.right.saturating_sub(around.left) as f32 / (right - left);
    let down = around.bottom.saturating_sub(around.top) as f32 / (bottom - top);
    let half = ((across + down) / 2.0).max(1.0);
    let (x, y) = (x - half * (left + right) / 2.0, y - half * (top + bottom) / 2.0);
    Object { kind, colour: Colour::Black, size: 2.0 * half / side, x: x / side, y: y / side }
}

fn refined(mut best: Fit, compare: &impl Fn(Object) -> Fit) -> Fit {
    for step in STEPS.map(|pixels| pixels / SIDE as f32) {
        for _ in 0..ROUNDS {
            let before = best.error;
            for sign in [-1.0, 1.0] {
                let moved = |change: fn(&mut Object, f32)| {
                    let mut object = best.object;
                    change(&mut object, sign * step);
                    object
                };
                let near = [
                    moved(|o, by| o.x += by),
                    moved(|o, by| o.y += by),
                    moved(|o, by| o.size = (o.size + 2.0 * by).max(0.05)),
                ];
                for object in near {
                    let fit = compare(object);
                    if fit.error < best.error {
                        best = fit;
                    }
                }
            }
            if best.error >= before {
                break;
            }
        }
    }
    best
}

/// In the colour that fits best. With w of a pixel in the object's own colour c, and q what the picture has there
/// beyond all else in the render, the error is Σ|q − wc|² = Σ|q|² − 2c·Σwq + |c|²Σw²: three sums serve all colours.
fn compare(picture: &Pixels, behind: &Pixels, (region, empty): (Region, f32), object: Object) -> Fit {
    let cover = draw::coverage(&object, SIDE);
    let tones = draw::second_tones().map(|tone| tone.map(|value| f32::from(value) / 255.0));
    // Where nothing is covered the error is that of the background alone.
    let (mut rest, mut both, mut own) = (empty, [0.0; 3], 0.0);
    for (row, y) in cover.parts.chunks_exact(cover.width.max(1)).zip(cover.top..) {
        for (part, x) in row.iter().zip(cover.left..).filter(|(_, x)| region.holds(*x, y)) {
            let i = Region::index(x, y);
            let [w, wood, leaf] = part.map(|part| f32::from(part) / 255.0);
            let open = (1.0 - w - wood - leaf).max(0.0);
            for c in 0..3 {
                let (value, behind) = (picture[i][c], behind[i][c]);
                let q = value - open * behind - wood * tones[0][c] - leaf * tones[1][c];
                rest += q * q - (value - behind) * (value - behind);
                both[c] += w * q;
            }
            own += w * w;
        }
    }
    let error = |colour: Colour| {
        let rgb = colour.rgb().map(|value| f32::from(value) / 255.0);
        let along: f32 = rgb.iter().zip(both).map(|(c, b)| c * b).sum();
        let length: f32 = rgb.iter().map(|c| c * c).sum();
        rest - 2.0 * along + length * own
    };
    let best = Colour::ALL.map(|colour| (error(colour), colour)).into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
    let (error, colour) = best.unwrap_or((rest, object.colour));
    Fit { object: Object { colour, ..object }, error }
}
