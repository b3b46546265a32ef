//! `--model`: a directory, a file, or a name on Hugging Face.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::hub::{Hub, Id};

/// Where the model is on this machine. What has a name and no path is loaded first, with bars on a terminal.
pub fn locate(model: &str) -> Result<PathBuf> {
    let path = Path::new(model);
    // What is there is what is meant; what looks like a path to something that is not is said not to be there.
    match model.parse::<Id>() {
        Ok(id) if !path.exists() && !model.ends_with(".safetensors") => {
            Ok(Hub::from_env().model(&id, std::io::stderr().is_terminal())?)
        }
        _ => Ok(path.to_path_buf()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_paths() {
        for path in ["nowhere", ".", "./a/b", "/a/b", "a/b/c", "a/b.safetensors", "src/cli"] {
            assert_eq!(locate(path).unwrap(), Path::new(path));
        }
    }
}
