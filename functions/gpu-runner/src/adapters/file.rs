//! Opening the file of an adapter: only safetensors, told by what is inside.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use candle_core::{DType, Device, Tensor};

use crate::weights::Weights;
use crate::{Code, DrawError};

/// Larger ones are models.
const MAX_BYTES: u64 = 4 << 30;

/// A file as it was at one time: another file at the same path has another stamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    path: PathBuf,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    pub fn of(path: &Path) -> Result<Self, DrawError> {
        let missing = |e: std::io::Error| DrawError::new(Code::AdapterNotFound, e.to_string()).at(path.display());
        let metadata = std::fs::metadata(path).map_err(missing)?;
        Ok(Self { path: path.to_path_buf(), bytes: metadata.len(), modified: metadata.modified().ok() })
    }
}

/// Errors don't say which file it was: that is for who knows what it was wanted for.
pub(super) fn open(path: &Path) -> Result<Weights, DrawError> {
    let unreadable = |e: std::io::Error| DrawError::new(Code::AdapterNotFound, e.to_string());
    let mut start = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let bytes = file.metadata().map_err(unreadable)?.len();
    file.take(8).read_to_end(&mut start).map_err(unreadable)?;
    // A zip archive, as PyTorch has written since 2020, or the pickle that it wrote before.
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"\x80\x02") {
        let message = "a PyTorch file may run programs when it is read; only safetensors is";
        return Err(DrawError::new(Code::AdapterUnsupported, message));
    }
    if bytes > MAX_BYTES {
        return Err(invalid(format!("{bytes} bytes are too many")));
    }
    Weights::read(path).map_err(|e| match e.code {
        Code::ModelNotFound => DrawError::new(Code::AdapterNotFound, e.message),
        _ => invalid(e.message),
    })
}

/// Bytes that what is in a file takes once it is read.
pub fn takes(path: &Path) -> Result<u64, DrawError> {
    Ok(open(path)?.numbers("").saturating_mul(DType::F32.size_in_bytes() as u64))
}

/// Reads a tensor in single precision; all its values are numbers.
pub(super) fn load(file: &Weights, name: &str, device: &Device) -> Result<Tensor, DrawError> {
    let tensor = file.load(name, DType::F32, device).map_err(|e| invalid(e.to_string()))?;
    finite(&tensor, name)?;
    Ok(tensor)
}

/// The sum of numbers is one, and with anything else among them it is none.
pub(super) fn finite(tensor: &Tensor, name: &str) -> Result<(), DrawError> {
    match tensor.sum_all()?.to_scalar::<f32>()?.is_finite() {
        true => Ok(()),
        false => Err(invalid(format!("{name} has values that are not finite"))),
    }
}

pub(super) fn invalid(message: impl Into<String>) -> DrawError {
    DrawError::new(Code::AdapterInvalid, message)
}

pub(super) fn mismatch(message: impl Into<String>) -> DrawError {
    DrawError::new(Code::AdapterMismatch, message)
}

pub(super) fn unsupported(message: impl Into<String>) -> DrawError {
    DrawError::new(Code::AdapterUnsupported, message)
}
