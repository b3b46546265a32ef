//! Hypernetworks: small networks that bend what an attention's keys and values are made of, as AUTOMATIC1111's web UI
//! defines them. x + strength · network(x), one pair of networks for each width of x; attention among pixels and
//! attention to the text alike.

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{Module, Result, Tensor};
use candle_nn::Linear;

use crate::nn::{LayerNorm, wide};

/// Those in effect with their strengths, in the order of their application.
pub type Hypernetworks = Arc<[(Arc<Hypernetwork>, f64)]>;

pub struct Hypernetwork {
    /// By width: for keys, for values. In single precision.
    pub pairs: HashMap<usize, [Vec<Step>; 2]>,
}

pub enum Step {
    Linear(Linear),
    Norm(LayerNorm),
    Bend(Bend),
}

/// Activations by the names that its files use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bend {
    Relu,
    LeakyRelu,
    Elu,
    /// What they call swish: x · clamp(x + 3, 0, 6) / 6.
    HardSwish,
    Tanh,
    Sigmoid,
}

/// What keys and what values are made of, instead of `x` (batch, rows, width).
pub(super) fn bent(hypernetworks: &Hypernetworks, x: &Tensor) -> Result<[Tensor; 2]> {
    let mut both = [x.clone(), x.clone()];
    for (hypernetwork, strength) in hypernetworks.iter() {
        let Some(pair) = hypernetwork.pairs.get(&x.dim(2)?) else { continue };
        for (x, steps) in both.iter_mut().zip(pair) {
            *x = (&*x + (run(steps, &wide(x)?)? * *strength)?.to_dtype(x.dtype())?)?;
        }
    }
    Ok(both)
}

fn run(steps: &[Step], x: &Tensor) -> Result<Tensor> {
    steps.iter().try_fold(x.clone(), |x, step| match step {
        Step::Linear(linear) => linear.forward(&x),
        Step::Norm(norm) => norm.forward(&x),
        Step::Bend(bend) => bend.apply(&x),
    })
}

impl Bend {
    /// By its name in files; none for one that is not known. `linear` is no activation at all.
    pub fn named(name: &str) -> Option<Option<Self>> {
        Some(match name {
            "" | "none" | "linear" => None,
            "relu" => Some(Self::Relu),
            "leakyrelu" => Some(Self::LeakyRelu),
            "elu" => Some(Self::Elu),
            "swish" => Some(Self::HardSwish),
            "tanh" => Some(Self::Tanh),
            "sigmoid" => Some(Self::Sigmoid),
            _ => return None,
        })
    }

    fn apply(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Bend::Relu => x.relu(),
            Bend::LeakyRelu => x.maximum(&(x * 0.01)?),
            Bend::Elu => x.elu(1.0),
            Bend::HardSwish => (x * (x + 3.0)?.clamp(0f32, 6f32)?)? / 6.0,
            Bend::Tanh => x.tanh(),
            Bend::Sigmoid => candle_nn::ops::sigmoid(x),
        }
    }
}
