//! Results whose gradients are computed by code of ours, for any number of inputs.
//!
//! candle's custom operations take three tensors at most, a convolution with what stands around it has seven. So the
//! inputs hang on a chain of links of one number each, and the result on the chain: on the way back the result's node
//! computes all gradients at once and leaves them on a shelf, from where each link hands on those of its inputs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, CustomOp3, DType, Device, Layout, Result, Shape, Storage, Tensor,
};

use super::cpu::within_pool;

/// What was computed, outside of candle's graph.
pub enum Made {
    /// On the CPU.
    Numbers(Vec<f32>, Shape),
    /// Anywhere.
    Tensor(Tensor),
}

impl Made {
    pub fn numbers(values: Vec<f32>, shape: impl Into<Shape>) -> Self {
        Self::Numbers(values, shape.into())
    }

    fn device(&self) -> Device {
        match self {
            Made::Numbers(..) => Device::Cpu,
            Made::Tensor(tensor) => tensor.device().clone(),
        }
    }

    fn into_tensor(self) -> Result<Tensor> {
        match self {
            Made::Numbers(values, shape) => Tensor::from_vec(values, shape, &Device::Cpu),
            Made::Tensor(tensor) => Ok(tensor.detach()),
        }
    }
}

/// `made` of `inputs`, as a tensor. `backward` turns its gradient, contiguous and of its shape, into one for each of
/// the inputs, of their shapes; those that nothing asks gradients of may have none.
pub fn derived(
    made: Made,
    inputs: &[&Tensor],
    backward: impl Fn(&Tensor) -> Result<Vec<Option<Tensor>>> + Send + Sync + 'static,
) -> Result<Tensor> {
    let asking: Vec<usize> = (0..inputs.len()).filter(|i| inputs[*i].track_op()).collect();
    if asking.is_empty() {
        return made.into_tensor();
    }
    let shelf = Shelf::default();
    let nothing = Tensor::zeros(1, DType::F32, &made.device())?;
    let mut chain = nothing.clone();
    for pair in asking.chunks(2) {
        let of = |i: usize| pair.get(i).map_or(&nothing, |at| inputs[*at]);
        chain = chain.apply_op3(of(0), of(1), Link { shelf: shelf.clone(), inputs: pair.to_vec() })?;
    }
    let made = Mutex::new(Some(made));
    chain.apply_op1(Node { made, asking, shelf, backward })
}

/// Gradients on their way from a node to its inputs, by the inputs' numbers.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Vec<Option<Tensor>>>>);

impl Shelf {
    fn open(&self) -> MutexGuard<'_, Vec<Option<Tensor>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Link {
    shelf: Shelf,
    /// One or two.
    inputs: Vec<usize>,
}

impl CustomOp3 for Link {
    fn name(&self) -> &'static str {
        "inputs"
    }

    fn cpu_fwd(
        &self,
        chain: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        Ok((chain.clone(), Shape::from(1)))
    }

    fn cuda_fwd(
        &self,
        chain: &CudaStorage,
        layout: &Layout,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        Ok((chain.try_clone(layout)?, Shape::from(1)))
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let mut shelf = self.shelf.open();
        let mut of = |i: usize| self.inputs.get(i).and_then(|at| shelf.get_mut(*at)).and_then(Option::take);
        Ok((Some(gradient.clone()), of(0), of(1)))
    }
}

struct Node<F> {
    /// Until it is a tensor.
    made: Mutex<Option<Made>>,
    asking: Vec<usize>,
    shelf: Shelf,
    backward: F,
}

impl<F> Node<F> {
    fn take(&self) -> Result<Made> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).take();
        made.ok_or_else(|| candle_core::Error::Msg("a node is made once".to_owned()))
    }
}

impl<F: Fn(&Tensor) -> Result<Vec<Option<Tensor>>> + Send + Sync> CustomOp1 for Node<F> {
    fn name(&self) -> &'static str {
        "result"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        match self.take()? {
            Made::Numbers(values, shape) => Ok((CpuStorage::F32(values), shape)),
            Made::Tensor(tensor) => {
                let tensor = tensor.force_contiguous()?;
                match &*tensor.storage_and_layout().0 {
                    Storage::Cpu(storage) => Ok((storage.clone(), tensor.shape().clone())),
                    _ => candle_core::bail!("a result on another device"),
                }
            }
        }
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        let Made::Tensor(tensor) = self.take()? else { candle_core::bail!("a result on another device") };
        let tensor = tensor.force_contiguous()?;
        let (storage, layout) = tensor.storage_and_layout();
        match &*storage {
            Storage::Cuda(storage) => Ok((storage.try_clone(layout)?, tensor.shape().clone())),
            _ => candle_core::bail!("a result on another device"),
        }
    }

    fn bwd(&self, chain: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let gradients = within_pool(gradient.device(), || (self.backward)(&gradient.contiguous()?))?;
        // candle takes it for granted that who asks is answered.
        if self.asking.iter().any(|i| gradients.get(*i).is_none_or(Option::is_none)) {
            candle_core::bail!("an input is left without its gradient");
        }
        *self.shelf.open() = gradients;
        Ok(Some(chain.zeros_like()?))
    }
}
