//! The tensors of one network of the file, by their names in the diffusers layout.

use std::sync::Arc;

use candle_core::{DType, Device, Error, Result, Shape, Tensor};
use candle_nn::Init;
use candle_nn::var_builder::SimpleBackend;

use super::layout::Names;
use super::names::Origin;
use crate::weights::Weights;

pub struct Source {
    pub weights: Arc<Weights>,
    /// What stands before every name of the network.
    pub prefix: &'static str,
    pub names: Names,
}

impl Source {
    /// Where a tensor is, under its name in the file; nowhere is an error that says how it is called here.
    fn origin(&self, name: &str) -> Result<Origin> {
        let origin = (self.names)(name).map(|origin| match origin {
            Origin::Whole(name) => Origin::Whole(self.prefixed(&name)),
            Origin::Part { name, index, of } => Origin::Part { name: self.prefixed(&name), index, of },
            Origin::Transposed(name) => Origin::Transposed(self.prefixed(&name)),
        });
        origin.ok_or_else(|| Error::CannotFindTensor { path: name.to_string() })
    }

    fn prefixed(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl Origin {
    fn name(&self) -> &str {
        match self {
            Origin::Whole(name) | Origin::Part { name, .. } | Origin::Transposed(name) => name,
        }
    }

    /// The shape in the file of what has this shape in the network.
    fn stored(&self, shape: &[usize]) -> Vec<usize> {
        let mut shape = shape.to_vec();
        match self {
            Origin::Whole(_) => {}
            Origin::Part { of, .. } => shape.iter_mut().take(1).for_each(|first| *first *= of),
            Origin::Transposed(_) => shape.reverse(),
        }
        shape
    }
}

impl SimpleBackend for Source {
    fn get(&self, shape: Shape, name: &str, _: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        let origin = self.origin(name)?;
        let stored = self.weights.shape(origin.name());
        let stored = stored.ok_or_else(|| Error::CannotFindTensor { path: origin.name().to_string() })?;
        let wanted = origin.stored(shape.dims());
        let pixels = stored.strip_prefix(wanted.as_slice()).is_some_and(|rest| rest == [1, 1]);
        let whole = matches!(origin, Origin::Whole(_));
        if stored != wanted && !(whole && pixels) {
            let (expected, got) = (Shape::from_dims(&wanted), Shape::from_dims(stored));
            return Err(Error::UnexpectedShape { msg: origin.name().to_string(), expected, got });
        }
        match origin {
            Origin::Whole(name) => self.weights.load(&name, dtype, device)?.reshape(shape),
            Origin::Transposed(name) => self.weights.load(&name, dtype, device)?.t()?.contiguous(),
            Origin::Part { name, index, .. } => {
                let rows = shape.dims().first().copied().unwrap_or(0);
                // Of its own, not a view that would keep the other parts.
                self.weights.load(&name, dtype, device)?.narrow(0, index * rows, rows)?.force_contiguous()
            }
        }
    }

    /// Networks ask for shapes.
    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        Err(Error::CannotFindTensor { path: name.to_string() })
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.origin(name).is_ok_and(|origin| self.weights.shape(origin.name()).is_some())
    }
}
