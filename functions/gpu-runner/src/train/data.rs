//! Examples from a directory of pictures, each with its caption in a text file of the same name: `1.png`, `1.txt`.
//!
//! All of it is looked at before anything is learnt from it: one error names what is wrong. Afterwards each picture is
//! read again when it is wanted, so that a directory may be larger than memory, and must be what it was.
//!
//! - A picture is PNG, JPEG or WebP by what it holds; any other file is passed over, unless its name says that it is a
//!   picture. Hidden files are passed over. A link stands for the file it leads to; a directory is not looked into.
//! - Without a caption, or with an empty one, the trigger words are the caption; with one, they are put before it
//!   unless they are in it.
//! - At most `MAX_PICTURES`; a few at a time are held in memory, and of the others their names, sizes and hashes.
//!
//! Knows nothing of models and of how they learn.

mod batches;
mod buckets;
mod caption;
mod check;
mod files;
mod prior;

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

pub use batches::Batches;
pub use buckets::Buckets;
use files::Candidate;
pub use files::MAX_PICTURES;
pub use prior::WithPrior;

use super::{Example, Examples};
use crate::{Code, DrawError, picture};

#[derive(Clone, Debug)]
pub struct Options {
    /// Pictures are learnt at this many pixels squared, or fewer.
    pub resolution: usize,
    /// Both sides are multiples of it.
    pub step: usize,
    /// Words that all captions have.
    pub trigger: Option<String>,
}

impl Options {
    /// Steps as is usual for models of this resolution.
    pub fn at(resolution: usize) -> Self {
        Self { resolution, step: if resolution < 256 { 8 } else { 64 }, trigger: None }
    }
}

pub struct Directory {
    dir: PathBuf,
    trigger: Option<String>,
    /// In the order of their names.
    pictures: Vec<Entry>,
}

struct Entry {
    files: Candidate,
    width: u32,
    height: u32,
    /// Of the picture's file and the caption.
    hash: [u8; 32],
}

impl Directory {
    /// Reads every picture of a directory. `progress` is told of how many files are looked at, and of how many, from
    /// several threads.
    ///
    /// Errors: `dataset_not_found`, `dataset_empty`, `dataset_invalid` with the names of files and what is wrong with
    /// them; `request_invalid` for options that make no sense.
    pub fn open(dir: &Path, options: &Options, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Self, DrawError> {
        let buckets = Buckets::new(options.resolution, options.step)?;
        let trigger = options.trigger.as_deref().map(|words| caption::read(words.as_bytes())).transpose();
        let trigger =
            trigger.map_err(|e| DrawError::new(Code::RequestInvalid, format!("trigger words: {}", e.message)))?;
        let trigger = trigger.filter(|words| !words.is_empty());
        let pictures = check::check(dir, &buckets, trigger.as_deref(), progress)?;
        Ok(Self { dir: dir.to_path_buf(), trigger, pictures })
    }

    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// How many pictures are learnt at each size, width first.
    pub fn sizes(&self) -> Vec<((usize, usize), usize)> {
        let mut sizes = std::collections::BTreeMap::new();
        for index in 0..self.len() {
            *sizes.entry(self.size(index)).or_insert(0) += 1;
        }
        sizes.into_iter().collect()
    }
}

impl Examples for Directory {
    fn len(&self) -> usize {
        self.pictures.len()
    }

    fn size(&self, index: usize) -> (usize, usize) {
        self.pictures.get(index).map_or((0, 0), |entry| (entry.width as usize, entry.height as usize))
    }

    fn get(&self, index: usize) -> Result<Example, DrawError> {
        let Some(entry) = self.pictures.get(index) else {
            return Err(DrawError::new(Code::Internal, format!("no example {index} of {}", self.len())));
        };
        let changed =
            |why: &str| DrawError::new(Code::InvalidImage, why).at(self.dir.join(&entry.files.picture).display());
        let (file, caption) = entry.files.read(&self.dir, self.trigger.as_deref()).map_err(|e| changed(&e.message))?;
        if hash(&file, &caption) != entry.hash {
            return Err(changed("it or its caption is not what it was when the training began"));
        }
        let rgb = picture::read(&file, entry.width, entry.height)?;
        let (width, height) = (entry.width as usize, entry.height as usize);
        let plane = |channel| rgb.bytes.iter().skip(channel).step_by(3).map(|value| f32::from(*value) / 127.5 - 1.0);
        let pixels = (0..3).flat_map(plane).collect();
        Ok(Example { pixels, width, height, caption })
    }

    fn fingerprint(&self) -> String {
        let mut hasher = Sha256::new();
        for entry in &self.pictures {
            hasher.update(entry.width.to_le_bytes());
            hasher.update(entry.height.to_le_bytes());
            hasher.update(entry.hash);
        }
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn hash(file: &[u8], caption: &str) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update((file.len() as u64).to_le_bytes());
    hasher.update(file);
    hasher.update(caption.as_bytes());
    hasher.finalize().into()
}

fn problem(message: String) -> DrawError {
    DrawError::new(Code::DatasetInvalid, message)
}
