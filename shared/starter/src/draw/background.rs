//! What is behind the objects.

use tiny_skia::{Color, FillRule, Paint, PathBuilder, Pixmap, Transform};

use crate::scene::Background;

/// Where the night has stars, as shares of the picture's sides: always the same ones.
const STARS: [(f32, f32); 9] = [
    (0.08, 0.12),
    (0.31, 0.06),
    (0.62, 0.09),
    (0.91, 0.16),
    (0.05, 0.52),
    (0.95, 0.58),
    (0.13, 0.90),
    (0.55, 0.95),
    (0.88, 0.87),
];
const STAR: f32 = 0.015;
const STARLIGHT: [u8; 3] = [235, 235, 205];

pub(super) fn fill(map: &mut Pixmap, background: Background) {
    let stops = background.stops();
    let (width, height) = (map.width() as usize, map.height());
    for (y, row) in map.data_mut().chunks_exact_mut(4 * width.max(1)).enumerate() {
        let [red, green, blue] = at(&stops, (y as f32 + 0.5) / height as f32);
        row.chunks_exact_mut(4).for_each(|pixel| pixel.copy_from_slice(&[red, green, blue, 255]));
    }
    if background == Background::Night {
        let side = map.width() as f32;
        let mut path = PathBuilder::new();
        STARS.iter().for_each(|(x, y)| path.push_circle(x * side, y * side, STAR * side));
        let mut paint = Paint::default();
        paint.set_color(Color::from_rgba8(STARLIGHT[0], STARLIGHT[1], STARLIGHT[2], 255));
        if let Some(path) = path.finish() {
            map.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
        }
    }
}

/// The colour at this share of the height.
fn at(stops: &[(f32, [u8; 3])], y: f32) -> [u8; 3] {
    let Some((_, mut colour)) = stops.first().copied() else { return [0; 3] };
    for pair in stops.windows(2) {
        let &[(from, above), (to, below)] = pair else { continue };
        if y >= from {
            let share = if to > from { ((y - from) / (to - from)).min(1.0) } else { 1.0 };
            let mut both = above.into_iter().zip(below);
            colour = std::array::from_fn(|_| {
                let (above, below) = both.next().unwrap_or_default();
                (f32::from(above) + share * (f32::from(below) - f32::from(above))).round() as u8
            });
        }
    }
    colour
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_blend_and_may_break() {
        let stops = [(0.0, [0, 0, 0]), (0.5, [100, 0, 0]), (0.5, [0, 0, 200]), (1.0, [0, 0, 100])];
        assert_eq!(at(&stops, 0.25), [50, 0, 0]);
        assert_eq!(at(&stops, 0.5), [0, 0, 200]);
        assert_eq!(at(&stops, 0.75), [0, 0, 150]);
        assert_eq!(at(&stops[..1], 0.9), [0, 0, 0]);
    }
}
