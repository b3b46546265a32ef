//! A model as a directory in the diffusers layout: the weights anew, and all else as it is in the model that it was
//! made from.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use candle_core::DType;

use super::checkpoint::{networks, source};
use super::file::{Layout, Pending, Tensors, failed};
use crate::pipeline::Parts;
use crate::{Code, DrawError};

/// Of no use beside weights that are written anew.
const WEIGHTS: [&str; 8] = ["safetensors", "bin", "ckpt", "pt", "pth", "msgpack", "h5", "onnx"];

/// Whether a model made from that in `base` can be written to `path`, which is better known before the model is.
///
/// Errors: `request_invalid` for a base that is no directory, or a path where something is, or one in the base, which
/// would then hold itself.
pub fn check_directory(path: &Path, base: &Path) -> Result<(), DrawError> {
    let refused = |message: &str| Err(DrawError::new(Code::RequestInvalid, message).at(path.display()));
    if !base.is_dir() {
        return refused("a model in one file is written as one file");
    }
    if path.exists() && !fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none()) {
        return refused("there is something already");
    }
    let real = |path: &Path| path.canonicalize().map_err(|e| failed(path, e));
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if real(above)?.starts_with(real(base)?) {
        return refused("a model is not written into the one that it was made from");
    }
    Ok(())
}

/// `parts` are those of the model in the directory `base` with all that was learnt. `path` is not there, or an empty
/// directory.
///
/// Errors: those of `check_directory`; `state_failed` when it can't be written: then nothing is at `path`.
pub fn directory(path: &Path, base: &Path, parts: &dyn Parts, dtype: DType) -> Result<(), DrawError> {
    check_directory(path, base)?;
    let mut partial = OsString::from(path.as_os_str().to_string_lossy().trim_end_matches('/'));
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let written = fill(&partial, base, parts, dtype).and_then(|()| {
        if path.exists() {
            fs::remove_dir(path).map_err(|e| failed(path, e))?;
        }
        fs::rename(&partial, path).map_err(|e| failed(path, e))
    });
    written.inspect_err(|_| drop(fs::remove_dir_all(&partial)))
}

fn fill(dir: &Path, base: &Path, parts: &dyn Parts, dtype: DType) -> Result<(), DrawError> {
    let failed = |e: std::io::Error| failed(dir, e);
    if dir.exists() {
        fs::remove_dir_all(dir).map_err(failed)?;
    }
    let networks = networks(parts);
    copy(base, dir, &|name| networks.contains(&name)).map_err(failed)?;
    for part in networks {
        let source = source(parts, part)?;
        let pending = source.names().into_iter().map(|name| {
            let shape = source.shape(&name).map(|shape| shape.into_dims()).unwrap_or_default();
            let (source, own) = (&source, name.clone());
            (name, Pending { shape, make: Rc::new(move || Ok(source.read(&own)?)) })
        });
        let tensors: Tensors = pending.collect();
        let stem = if part.starts_with("text_encoder") { "model" } else { "diffusion_pytorch_model" };
        let file = dir.join(part).join(format!("{stem}.safetensors"));
        // The reference's text encoders ask for it.
        let texts = BTreeMap::from([("format".to_string(), "pt".to_string())]);
        Layout::new(&tensors, dtype)?.write(&file, &tensors, &texts)?;
    }
    Ok(())
}

/// Of the directories of networks only what is no weights; of others all. Links become what they lead to.
fn copy(from: &Path, to: &Path, is_network: &dyn Fn(&str) -> bool) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        let (from, to) = (from.join(&name), to.join(&name));
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if !from.is_dir() {
            fs::copy(&from, &to)?;
        } else if is_network(&name.to_string_lossy()) {
            fs::create_dir_all(&to)?;
            for entry in fs::read_dir(&from)? {
                let file = entry?.path();
                if file.is_file() && !is_weights(&file) {
                    fs::copy(&file, to.join(file.file_name().unwrap_or_default()))?;
                }
            }
        } else {
            copy(&from, &to, &|_| false)?;
        }
    }
    Ok(())
}

/// Weights, or the list of files that they are in.
fn is_weights(file: &Path) -> bool {
    let named = |extension: &std::ffi::OsStr| WEIGHTS.iter().any(|known| extension == *known);
    file.extension().is_some_and(named) || file.to_string_lossy().ends_with(".index.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_model_is_not_written() {
        let dir = tempfile::TempDir::new().unwrap();
        let (base, beside, taken) = (dir.path().join("base"), dir.path().join("beside"), dir.path().join("taken"));
        fs::create_dir_all(base.join("unet")).unwrap();
        fs::create_dir_all(taken.join("unet")).unwrap();
        fs::write(dir.path().join("one.safetensors"), "").unwrap();
        check_directory(&beside, &base).unwrap();
        fs::create_dir(&beside).unwrap();
        check_directory(&beside, &base).unwrap();
        let around = base.join("unet/../new");
        for (path, base, why) in [
            (taken.as_path(), base.as_path(), "there is something"),
            (&base.join("new"), &base, "made from"),
            (&base.join("unet/new"), &base, "made from"),
            (&around, &base, "made from"),
            (&beside, &dir.path().join("one.safetensors"), "one file"),
        ] {
            let refused = check_directory(path, base).unwrap_err();
            assert!(refused.code == Code::RequestInvalid && refused.message.contains(why), "{refused:?}");
        }
    }
}
