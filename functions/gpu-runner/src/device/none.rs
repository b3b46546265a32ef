//! A runner that was built without CUDA.

use candle_core::Device;

pub fn count() -> Result<usize, String> {
    Err("this runner was built without cuda; docs/CUDA.md says how it is built with it".to_owned())
}

pub fn describe(device: &Device) -> (String, u64) {
    (format!("{:?}", device.location()), 0)
}
