//! Where tests against the reference compute, so that they can be run on a GPU and in half precision: GPU_RUNNER_DEVICE
//! (cpu, cuda, cuda:N) and GPU_RUNNER_DTYPE (f32, f16, bf16). Where nothing is set, in single precision on the CPU.

use candle_core::DType;
use gpu_runner::device::{Choice, Compute};

pub fn on() -> Compute {
    let set = |name: &str, usual: &str| std::env::var(name).unwrap_or_else(|_| usual.to_owned());
    let device = set("GPU_RUNNER_DEVICE", "cpu").parse::<Choice>().unwrap().open().unwrap();
    let dtype = match set("GPU_RUNNER_DTYPE", "f32").as_str() {
        "f32" => DType::F32,
        "f16" => DType::F16,
        "bf16" => DType::BF16,
        other => panic!("GPU_RUNNER_DTYPE={other}"),
    };
    Compute { device, dtype }
}

/// How far from the reference's single precision a result may be, relative to its largest value: `single` in single
/// precision. The others are three times what rounding to 11 and 8 bits was seen to make of any run on the CPU.
pub fn bound(single: f32) -> f32 {
    match on().dtype {
        DType::F16 => 0.02,
        DType::BF16 => 0.2,
        _ => single,
    }
}
