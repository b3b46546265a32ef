//! Embedding → code. Must not know where the mean is stored.

use super::rotation::{mix, rotate};
use super::{BITS, CODES_VERSION, Code, Query, WORDS};
use crate::{Error, vector};

/// Seed of the rotation. Part of the format: [`CODES_VERSION`] changes with it.
const SEED: u64 = 0x6561_7365_6c00_0001;

/// Maker of codes for embeddings of one dimension and one mean.
#[derive(Clone, Debug)]
pub struct Encoder {
    mean: Vec<f32>,
}

impl Encoder {
    /// Encoder that subtracts `mean` first. Zeros mean no centring.
    ///
    /// # Errors
    /// [`Error::Dimension`], [`Error::NotFinite`].
    pub fn new(mean: Vec<f32>) -> Result<Self, Error> {
        vector::check(&mean)?;
        Ok(Self { mean })
    }

    /// Dimension of the embeddings.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// Mean that is subtracted; stored beside the codes.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// Identity of the encoder: version, dimension and every bit of the mean. Codes of two encoders must not be
    /// compared.
    pub fn fingerprint(&self) -> u64 {
        let start = mix(u64::from(CODES_VERSION) << 32 | self.mean.len() as u64);
        self.mean.iter().fold(start, |state, x| mix(state ^ u64::from(x.to_bits())))
    }

    /// Code of an embedding. `vector − mean` is padded with zeros to 512 or 1,024 numbers and rotated; bit i is 1 where
    /// number i is above zero.
    ///
    /// # Errors
    /// [`Error::Dimension`], [`Error::NotFinite`].
    pub fn encode(&self, vector: &[f32]) -> Result<Code, Error> {
        Ok(code_of(&self.rotated(vector)?))
    }

    /// Query for an embedding: its code, and the magnitudes behind the bits.
    ///
    /// # Errors
    /// [`Error::Dimension`], [`Error::NotFinite`].
    pub fn query(&self, vector: &[f32]) -> Result<Query, Error> {
        let rotated = self.rotated(vector)?;
        Ok(Query::new(code_of(&rotated), &rotated))
    }

    /// Centred, padded and rotated numbers.
    fn rotated(&self, vector: &[f32]) -> Result<Vec<f32>, Error> {
        vector::check_dim(vector, self.mean.len())?;
        let mut values: Vec<f32> = vector.iter().zip(&self.mean).map(|(x, mean)| x - mean).collect();
        values.resize(self.mean.len().next_power_of_two().max(BITS), 0.0);
        rotate(&mut values, SEED);
        Ok(values)
    }
}

/// Signs of the first 512 numbers.
fn code_of(rotated: &[f32]) -> Code {
    let mut words = [0; WORDS];
    for (word, values) in words.iter_mut().zip(rotated.chunks_exact(64)) {
        *word = values.iter().rev().fold(0, |word, value| word << 1 | u64::from(*value > 0.0));
    }
    Code(words)
}
