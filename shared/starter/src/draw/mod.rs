//! A scene as pixels, with tiny-skia: smooth edges, flat colours.

mod background;
mod kinds;

use gpu_runner::backend::Rgb;
use tiny_skia::{Color, FillRule, Paint, Pixmap, Transform};

use crate::scene::{Object, Scene};
use kinds::Shape;

/// Of a picture, in pixels, where nothing else is asked for.
pub const SIDE: u32 = 64;

/// A square picture; one without pixels for a `side` of 0.
pub fn scene(scene: &Scene, side: u32) -> Rgb {
    let Some(mut map) = Pixmap::new(side, side) else { return Rgb { width: 0, height: 0, bytes: Vec::new() } };
    background::fill(&mut map, scene.background);
    for object in &scene.objects {
        draw(&mut map, object);
    }
    let bytes = map.data().chunks_exact(4).flat_map(|pixel| pixel.iter().take(3)).copied().collect();
    Rgb { width: side, height: side, bytes }
}

fn draw(map: &mut Pixmap, object: &Object) {
    let transform = onto(object, map.width());
    for Shape { path, tone } in kinds::shapes(object.kind) {
        let [red, green, blue] = tone.rgb(object.colour);
        let mut paint = Paint::default();
        paint.set_color(Color::from_rgba8(red, green, blue, 255));
        map.fill_path(&path, &paint, FillRule::Winding, transform, None);
    }
}

/// From the square between −1 and 1 to an object's place in a picture.
fn onto(object: &Object, side: u32) -> Transform {
    let side = side as f32;
    let scale = object.size * side / 2.0;
    Transform::from_row(scale, 0.0, 0.0, scale, object.x * side, object.y * side)
}
