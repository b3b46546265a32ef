//! NVIDIA's driver.

use candle_core::Device;
use candle_core::cuda_backend::cudarc::driver::CudaContext;
use candle_core::cuda_backend::cudarc::driver::sys::CUresult;

/// How many GPUs there are. Errors say what the driver says.
pub fn count() -> Result<usize, String> {
    match CudaContext::device_count() {
        Ok(count) => Ok(usize::try_from(count).unwrap_or(0)),
        // It has a word for none.
        Err(e) if e.0 == CUresult::CUDA_ERROR_NO_DEVICE => Ok(0),
        Err(e) => Err(format!("NVIDIA's driver says {e:?}")),
    }
}

/// Name and bytes of memory.
pub fn describe(device: &Device) -> (String, u64) {
    let Ok(cuda) = device.as_cuda_device() else { return (format!("{:?}", device.location()), 0) };
    let stream = cuda.cuda_stream();
    let context = stream.context();
    let name = context.name().unwrap_or_else(|_| format!("{:?}", device.location()));
    (name, context.total_mem().map_or(0, |bytes| bytes as u64))
}
