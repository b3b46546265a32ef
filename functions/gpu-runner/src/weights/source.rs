//! A source that remembers what a network asked it for, by name and shape, so that single tensors can be read again.
//!
//! The tensors themselves are not kept: a network may have them in another form, and would be in memory twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Result, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

#[derive(Clone)]
pub struct Source(Arc<Inner>);

struct Inner {
    tensors: VarBuilder<'static>,
    asked: Mutex<HashMap<String, Shape>>,
}

impl Source {
    pub fn over(tensors: VarBuilder<'static>) -> Self {
        Self(Arc::new(Inner { tensors, asked: Mutex::default() }))
    }

    /// For the network that is to be remembered.
    pub fn builder(&self) -> VarBuilder<'static> {
        let tensors = &self.0.tensors;
        VarBuilder::from_backend(Box::new(self.clone()), tensors.dtype(), tensors.device().clone())
    }

    /// What tensors are read as.
    pub fn dtype(&self) -> DType {
        self.0.tensors.dtype()
    }

    /// Names of all that was asked for, in no order.
    pub fn names(&self) -> Vec<String> {
        self.0.asked.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Of a tensor that was asked for.
    pub fn shape(&self, name: &str) -> Option<Shape> {
        self.0.asked.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Reads a tensor that was asked for once more.
    pub fn read(&self, name: &str) -> Result<Tensor> {
        match self.shape(name) {
            Some(shape) => self.0.tensors.get(shape, name),
            None => Err(candle_core::Error::CannotFindTensor { path: name.to_string() }),
        }
    }

    fn remember(&self, name: &str, tensor: &Tensor) {
        let mut asked = self.0.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.insert(name.to_string(), tensor.shape().clone());
    }
}

impl SimpleBackend for Source {
    fn get(&self, shape: Shape, name: &str, init: Init, dtype: DType, _: &Device) -> Result<Tensor> {
        let tensor = self.0.tensors.get_with_hints_dtype(shape, name, init, dtype)?;
        self.remember(name, &tensor);
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, _: &Device) -> Result<Tensor> {
        let tensor = self.0.tensors.get_unchecked_dtype(name, dtype)?;
        self.remember(name, &tensor);
        Ok(tensor)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.tensors.contains_tensor(name)
    }
}
