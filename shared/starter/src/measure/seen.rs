//! The scene in a picture: the background whose edge fits, then one object or two, whichever render comes nearest.

use gpu_runner::backend::Rgb;
use serde::Serialize;

use super::fit::{Fit, fit};
use super::picture::{Front, Pixels, Region, backgrounds, empty, pixels};
use crate::draw::SIDE;
use crate::scene::{Background, Object};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Seen {
    pub background: Background,
    /// None, one or two; of two the left or upper one first.
    pub objects: Vec<Object>,
    /// How far the picture is from the nearest render: root of the mean squared difference of a value, 0 to 1.
    pub distance: f32,
}

/// Fewer pixels are no object.
const FEW: usize = 25;
/// A share of the error without any object: with less left than this, one object is all there is.
const EXPLAINED: f32 = 0.04;
/// Two objects fit anything better than one does, and by more than this where there are two.
const BETTER: f32 = 0.8;

/// What a picture shows. Of one that is not square the middle is looked at; one without pixels shows nothing.
pub fn look(rgb: &Rgb) -> Option<Seen> {
    let picture = pixels(rgb);
    if picture.len() < Region::ALL.pixels().count() {
        return None;
    }
    let known = backgrounds(&picture).map(|(background, behind)| {
        let (fits, error) = objects(&picture, behind);
        let distance = (error / (3 * picture.len()) as f32).max(0.0).sqrt();
        Seen { background: *background, objects: fits.into_iter().map(|fit| fit.object).collect(), distance }
    });
    known.min_by(|a, b| a.distance.total_cmp(&b.distance))
}

/// With the sum of squared differences.
fn objects(picture: &Pixels, behind: &Pixels) -> (Vec<Fit>, f32) {
    let front = Front::of(picture, behind);
    let found = |region: Region| -> Option<Fit> {
        let (count, around) = front.within(region);
        if count < FEW { None } else { fit(picture, behind, region, around) }
    };
    let nothing = empty(picture, behind, Region::ALL);
    let Some(one) = found(Region::ALL) else { return (Vec::new(), nothing) };
    if one.error < EXPLAINED * nothing {
        return (vec![one], one.error);
    }
    let pairs = front.halves().into_iter().filter_map(|halves| {
        let [first, second] = halves.map(|half| found(half).filter(|fit| is_within(&fit.object, half)));
        Some([first?, second?])
    });
    let error = |pair: &[Fit; 2]| pair[0].error + pair[1].error;
    match pairs.min_by(|a, b| error(a).total_cmp(&error(b))) {
        Some(pair) if error(&pair) < BETTER * one.error => (pair.to_vec(), error(&pair)),
        _ => (vec![one], one.error),
    }
}

/// Whether an object reaches over the edge of its half by no more than pairs do that nearly touch.
fn is_within(object: &Object, half: Region) -> bool {
    const OVER: f32 = 4.0;
    let side = SIDE as f32;
    let inside = |centre: f32, from: usize, to: usize| {
        let (low, high) = (side * (centre - object.size / 2.0), side * (centre + object.size / 2.0));
        low >= from as f32 - OVER && high <= to as f32 + OVER
    };
    inside(object.x, half.left, half.right) && inside(object.y, half.top, half.bottom)
}
