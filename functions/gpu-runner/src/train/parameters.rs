//! What is learnt: variables by name. A source for `VarBuilder` makes a network's tensors into such as it hands them
//! out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Result, Shape, Tensor, Var};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

/// Variables, in the order of their names; clones are the same ones.
#[derive(Clone, Default)]
pub struct Parameters(Arc<Mutex<BTreeMap<String, Var>>>);

impl Parameters {
    /// For a network whose parameters are called `{part}/{name}` here; tensors for which `learns` is false stay
    /// constants.
    pub fn builder(
        &self,
        part: &str,
        tensors: Box<dyn SimpleBackend>,
        learns: impl Fn(&str) -> bool + Send + Sync + 'static,
        device: &Device,
    ) -> VarBuilder<'static> {
        let learning = Learning { part: part.to_string(), tensors, learns: Box::new(learns), parameters: self.clone() };
        VarBuilder::from_backend(Box::new(learning), DType::F32, device.clone())
    }

    /// A variable that begins with these values.
    pub fn make(&self, name: &str, values: &Tensor) -> Result<Tensor> {
        let var = Var::from_tensor(&values.to_dtype(DType::F32)?.contiguous()?)?;
        let tensor = var.as_tensor().clone();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_string(), var);
        Ok(tensor)
    }

    /// All, by name.
    pub fn all(&self) -> Vec<(String, Var)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(name, var)| (name.clone(), var.clone())).collect()
    }

    fn get(&self, name: &str) -> Option<Tensor> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).map(|var| var.as_tensor().clone())
    }
}

struct Learning {
    part: String,
    tensors: Box<dyn SimpleBackend>,
    learns: Box<dyn Fn(&str) -> bool + Send + Sync>,
    parameters: Parameters,
}

impl SimpleBackend for Learning {
    fn get(&self, shape: Shape, name: &str, init: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        if !(self.learns)(name) {
            return self.tensors.get(shape, name, init, dtype, device);
        }
        let own = format!("{}/{name}", self.part);
        match self.parameters.get(&own) {
            // Asked for twice it is the same one.
            Some(known) => known.reshape(shape),
            None => self.parameters.make(&own, &self.tensors.get(shape, name, init, dtype, device)?),
        }
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        self.tensors.get_unchecked(name, dtype, device)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.tensors.contains_tensor(name)
    }
}
