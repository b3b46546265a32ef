//! What a picture of the starter's world shows, as a value. Knows nothing of pixels and words.

mod sample;
mod values;

use serde::{Deserialize, Serialize};

use gpu_runner::noise::mixed;
pub use sample::{Mix, Part};
pub use values::{Background, Colour, Kind, Place, Relation, Size};

/// Lengths are shares of the picture's side, from the top left.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Object {
    pub kind: Kind,
    pub colour: Colour,
    /// Side of the square around it.
    pub size: f32,
    /// Centre of that square.
    pub x: f32,
    pub y: f32,
}

/// Where the objects are, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    Single {
        size: Size,
        place: Place,
    },
    /// Of the first object to the second.
    Pair(Relation),
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Scene {
    pub background: Background,
    /// One or two, as the layout says.
    pub objects: Vec<Object>,
    pub layout: Layout,
}

/// One in so many combinations of background, colour and kind is never learnt from.
const HELD_OUT: u64 = 12;

impl Scene {
    /// Whether it shows a combination that training never sees.
    pub fn held_out(&self) -> bool {
        self.objects.iter().any(|object| is_held_out(self.background, object.colour, object.kind))
    }
}

/// A fixed choice by number, so that it is the same for every seed and for ever.
pub fn is_held_out(background: Background, colour: Colour, kind: Kind) -> bool {
    let number = (background.index() * Colour::ALL.len() + colour as usize) * Kind::ALL.len() + kind as usize;
    mixed(number as u64 + 1).is_multiple_of(HELD_OUT)
}
