//! The model that comes with the program: small, and there when nothing else is. To be drawn with it is put into a
//! directory once, and is then a model like any other. How it came to be: docs/STARTER.md.

use std::fs;
use std::path::{Path, PathBuf};

use domain::id::hex;
use sha2::{Digest, Sha256};

use crate::{Code, DrawError};

/// What it is called where models have names.
pub const NAME: &str = "starter";

macro_rules! files {
    ($($name:literal),* $(,)?) => { [$(($name, include_bytes!(concat!("../starter/", $name)).as_slice())),*] };
}

/// Of a directory in the diffusers layout, and the model's card and licence.
static FILES: [(&str, &[u8]); 13] = files![
    "LICENSE",
    "README.md",
    "model_index.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "tokenizer/merges.txt",
    "tokenizer/tokenizer_config.json",
    "tokenizer/vocab.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
];

/// Where it is under `cache`; it is put there unless all of it is there already, byte for byte. Its place is named by
/// what is in it, so a program with another one does not disturb who draws with this.
///
/// Errors: `model_not_found` where it can't be put there.
pub fn unpack(cache: &Path) -> Result<PathBuf, DrawError> {
    let mut all = Sha256::new();
    for (name, bytes) in FILES {
        all.update(format!("{name} {}\n", bytes.len()));
        all.update(bytes);
    }
    let place = cache.join(hex(&all.finalize()[..8]));
    let model = place.join(NAME);
    for (name, bytes) in FILES {
        let path = model.join(name);
        put(&path, bytes).map_err(|e| {
            let message = format!("the starter model can't be put to {}: {e}", path.display());
            DrawError::new(Code::ModelNotFound, message)
        })?;
    }
    Ok(model)
}

/// Whoever looks sees the old file or all of the new one.
fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let dir = path.parent().unwrap_or(path);
    fs::create_dir_all(dir)?;
    let mut new = tempfile::NamedTempFile::new_in(dir)?;
    std::io::Write::write_all(&mut new, bytes)?;
    new.as_file().sync_all()?;
    new.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_put_there_whole_and_mended() {
        let cache = tempfile::tempdir().unwrap();
        let model = unpack(cache.path()).unwrap();
        let all = || FILES.iter().all(|(name, bytes)| fs::read(model.join(name)).is_ok_and(|there| there == *bytes));
        assert!(all());
        let before = fs::metadata(model.join("unet/config.json")).unwrap().modified().unwrap();
        fs::write(model.join("vae/config.json"), "{}").unwrap();
        fs::remove_dir_all(model.join("tokenizer")).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(unpack(cache.path()).unwrap(), model));
            }
        });
        assert!(all());
        let after = fs::metadata(model.join("unet/config.json")).unwrap().modified().unwrap();
        assert_eq!(before, after, "what was right is written again");
        let left = fs::read_dir(model.join("vae")).unwrap().count();
        assert_eq!(left, 2, "something is left behind");
    }

    #[test]
    fn where_it_can_not_be_put_is_said() {
        let cache = tempfile::NamedTempFile::new().unwrap();
        let error = unpack(cache.path()).unwrap_err();
        assert!(error.code == Code::ModelNotFound && error.to_string().contains("starter"), "{error}");
    }
}
