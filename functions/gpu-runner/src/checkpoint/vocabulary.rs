//! Where the vocabulary for a file comes from. Every model of these families has CLIP's, and none has it in the file:
//! it is looked for in a directory that was given, beside the file, and among what was loaded from Hugging Face before.

use std::path::{Path, PathBuf};

use crate::hub::{Hub, Id};
use crate::{Code, DrawError};

/// Repositories whose files have CLIP's vocabulary, with the folder that has it.
const KNOWN: [(&str, &str); 6] = [
    ("openai/clip-vit-large-patch14", ""),
    ("stable-diffusion-v1-5/stable-diffusion-v1-5", "tokenizer"),
    ("stabilityai/stable-diffusion-xl-base-1.0", "tokenizer"),
    ("stabilityai/stable-diffusion-2-1", "tokenizer"),
    ("stabilityai/stable-diffusion-2-1-base", "tokenizer"),
    ("runwayml/stable-diffusion-v1-5", "tokenizer"),
];

/// The directory with the files of the tokenizer of this part.
pub fn find(given: Option<&Path>, file: &Path, part: &str) -> Result<PathBuf, DrawError> {
    if let Some(dir) = given {
        return within(dir, part).ok_or_else(|| {
            let message = format!("{}: no tokenizer_config.json is there or in {part}", dir.display());
            DrawError::new(Code::ModelNotFound, message)
        });
    }
    let beside = file.parent().and_then(|dir| [part, "tokenizer"].into_iter().find_map(|name| usable(&dir.join(name))));
    let hub = Hub::from_env();
    let known = || {
        KNOWN.iter().find_map(|(repository, folder)| {
            let id = Id { repository: repository.to_string(), revision: "main".into() };
            usable(&hub.cached(&id)?.join(folder))
        })
    };
    beside.or_else(known).ok_or_else(|| {
        let message = "a model in one file has no vocabulary: give a directory that has CLIP's as --tokenizer, or put a \
                       folder `tokenizer` beside the file";
        DrawError::new(Code::ModelNotFound, message)
    })
}

/// A tokenizer's own directory, or that of a model.
fn within(dir: &Path, part: &str) -> Option<PathBuf> {
    usable(dir).or_else(|| [part, "tokenizer"].into_iter().find_map(|name| usable(&dir.join(name))))
}

fn usable(dir: &Path) -> Option<PathBuf> {
    dir.join("tokenizer_config.json").is_file().then(|| dir.to_path_buf())
}
