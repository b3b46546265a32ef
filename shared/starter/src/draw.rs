//! A scene as pixels, with tiny-skia: smooth edges, flat colours.

mod background;
mod kinds;

use gpu_runner::backend::Rgb;
use tiny_skia::{Color, FillRule, Paint, Pixmap, Transform};

use crate::scene::{Colour, Kind, Object, Scene};
use kinds::{Shape, Tone};

/// Of a picture, in pixels, where nothing else is asked for.
pub const SIDE: u32 = 64;

/// A square picture; one without pixels for a `side` of 0.
pub fn scene(scene: &Scene, side: u32) -> Rgb {
    let Some(mut map) = Pixmap::new(side, side) else { return Rgb { width: 0, height: 0, bytes: Vec::new() } };
    background::fill(&mut map, scene.background);
    for object in &scene.objects {
        fill(&mut map, object.kind, onto(object, side), |tone| tone.rgb(object.colour));
    }
    let bytes = map.data().chunks_exact(4).flat_map(|pixel| pixel.iter().take(3)).copied().collect();
    Rgb { width: side, height: side, bytes }
}

/// Colours of the tones other than an object's own, in the order in which `coverage` has them.
pub fn second_tones() -> [[u8; 3]; 2] {
    // Of any colour: they are fixed.
    [Tone::Wood, Tone::Leaf].map(|tone| tone.rgb(Colour::Black))
}

/// A part of a picture that holds all of an object, and how much it covers of each of the pixels there.
pub struct Coverage {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    /// In rows: of the object's own colour and of the two second tones, 0 to 255; the rest is behind it.
    pub parts: Vec<[u8; 3]>,
}

/// Of an object in a picture of this side. Nothing is covered by what is outside of the picture.
pub fn coverage(object: &Object, side: u32) -> Coverage {
    let within = |centre: f32, sign: f32| (side as f32 * (centre + sign * object.size / 2.0)).clamp(0.0, side as f32);
    // A pixel more on each side: edges are smooth.
    let from = |centre| (within(centre, -1.0).floor() as u32).saturating_sub(1);
    let to = |centre| (within(centre, 1.0).ceil() as u32 + 1).min(side);
    let (left, top) = (from(object.x), from(object.y));
    let (width, height) = (to(object.x).saturating_sub(left), to(object.y).saturating_sub(top));
    let mut coverage = Coverage { left: left as usize, top: top as usize, width: width as usize, parts: Vec::new() };
    let Some(mut map) = Pixmap::new(width, height) else { return coverage };
    map.fill(Color::BLACK);
    let transform = onto(object, side).post_translate(-(left as f32), -(top as f32));
    fill(&mut map, object.kind, transform, |tone| match tone {
        Tone::Own => [255, 0, 0],
        Tone::Wood => [0, 255, 0],
        Tone::Leaf => [0, 0, 255],
    });
    coverage.parts = map.data().chunks_exact(4).filter_map(|pixel| pixel.first_chunk().copied()).collect();
    coverage
}

/// What a kind fills of the square from −1 to 1: left, top, right, bottom. First the whole of it, then each part that
/// has its own colour, where there are others.
pub fn bounds(kind: Kind) -> Vec<[f32; 4]> {
    let shapes = kinds::shapes(kind);
    let of = |shape: &Shape| {
        let bounds = shape.path.bounds();
        [bounds.left(), bounds.top(), bounds.right(), bounds.bottom()]
    };
    let joined =
        |[l, t, r, b]: [f32; 4], part: [f32; 4]| [l.min(part[0]), t.min(part[1]), r.max(part[2]), b.max(part[3])];
    let whole = shapes.iter().map(of).fold([1.0, 1.0, -1.0, -1.0], joined);
    let own = shapes.iter().filter(|shape| shape.tone == Tone::Own && shapes.len() > 1).map(of);
    std::iter::once(whole).chain(own).collect()
}

fn fill(map: &mut Pixmap, kind: Kind, transform: Transform, rgb: impl Fn(Tone) -> [u8; 3]) {
    for Shape { path, tone } in kinds::shapes(kind) {
        let [red, green, blue] = rgb(*tone);
        let mut paint = Paint::default();
        paint.set_color(Color::from_rgba8(red, green, blue, 255));
        map.fill_path(path, &paint, FillRule::Winding, transform, None);
    }
}

/// From the square between −1 and 1 to an object's place in a picture.
fn onto(object: &Object, side: u32) -> Transform {
    let side = side as f32;
    let scale = object.size * side / 2.0;
    Transform::from_row(scale, 0.0, 0.0, scale, object.x * side, object.y * side)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Mix, Part};

    #[test]
    fn kinds_differ_in_what_they_cover() {
        let at = |kind| Object { kind, colour: Colour::Red, size: 0.5, x: 0.5, y: 0.5 };
        let all = Kind::ALL.map(|kind| coverage(&at(kind), SIDE).parts);
        for (i, one) in all.iter().enumerate() {
            let own = one.iter().map(|[own, ..]| u32::from(*own)).sum::<u32>() / 255;
            assert!(own > 150, "{:?} covers {own} of 1024 pixels", Kind::ALL[i]);
            for (j, other) in all.iter().enumerate().filter(|(j, _)| *j != i) {
                let apart = one.iter().flatten().zip(other.iter().flatten());
                let apart: u32 = apart.map(|(a, b)| u32::from(a.abs_diff(*b))).sum::<u32>() / 255;
                assert!(apart > 100, "{:?} and {:?} differ in {apart} pixels", Kind::ALL[i], Kind::ALL[j]);
            }
        }
    }

    #[test]
    fn kinds_fill_their_square() {
        for kind in Kind::ALL {
            let [left, top, right, bottom] = bounds(kind)[0];
            assert!(left >= -1.01 && top >= -1.01 && right <= 1.01 && bottom <= 1.01, "{kind:?}");
            assert!((right - left).max(bottom - top) > 1.6, "{kind:?}");
        }
    }

    #[test]
    fn a_picture_is_its_parts() {
        for seed in 0..20 {
            let shown = Scene::sample(seed, Mix { part: Part::Training, pairs: 0.0 });
            let behind = scene(&Scene { objects: Vec::new(), ..shown.clone() }, SIDE).bytes;
            let (object, whole) = (shown.objects[0], scene(&shown, SIDE).bytes);
            let [wood, leaf] = second_tones();
            let coverage = coverage(&object, SIDE);
            let mut changed = whole.chunks_exact(3).zip(behind.chunks_exact(3)).filter(|(a, b)| a != b).count();
            for (n, cover) in coverage.parts.into_iter().enumerate() {
                let i = (coverage.top + n / coverage.width) * SIDE as usize + coverage.left + n % coverage.width;
                changed -= usize::from(whole[3 * i..3 * i + 3] != behind[3 * i..3 * i + 3]);
                for c in 0..3 {
                    let rest = 255.0 - cover.iter().map(|part| f32::from(*part)).sum::<f32>();
                    let parts = [(cover[0], object.colour.rgb()), (cover[1], wood), (cover[2], leaf)];
                    let sum: f32 = parts.iter().map(|(part, rgb)| f32::from(*part) * f32::from(rgb[c])).sum();
                    let sum = (sum + rest * f32::from(behind[3 * i + c])) / 255.0;
                    assert!((sum - f32::from(whole[3 * i + c])).abs() < 4.0, "{shown:?} at {i}");
                }
            }
            assert_eq!(changed, 0, "outside of what is covered");
        }
    }

    #[test]
    fn a_picture_without_pixels_is_none() {
        let shown = Scene::sample(1, Mix { part: Part::Training, pairs: 0.0 });
        assert!(scene(&shown, 0).bytes.is_empty());
        assert_eq!(scene(&shown, 96).bytes.len(), 3 * 96 * 96);
    }
}
