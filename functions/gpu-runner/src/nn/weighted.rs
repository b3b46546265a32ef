//! Layers whose weights may be replaced after they were loaded, and how a network shows them.

use candle_core::{Result, Tensor};

pub trait Weighted {
    /// `weight` has as many values as the one before, in the same order of dimensions; those of size 1 at the end may
    /// be missing.
    fn set_weight(&mut self, weight: &Tensor) -> Result<()>;

    /// From now on `scale` · up · down of what the layer is given is added to what it gives. `down` (rank, inputs), of
    /// a convolution (rank, inputs, side, side); `up` (outputs, rank). Dimensions of size 1 may follow.
    fn set_side(&mut self, down: &Tensor, up: &Tensor, scale: f64) -> Result<()>;
}

/// Called with a layer's name, as files have it without `.weight`, and the layer.
pub type Visit<'a> = dyn FnMut(&str, &mut dyn Weighted) -> Result<()> + 'a;
