//! What people call a model: it stands in pictures and in the list of servers.

use std::path::Path;

/// The last part of a path, without the ending of a file; `org/name` of what came from Hugging Face.
pub fn model_name(path: &Path) -> String {
    let part = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // models--org--name/snapshots/commit, as its cache has it.
    let snapshots = path.parent().filter(|parent| part(parent) == "snapshots");
    if let Some(repository) = snapshots.and_then(Path::parent).map(part)
        && let Some(name) = repository.strip_prefix("models--")
    {
        return name.replacen("--", "/", 1);
    }
    let name = part(path);
    name.strip_suffix(".safetensors").unwrap_or(&name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short() {
        for (path, name) in [
            ("/models/sd-v1.5", "sd-v1.5"),
            ("anything.v3.safetensors", "anything.v3"),
            ("/c/hub/models--org--some--name/snapshots/0af3", "org/some--name"),
            ("snapshots/0af3", "0af3"),
            ("/", ""),
        ] {
            assert_eq!(model_name(Path::new(path)), name);
        }
    }
}
