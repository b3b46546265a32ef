//! What each kind of object looks like, within the square from (−1, −1) at the top left to (1, 1).

use std::f32::consts::{PI, TAU};
use std::sync::LazyLock;

use tiny_skia::{Path, PathBuilder, Rect};

use crate::scene::{Colour, Kind};

/// The second tone of trunks, doors, masts and eyes.
const WOOD: [u8; 3] = [120, 75, 40];
/// That of stems and leaves.
const LEAF: [u8; 3] = [25, 105, 45];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// The object's colour.
    Own,
    Wood,
    Leaf,
}

impl Tone {
    pub(super) fn rgb(self, own: Colour) -> [u8; 3] {
        match self {
            Tone::Own => own.rgb(),
            Tone::Wood => WOOD,
            Tone::Leaf => LEAF,
        }
    }
}

/// A part of one tone; later ones lie over earlier ones.
pub(super) struct Shape {
    pub(super) path: Path,
    pub(super) tone: Tone,
}

type Points<'a> = &'a [(f32, f32)];

pub(super) fn shapes(kind: Kind) -> &'static [Shape] {
    static ALL: LazyLock<Vec<Vec<Shape>>> = LazyLock::new(|| Kind::ALL.map(made).into());
    ALL.get(kind as usize).map_or(&[], Vec::as_slice)
}

fn made(kind: Kind) -> Vec<Shape> {
    let parts: Vec<(Tone, PathBuilder)> = match kind {
        Kind::Circle => vec![(Tone::Own, circles(&[(0.0, 0.0, 0.95)]))],
        Kind::Square => vec![(Tone::Own, rectangle(-0.85, -0.85, 0.85, 0.85))],
        Kind::Triangle => vec![(Tone::Own, polygon(&[(0.0, -0.95), (1.0, 0.85), (-1.0, 0.85)]))],
        Kind::Star => vec![(Tone::Own, star())],
        Kind::Heart => vec![(Tone::Own, heart())],
        Kind::Tree => vec![
            (Tone::Wood, rectangle(-0.16, 0.5, 0.16, 1.0)),
            (Tone::Own, polygon(&[(0.0, -0.5), (0.9, 0.6), (-0.9, 0.6)])),
            (Tone::Own, polygon(&[(0.0, -1.0), (0.66, -0.1), (-0.66, -0.1)])),
        ],
        Kind::House => vec![
            (Tone::Own, rectangle(-0.72, -0.15, 0.72, 0.95)),
            (Tone::Own, polygon(&[(0.0, -0.95), (1.0, -0.05), (-1.0, -0.05)])),
            (Tone::Wood, rectangle(-0.2, 0.3, 0.2, 0.95)),
        ],
        Kind::Sun => vec![(Tone::Own, circles(&[(0.0, 0.0, 0.52)])), (Tone::Own, rays())],
        Kind::Moon => vec![(Tone::Own, moon())],
        Kind::Cloud => vec![
            (Tone::Own, circles(&[(-0.58, 0.2, 0.4), (-0.1, -0.15, 0.5), (0.52, 0.14, 0.46)])),
            (Tone::Own, rectangle(-0.58, 0.1, 0.52, 0.6)),
        ],
        Kind::Fish => vec![
            (Tone::Own, ellipse(-0.22, 0.0, 0.78, 0.5)),
            (Tone::Own, polygon(&[(0.3, 0.0), (1.0, -0.55), (1.0, 0.55)])),
            (Tone::Wood, circles(&[(-0.6, -0.12, 0.1)])),
        ],
        Kind::Flower => vec![
            (Tone::Leaf, rectangle(-0.09, 0.0, 0.09, 1.0)),
            (Tone::Leaf, polygon(&[(0.0, 0.95), (0.65, 0.4), (0.55, 0.8)])),
            (Tone::Leaf, polygon(&[(0.0, 0.95), (-0.65, 0.4), (-0.55, 0.8)])),
            (Tone::Own, petals()),
            (Tone::Wood, circles(&[(0.0, -0.24, 0.22)])),
        ],
        Kind::Boat => vec![
            (Tone::Wood, rectangle(-0.06, -0.98, 0.06, 0.4)),
            (Tone::Own, polygon(&[(0.13, -0.95), (0.85, 0.22), (0.13, 0.22)])),
            (Tone::Own, polygon(&[(-0.13, -0.7), (-0.13, 0.22), (-0.75, 0.22)])),
            (Tone::Own, polygon(&[(-1.0, 0.38), (1.0, 0.38), (0.62, 0.92), (-0.62, 0.92)])),
        ],
    };
    parts.into_iter().filter_map(|(tone, path)| Some(Shape { path: path.finish()?, tone })).collect()
}

fn circles(all: &[(f32, f32, f32)]) -> PathBuilder {
    let mut path = PathBuilder::new();
    all.iter().for_each(|(x, y, radius)| path.push_circle(*x, *y, *radius));
    path
}

fn rectangle(left: f32, top: f32, right: f32, bottom: f32) -> PathBuilder {
    polygon(&[(left, top), (right, top), (right, bottom), (left, bottom)])
}

fn ellipse(x: f32, y: f32, across: f32, down: f32) -> PathBuilder {
    let mut path = PathBuilder::new();
    if let Some(around) = Rect::from_ltrb(x - across, y - down, x + across, y + down) {
        path.push_oval(around);
    }
    path
}

fn polygon(points: Points) -> PathBuilder {
    let mut path = PathBuilder::new();
    add(&mut path, points);
    path
}

fn add(path: &mut PathBuilder, points: Points) {
    for (i, (x, y)) in points.iter().enumerate() {
        if i == 0 { path.move_to(*x, *y) } else { path.line_to(*x, *y) }
    }
    path.close();
}

/// At an angle from the top, clockwise.
fn around(angle: f32, radius: f32) -> (f32, f32) {
    (radius * angle.sin(), -radius * angle.cos())
}

fn star() -> PathBuilder {
    let points: Vec<_> = (0..10).map(|i| around(i as f32 * PI / 5.0, if i % 2 == 0 { 1.0 } else { 0.42 })).collect();
    polygon(&points)
}

fn rays() -> PathBuilder {
    let mut path = PathBuilder::new();
    for ray in 0..8 {
        let angle = ray as f32 * TAU / 8.0;
        add(&mut path, &[around(angle - 0.22, 0.66), around(angle, 1.0), around(angle + 0.22, 0.66)]);
    }
    path
}

fn petals() -> PathBuilder {
    let petals: Vec<_> = (0..5)
        .map(|i| {
            let (x, y) = around(i as f32 * TAU / 5.0, 0.43);
            (x, y - 0.24, 0.33)
        })
        .collect();
    circles(&petals)
}

fn heart() -> PathBuilder {
    let mut path = PathBuilder::new();
    path.move_to(0.0, -0.45);
    path.cubic_to(-0.15, -1.0, -1.0, -1.0, -1.0, -0.25);
    path.cubic_to(-1.0, 0.3, -0.3, 0.55, 0.0, 0.95);
    path.cubic_to(0.3, 0.55, 1.0, 0.3, 1.0, -0.25);
    path.cubic_to(1.0, -1.0, 0.15, -1.0, 0.0, -0.45);
    path.close();
    path
}

/// What a circle leaves of another: tips at 60° above and below the opening, which is on the right.
fn moon() -> PathBuilder {
    const SHIFT: f32 = 0.25;
    const INNER: (f32, f32) = (0.42, 0.87);
    let tip = PI / 3.0;
    let outer = (0..=32).map(|i| {
        let angle = tip + (TAU - 2.0 * tip) * i as f32 / 32.0;
        (angle.cos() + SHIFT, angle.sin())
    });
    // Back along the inner circle, through the same tips.
    let turn = (tip.sin() / INNER.1).min(1.0).asin();
    let turn = if tip.cos() < INNER.0 { PI - turn } else { turn };
    let inner = (0..=32).map(|i| {
        let angle = TAU - turn - (TAU - 2.0 * turn) * i as f32 / 32.0;
        (INNER.1 * angle.cos() + INNER.0 + SHIFT, INNER.1 * angle.sin())
    });
    let points: Vec<_> = outer.chain(inner).collect();
    polygon(&points)
}
