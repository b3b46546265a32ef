//! Reads safetensors tensor by tensor, from one file or several, as a source for `VarBuilder`.
//!
//! Nothing in a file is trusted: header, offsets and shapes are checked against the file before anything is allocated.
//! A tensor is read when a model asks for it, so that a load never holds the file and the model at the same time.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Error, Result, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use safetensors::Dtype;
use safetensors::tensor::TensorInfo;

use crate::{Code, DrawError};

/// The format's own limit.
const MAX_HEADER: u64 = 100_000_000;

pub struct Weights {
    pub(super) tensors: HashMap<String, Entry>,
    /// Names of tensors of other types.
    pub(super) others: Vec<String>,
    pub(super) metadata: HashMap<String, String>,
    pub(super) files: Vec<Mutex<File>>,
}

pub(super) struct Entry {
    /// Index of the file.
    file: usize,
    dtype: DType,
    shape: Vec<usize>,
    start: u64,
    bytes: usize,
}

impl Weights {
    /// Reads and checks the header of a file.
    pub fn read(path: &Path) -> std::result::Result<Self, DrawError> {
        let unreadable = |e: std::io::Error| DrawError::new(Code::ModelNotFound, e.to_string());
        let invalid = |why: String| DrawError::new(Code::WeightsInvalid, why);
        let mut file = File::open(path).map_err(unreadable)?;
        let total = file.metadata().map_err(unreadable)?.len();
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(|_| invalid("shorter than a safetensors header".into()))?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER || length.saturating_add(8) > total {
            return Err(invalid(format!("a header of {length} bytes does not fit in the file")));
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header).map_err(unreadable)?;
        let header: HashMap<String, serde_json::Value> =
            serde_json::from_slice(&header).map_err(|e| invalid(format!("the header is not JSON: {e}")))?;
        let mut tensors = HashMap::with_capacity(header.len());
        let (mut others, mut metadata) = (Vec::new(), HashMap::new());
        let mut spans = Vec::with_capacity(header.len());
        for (name, value) in header {
            if name == "__metadata__" {
                // Texts by the format; what is none says nothing.
                metadata = serde_json::from_value(value).unwrap_or_default();
                continue;
            }
            let info = serde_json::from_value::<TensorInfo>(value).map_err(|e| invalid(format!("{name}: {e}")))?;
            spans.push(info.data_offsets);
            // Types that no weight has (position ids are integers) are left out: asking for one is "no tensor".
            let Some(dtype) = float(info.dtype) else {
                others.push(name);
                continue;
            };
            let entry = Entry::checked(dtype, info, 8 + length, total)
                .ok_or_else(|| invalid(format!("{name}: shape, type and offsets contradict each other or the file")))?;
            tensors.insert(name, entry);
        }
        // Of a small file that names the same bytes again and again, the tensors could have any size.
        spans.sort_unstable();
        if let Some(two) = spans.windows(2).find(|two| two[1].0 < two[0].1) {
            return Err(invalid(format!("two tensors share the bytes at {}", two[1].0)));
        }
        Ok(Self { tensors, others, metadata, files: vec![Mutex::new(file)] })
    }

    /// The texts that whoever wrote the file put beside the tensors.
    pub fn metadata(&self) -> &HashMap<String, String> {
        &self.metadata
    }

    /// Names in order; only of tensors of floating point numbers.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.tensors.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Names of tensors that can't be read, as their numbers are integers or of a type of their own.
    pub fn others(&self) -> &[String] {
        &self.others
    }

    /// Of a tensor that is not read for it.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|entry| entry.shape.as_slice())
    }

    /// How many numbers the tensors have together whose names begin so.
    pub fn numbers(&self, prefix: &str) -> u64 {
        let of = |entry: &Entry| (entry.bytes / entry.dtype.size_in_bytes()) as u64;
        self.tensors.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, entry)| of(entry)).sum()
    }

    pub fn into_builder(self, dtype: DType, device: &Device) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self), dtype, device.clone())
    }

    /// Reads one tensor.
    pub fn load(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        let entry = self.tensors.get(name).ok_or_else(|| Error::CannotFindTensor { path: name.to_string() })?;
        let mut data = vec![0; entry.bytes];
        {
            let Some(file) = self.files.get(entry.file) else {
                return Err(Error::CannotFindTensor { path: name.to_string() });
            };
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(entry.start))?;
            file.read_exact(&mut data)?;
        }
        Tensor::from_raw_buffer(&data, entry.dtype, &entry.shape, device)?.to_dtype(dtype)
    }
}

impl Entry {
    pub(super) fn in_file(self, file: usize) -> Self {
        Self { file, ..self }
    }

    fn checked(dtype: DType, info: TensorInfo, base: u64, total: u64) -> Option<Self> {
        let (start, end) = info.data_offsets;
        let bytes = info.shape.iter().try_fold(dtype.size_in_bytes(), |n, d| n.checked_mul(*d))?;
        let last = base.checked_add(u64::try_from(end).ok()?)?;
        let fits = end.checked_sub(start)? == bytes && last <= total;
        fits.then_some(Self { file: 0, dtype, shape: info.shape, start: base + start as u64, bytes })
    }
}

impl SimpleBackend for Weights {
    fn get(&self, shape: Shape, name: &str, _: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        let entry = self.tensors.get(name).ok_or_else(|| Error::CannotFindTensor { path: name.to_string() })?;
        if entry.shape != shape.dims() {
            let got = Shape::from_dims(&entry.shape);
            return Err(Error::UnexpectedShape { msg: name.to_string(), expected: shape, got });
        }
        self.load(name, dtype, device)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        self.load(name, dtype, device)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }
}

fn float(dtype: Dtype) -> Option<DType> {
    match dtype {
        Dtype::F16 => Some(DType::F16),
        Dtype::BF16 => Some(DType::BF16),
        Dtype::F32 => Some(DType::F32),
        Dtype::F64 => Some(DType::F64),
        _ => None,
    }
}
