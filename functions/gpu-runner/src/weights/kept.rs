//! A source that remembers what it gave.
//!
//! A network is built through it once; built again through `with`, it shares every tensor with the first but those that
//! are named as changed. Nothing is read from the file a second time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Error, Result, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

#[derive(Clone)]
pub struct Kept(Arc<Inner>);

struct Inner {
    source: VarBuilder<'static>,
    given: Mutex<HashMap<String, Tensor>>,
}

impl Kept {
    pub fn over(source: VarBuilder<'static>) -> Self {
        Self(Arc::new(Inner { source, given: Mutex::default() }))
    }

    /// The tensors as they are.
    pub fn builder(&self) -> VarBuilder<'static> {
        self.with(HashMap::new())
    }

    /// The tensors as they are, but for these, which have the shapes of those they stand for.
    pub fn with(&self, changed: HashMap<String, Tensor>) -> VarBuilder<'static> {
        let source = &self.0.source;
        VarBuilder::from_backend(
            Box::new(Changed { kept: self.clone(), changed }),
            source.dtype(),
            source.device().clone(),
        )
    }

    /// What a network built through this source asked for.
    pub fn get(&self, name: &str) -> Option<Tensor> {
        self.0.given.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Names of all that was asked for, in no order.
    pub fn names(&self) -> Vec<String> {
        self.0.given.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    pub fn device(&self) -> &Device {
        self.0.source.device()
    }

    fn keep(&self, name: &str, tensor: Tensor) -> Tensor {
        self.0.given.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_string(), tensor.clone());
        tensor
    }
}

struct Changed {
    kept: Kept,
    changed: HashMap<String, Tensor>,
}

impl Changed {
    fn known(&self, name: &str) -> Option<Tensor> {
        self.changed.get(name).cloned().or_else(|| self.kept.get(name))
    }
}

impl SimpleBackend for Changed {
    fn get(&self, shape: Shape, name: &str, init: Init, dtype: DType, _: &Device) -> Result<Tensor> {
        match self.known(name) {
            Some(tensor) if *tensor.shape() == shape => Ok(tensor),
            Some(tensor) => {
                let got = tensor.shape().clone();
                Err(Error::UnexpectedShape { msg: name.to_string(), expected: shape, got })
            }
            None => {
                let tensor = self.kept.0.source.get_with_hints_dtype(shape, name, init, dtype)?;
                Ok(self.kept.keep(name, tensor))
            }
        }
    }

    fn get_unchecked(&self, name: &str, dtype: DType, _: &Device) -> Result<Tensor> {
        match self.known(name) {
            Some(tensor) => Ok(tensor),
            None => Ok(self.kept.keep(name, self.kept.0.source.get_unchecked_dtype(name, dtype)?)),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.changed.contains_key(name) || self.kept.0.source.contains_tensor(name)
    }
}
