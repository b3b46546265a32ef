//! Questions to the shapes in a file.

use crate::weights::Weights;
use crate::{Code, DrawError};

#[derive(Clone, Copy)]
pub struct Shapes<'a> {
    pub weights: &'a Weights,
    /// What stands before every name asked for.
    pub prefix: &'a str,
}

impl Shapes<'_> {
    pub fn of(&self, name: &str) -> Option<&[usize]> {
        self.weights.shape(&format!("{}{name}", self.prefix))
    }

    pub fn has(&self, name: &str) -> bool {
        self.of(name).is_some()
    }

    /// One dimension of a tensor that every file of the family has.
    pub fn dim(&self, name: &str, dim: usize) -> Result<usize, DrawError> {
        let full = format!("{}{name}", self.prefix);
        let Some(shape) = self.weights.shape(&full) else {
            return Err(DrawError::new(Code::WeightsMissing, format!("no tensor {full}")));
        };
        let short = || DrawError::new(Code::WeightsShape, format!("{full} has shape {shape:?}, too few dimensions"));
        shape.get(dim).copied().ok_or_else(short)
    }

    /// How many there are in a row, from 0.
    pub fn count(&self, name: impl Fn(usize) -> String) -> usize {
        (0..).take_while(|i| self.has(&name(*i))).count()
    }
}
