//! What the trainer learns from.

use crate::DrawError;

/// One picture and what it shows.
#[derive(Clone, Debug)]
pub struct Example {
    /// Red, green and blue planes one after the other, rows from the top, −1 to 1.
    pub pixels: Vec<f32>,
    pub width: usize,
    pub height: usize,
    pub caption: String,
}

/// Pictures by number. The same number gives the same example at any time and in any run, so a training that goes on
/// after a stop sees what it would have seen.
pub trait Examples: Send + Sync {
    fn len(&self) -> usize;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Width and height, known without making the picture; those of a batch are equal.
    fn size(&self, index: usize) -> (usize, usize);

    /// Whether it is there to keep what the model knows (Ruiz et al. 2022): its loss counts by the plan's
    /// `prior_weight`.
    fn keeps(&self, _index: usize) -> bool {
        false
    }

    /// Errors: `invalid_image` when what was fine at the start can't be read any more; `internal` for an `index` that
    /// is `len()` or beyond.
    fn get(&self, index: usize) -> Result<Example, DrawError>;

    /// Tells one set of examples from another: training goes on only with the one it began with.
    fn fingerprint(&self) -> String;
}
