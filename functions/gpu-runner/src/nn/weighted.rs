//! Layers whose weights may be replaced after they were loaded, and how a network shows them.

use candle_core::{Result, Tensor};

pub trait Weighted {
    /// `weight` has as many values as the one before, in the same order of dimensions; those of size 1 at the end may be
    /// missing.
    fn set_weight(&mut self, weight: &Tensor) -> Result<()>;
}

/// Called with a layer's name, as files have it without `.weight`, and the layer.
pub type Visit<'a> = dyn FnMut(&str, &mut dyn Weighted) -> Result<()> + 'a;

impl Weighted for candle_nn::Linear {
    fn set_weight(&mut self, weight: &Tensor) -> Result<()> {
        *self = candle_nn::Linear::new(weight.reshape(self.weight().shape())?, self.bias().cloned());
        Ok(())
    }
}
