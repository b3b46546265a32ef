//! From a loss to gradients, however deep the network is.

use candle_core::backprop::GradStore;
use candle_core::{DType, Tensor};

use crate::{Code, DrawError};

/// candle walks a graph, and lets go of it, by a call within a call for each node on the way: of the largest networks
/// more than a thread has room for. What is not used of this takes no memory.
const STACK: usize = 1 << 30;

/// The loss as a number, and the gradients of all variables in it.
pub fn backward(loss: Tensor) -> Result<(f64, GradStore), DrawError> {
    let internal = |what: &str| DrawError::new(Code::Internal, what.to_string());
    let back = move || -> candle_core::Result<_> {
        let gradients = loss.backward()?;
        Ok((f64::from(loss.to_dtype(DType::F32)?.to_scalar::<f32>()?), gradients))
    };
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(back);
    let thread = thread.map_err(|e| internal(&format!("no thread for gradients: {e}")))?;
    Ok(thread.join().map_err(|_| internal("gradients end in a panic"))??)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn depth_is_no_limit() {
        let begin = Var::ones(1, DType::F32, &Device::Cpu).unwrap();
        let mut x = begin.as_tensor().clone();
        for _ in 0..50_000 {
            x = (x + 1.0).unwrap();
        }
        let (loss, gradients) = backward(x.sum_all().unwrap()).unwrap();
        let gradient = gradients.get(begin.as_tensor()).unwrap().to_vec1::<f32>().unwrap();
        assert_eq!((loss, gradient), (50_001.0, vec![1.0]));
        // What is left here is let go of in the same way.
        std::thread::Builder::new().stack_size(STACK).spawn(move || drop(x)).unwrap().join().unwrap();
    }
}
