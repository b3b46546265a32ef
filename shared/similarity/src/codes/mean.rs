//! Mean of embeddings, for centring codes. Must not know when an index is rebuilt.

use crate::{Error, vector};

/// Running mean of vectors of one dimension, summed in f64.
///
/// Embeddings of one model lie in a narrow cone: without centring most bits are equal in all codes and say nothing.
/// A few thousand rows suffice. A mean is fixed while an index lives: another mean needs other codes of all rows.
#[derive(Clone, Debug)]
pub struct Mean {
    sum: Vec<f64>,
    count: u64,
}

impl Mean {
    /// Empty mean of vectors of `dim` numbers.
    pub fn new(dim: usize) -> Self {
        Self { sum: vec![0.0; dim], count: 0 }
    }

    /// Adds one vector.
    ///
    /// # Errors
    /// [`Error::Dimension`], [`Error::NotFinite`].
    pub fn add(&mut self, vector: &[f32]) -> Result<(), Error> {
        vector::check_dim(vector, self.sum.len())?;
        for (sum, x) in self.sum.iter_mut().zip(vector) {
            *sum += f64::from(*x);
        }
        self.count += 1;
        Ok(())
    }

    /// Number of vectors added.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Mean of the vectors added, not scaled to unit length; zeros when there are none.
    pub fn to_vec(&self) -> Vec<f32> {
        let count = self.count.max(1) as f64;
        self.sum.iter().map(|sum| (sum / count) as f32).collect()
    }
}
