//! Preference of a user: the weighted centroid of embeddings of what was liked, viewed and curated. Must not know
//! users, clocks or storage.
//!
//! The centroid as a user's profile is J. J. Rocchio, "Relevance feedback in information retrieval", 1971.

use crate::{Error, vector};

/// Smallest share of the weights that must be left after opposite vectors cancel.
const MIN_AGREEMENT: f64 = 1e-3;

/// Act of a user that shows a preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The user put the image into a curated collection.
    Curated,
    /// The user likes the image.
    Liked,
    /// The user looked at the image.
    Viewed,
}

impl Signal {
    /// Weight of one image: deliberate acts count more than a look.
    pub fn weight(self) -> f32 {
        match self {
            Self::Curated => 1.5,
            Self::Liked => 1.0,
            Self::Viewed => 0.2,
        }
    }
}

/// Running centroid of embeddings of one dimension, summed in f64.
#[derive(Clone, Debug)]
pub struct Preference {
    sum: Vec<f64>,
    weights: f64,
}

impl Preference {
    /// Empty preference over embeddings of `dim` numbers.
    pub fn new(dim: usize) -> Self {
        Self { sum: vec![0.0; dim], weights: 0.0 }
    }

    /// Adds an image. `decay` is 1 for a fresh signal and falls with its age, for example `0.5^(age / half-life)`;
    /// it is clamped to 0..=1.
    ///
    /// # Errors
    /// [`Error::Dimension`]; [`Error::NotFinite`], also for a decay of NaN. The preference is unchanged then.
    pub fn add(&mut self, embedding: &[f32], signal: Signal, decay: f32) -> Result<(), Error> {
        vector::check_dim(embedding, self.sum.len())?;
        if decay.is_nan() {
            return Err(Error::NotFinite);
        }
        let weight = f64::from(signal.weight() * decay.clamp(0.0, 1.0));
        for (sum, x) in self.sum.iter_mut().zip(embedding) {
            *sum += weight * f64::from(*x);
        }
        self.weights += weight;
        Ok(())
    }

    /// Unit vector of the preference. None when nothing was added, or when what was added cancels: there is no
    /// direction to rank by, and the caller orders by date instead.
    pub fn to_vec(&self) -> Option<Vec<f32>> {
        let length = self.sum.iter().map(|x| x * x).sum::<f64>().sqrt();
        // Written so that NaN and an overflow are None, too.
        let has_direction = self.weights > 0.0 && length.is_finite() && length > MIN_AGREEMENT * self.weights;
        has_direction.then(|| self.sum.iter().map(|x| (x / length) as f32).collect())
    }
}
