//! What a runner computes on and in which precision: choosing it, naming it, measuring it.
//!
//! Must not know models: which of their parts keep to single precision is `pipeline::precision`.

#[cfg(feature = "cuda")]
mod cuda;
#[cfg(not(feature = "cuda"))]
#[path = "device/none.rs"]
mod cuda;
mod linux;

use std::str::FromStr;

use candle_core::{DType, Device};

/// Where tensors are, and of which numbers those of networks are made.
#[derive(Clone, Debug)]
pub struct Compute {
    pub device: Device,
    /// F32, F16 or BF16.
    pub dtype: DType,
}

/// In single precision.
impl From<&Device> for Compute {
    fn from(device: &Device) -> Self {
        Self { device: device.clone(), dtype: DType::F32 }
    }
}

impl From<Device> for Compute {
    fn from(device: Device) -> Self {
        Self { device, dtype: DType::F32 }
    }
}

/// `cpu`, `cuda` (the first GPU) or `cuda:N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Cpu,
    Cuda(usize),
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, number) = text.split_once(':').unwrap_or((text, "0"));
        match (kind, number.parse()) {
            ("cpu", _) if kind == text => Ok(Self::Cpu),
            ("cuda", Ok(number)) if number < 1024 => Ok(Self::Cuda(number)),
            _ => Err("cpu, cuda or cuda:N".to_owned()),
        }
    }
}

impl Choice {
    /// The first GPU where the runner is built for one and there is one.
    pub fn best() -> Self {
        if cuda::count().is_ok_and(|count| count > 0) { Self::Cuda(0) } else { Self::Cpu }
    }

    /// Errors are sentences for who chose.
    pub fn open(self) -> Result<Device, String> {
        let Self::Cuda(number) = self else { return Ok(Device::Cpu) };
        match cuda::count() {
            Err(why) => Err(format!("cuda:{number}: {why}")),
            Ok(0) => Err(format!("cuda:{number}: there is no GPU here")),
            Ok(1) if number > 0 => Err(format!("cuda:{number}: there is one GPU here, cuda:0")),
            Ok(count) if number >= count => Err(format!("cuda:{number}: the last GPU here is cuda:{}", count - 1)),
            Ok(_) => Device::new_cuda(number).map_err(|e| format!("cuda:{number}: {e}")),
        }
    }
}

/// What is usual on a device: half precision on a GPU.
pub fn usual(device: &Device) -> DType {
    if device.is_cpu() { DType::F32 } else { DType::F16 }
}

/// Its name as its maker has it, and bytes of its memory; 0 where they can't be told.
pub fn describe(device: &Device) -> (String, u64) {
    if device.is_cpu() { linux::describe() } else { cuda::describe(device) }
}

/// Waits until all that was asked of the device is done: what is timed ends here.
pub fn finish(device: &Device) -> candle_core::Result<()> {
    device.synchronize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_names() {
        let read = |text: &str| text.parse::<Choice>();
        assert_eq!(read("cpu"), Ok(Choice::Cpu));
        assert_eq!(read("cuda"), Ok(Choice::Cuda(0)));
        assert_eq!(read("cuda:3"), Ok(Choice::Cuda(3)));
        for text in ["", "cpu:0", "cuda:", "cuda:-1", "cuda:1024", "cuda:99999999999999999999", "CUDA", "metal"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_processor_is_always_there() {
        assert!(Choice::Cpu.open().unwrap().is_cpu());
        let (name, memory) = describe(&Device::Cpu);
        assert!(!name.is_empty() && memory > 0, "{name} {memory}");
    }

    /// A build for GPUs says how many there are, another one that it is none.
    #[test]
    fn a_gpu_that_is_not_there_is_a_sentence() {
        let e = Choice::Cuda(1023).open().unwrap_err();
        assert!(e.starts_with("cuda:1023: "), "{e}");
        assert_eq!(e.contains("built without"), !cfg!(feature = "cuda"), "{e}");
    }
}
