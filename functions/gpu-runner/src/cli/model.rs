//! `--model`: a directory, a file, a name on Hugging Face, or the model that comes with the program.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::hub::{Hub, Id};
use crate::starter;

/// Where the model is on this machine. What has a name and no path is loaded first, with bars on a terminal; the
/// starter model is put under `cache`.
pub fn locate(model: &str, cache: &Path) -> Result<PathBuf> {
    let path = Path::new(model);
    // A directory of this name is `./starter`.
    if model == starter::NAME {
        return Ok(starter::unpack(&cache.join(starter::NAME))?);
    }
    // What is there is what is meant; what looks like a path to something that is not is said not to be there.
    match model.parse::<Id>() {
        Ok(id) if !path.exists() && !model.ends_with(".safetensors") => {
            Ok(Hub::from_env().model(&id, std::io::stderr().is_terminal())?)
        }
        _ => Ok(path.to_path_buf()),
    }
}

/// Where this program keeps what it can get again, as the XDG base directories have it.
pub fn user_cache() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || set("HOME").map_or_else(std::env::temp_dir, |home| home.join(".cache"));
    set("XDG_CACHE_HOME").unwrap_or_else(home).join("gpu-runner")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_paths() {
        for path in ["nowhere", ".", "./a/b", "/a/b", "a/b/c", "a/b.safetensors", "src/cli"] {
            assert_eq!(locate(path, Path::new("nowhere")).unwrap(), Path::new(path));
        }
    }
}
