//! Writing safetensors: tensors in the order of their names, metadata in the order of its keys, one tensor in memory at
//! a time. The same tensors and texts give the same bytes.
//!
//! A file appears under its name when all of it is on the disk: what was there before stays until then, and after an
//! error.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::rc::Rc;

use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{Code, DrawError};

/// A tensor that is made when its turn comes.
#[derive(Clone)]
pub struct Pending<'a> {
    pub shape: Vec<usize>,
    pub make: Rc<dyn Fn() -> Result<Tensor, DrawError> + 'a>,
}

impl Pending<'_> {
    pub fn of(tensor: &Tensor) -> Self {
        let tensor = tensor.clone();
        Self { shape: tensor.dims().to_vec(), make: Rc::new(move || Ok(tensor.clone())) }
    }
}

/// By name.
pub type Tensors<'a> = BTreeMap<String, Pending<'a>>;

/// What a file says about its tensors, and what their bytes are.
pub struct Layout {
    /// The entries of the header, offsets and all.
    header: BTreeMap<String, Value>,
    dtype: DType,
}

impl Layout {
    pub fn new(tensors: &Tensors, dtype: DType) -> Result<Self, DrawError> {
        let name = match dtype {
            DType::F32 => "F32",
            DType::F16 => "F16",
            DType::BF16 => "BF16",
            other => return Err(DrawError::new(Code::RequestInvalid, format!("files are not written in {other:?}"))),
        };
        let (mut header, mut at) = (BTreeMap::new(), 0);
        for (name_of, tensor) in tensors {
            let bytes = tensor.shape.iter().product::<usize>() * dtype.size_in_bytes();
            let entry = json!({ "dtype": name, "shape": tensor.shape, "data_offsets": [at, at + bytes] });
            header.insert(name_of.clone(), entry);
            at += bytes;
        }
        Ok(Self { header, dtype })
    }

    /// What the file holds behind its header, piece by piece.
    fn bytes(&self, tensors: &Tensors, mut put: impl FnMut(&[u8]) -> Result<(), DrawError>) -> Result<(), DrawError> {
        for (name, pending) in tensors {
            let tensor = (pending.make)().map_err(|e| e.at(name))?;
            if tensor.dims() != pending.shape {
                let message = format!("{name} is {:?} and was to be {:?}", tensor.dims(), pending.shape);
                return Err(DrawError::new(Code::Internal, message));
            }
            put(&little_endian(&tensor, self.dtype).map_err(|e| e.at(name))?)?;
        }
        Ok(())
    }

    /// SHA-256 of the tensors' bytes, as hexadecimal digits: what tells files apart whatever is said about them.
    pub fn hash(&self, tensors: &Tensors) -> Result<String, DrawError> {
        let mut hasher = Sha256::new();
        self.bytes(tensors, |bytes| {
            hasher.update(bytes);
            Ok(())
        })?;
        Ok(hex(&hasher.finalize()))
    }

    /// Writes the file whole or not at all.
    pub fn write(&self, path: &Path, tensors: &Tensors, metadata: &BTreeMap<String, String>) -> Result<(), DrawError> {
        let mut header = self.header.clone();
        if !metadata.is_empty() {
            header.insert("__metadata__".into(), json!(metadata));
        }
        let mut text = serde_json::to_vec(&header).map_err(|e| DrawError::new(Code::Internal, e.to_string()))?;
        // Tensors begin where eight bytes do, as readers that map the file expect.
        text.resize(text.len().next_multiple_of(8), b' ');
        atomically(path, |file| {
            let failed = |e| failed(path, e);
            let mut file = BufWriter::with_capacity(1 << 20, file);
            file.write_all(&(text.len() as u64).to_le_bytes()).map_err(failed)?;
            file.write_all(&text).map_err(failed)?;
            self.bytes(tensors, |bytes| file.write_all(bytes).map_err(failed))?;
            file.flush().map_err(failed)
        })
    }
}

/// Has a file written beside its place, and moves it there when it is on the disk.
fn atomically(path: &Path, fill: impl FnOnce(&mut File) -> Result<(), DrawError>) -> Result<(), DrawError> {
    let name = path.file_name().ok_or_else(|| DrawError::new(Code::RequestInvalid, "the result has no name"))?;
    let mut partial = std::ffi::OsString::from(".");
    partial.push(name);
    partial.push(".partial");
    let partial = path.with_file_name(partial);
    let whole = || {
        let mut file = File::create(&partial).map_err(|e| failed(path, e))?;
        fill(&mut file)?;
        file.sync_all().map_err(|e| failed(path, e))?;
        fs::rename(&partial, path).map_err(|e| failed(path, e))?;
        // The name as well, where directories can be asked that.
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(dir).and_then(|dir| dir.sync_all()).or(Ok(()))
    };
    whole().inspect_err(|_| drop(fs::remove_file(&partial)))
}

pub(super) fn failed(path: &Path, e: std::io::Error) -> DrawError {
    DrawError::new(Code::StateFailed, format!("can't be written: {e}")).at(path.display())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Errors: `training_diverged` for what is no number, or none of this type.
fn little_endian(tensor: &Tensor, dtype: DType) -> Result<Vec<u8>, DrawError> {
    let flat = tensor.to_device(&Device::Cpu)?.to_dtype(dtype)?.flatten_all()?;
    if !flat.to_dtype(DType::F32)?.to_vec1::<f32>()?.iter().all(|value| value.is_finite()) {
        return Err(DrawError::new(Code::TrainingDiverged, format!("it has values that are no numbers of {dtype:?}")));
    }
    let mut bytes = Vec::with_capacity(flat.elem_count() * dtype.size_in_bytes());
    flat.write_bytes(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::Weights;

    fn tensors() -> Tensors<'static> {
        let b = Tensor::new(&[[1f32, -2.5], [3.0, 0.125]], &Device::Cpu).unwrap();
        let a = Tensor::new(7f32, &Device::Cpu).unwrap();
        [("b", b.t().unwrap()), ("a", a)].map(|(name, tensor)| (name.to_string(), Pending::of(&tensor))).into()
    }

    fn metadata() -> BTreeMap<String, String> {
        [("z", "1"), ("k", "貓 \"x\"")].map(|(k, v)| (k.to_string(), v.to_string())).into()
    }

    #[test]
    fn what_is_written_is_read_and_is_the_same_each_time() {
        let dir = tempfile::tempdir().unwrap();
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            let (one, two) = (dir.path().join("one"), dir.path().join("two"));
            for path in [&one, &two] {
                Layout::new(&tensors(), dtype).unwrap().write(path, &tensors(), &metadata()).unwrap();
            }
            let bytes = fs::read(&one).unwrap();
            assert_eq!(bytes, fs::read(&two).unwrap());
            let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            assert_eq!(header % 8, 0);

            let file = Weights::read(&one).unwrap();
            assert_eq!(file.names(), ["a", "b"]);
            assert_eq!(file.metadata()["k"], metadata()["k"]);
            let b = file.load("b", DType::F32, &Device::Cpu).unwrap().to_vec2::<f32>().unwrap();
            assert_eq!(b, [[1.0, 3.0], [-2.5, 0.125]]);
            assert_eq!(file.shape("a"), Some(&[][..]));
            // The hash is that of what is behind the header.
            let hash = Layout::new(&tensors(), dtype).unwrap().hash(&tensors()).unwrap();
            assert_eq!(hash, hex(&Sha256::digest(&bytes[8 + header..])));
            // And the crate that made the format reads it.
            assert_eq!(safetensors::SafeTensors::deserialize(&bytes).unwrap().len(), 2);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_file_that_fails_leaves_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("result.safetensors");
        fs::write(&path, b"before").unwrap();
        let mut broken = tensors();
        let fails = || Err(DrawError::new(Code::OutOfMemory, "none left"));
        broken.insert("c".into(), Pending { shape: vec![1], make: Rc::new(fails) });
        let layout = Layout::new(&broken, DType::F32).unwrap();
        assert_eq!(layout.write(&path, &broken, &metadata()).unwrap_err().code, Code::OutOfMemory);
        assert_eq!(fs::read(&path).unwrap(), b"before");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let nowhere = dir.path().join("none/result.safetensors");
        let error = Layout::new(&tensors(), DType::F32).unwrap().write(&nowhere, &tensors(), &metadata()).unwrap_err();
        assert_eq!(error.code, Code::StateFailed);
    }
}
