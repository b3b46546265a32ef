//! The model that a result was made from: its family, what it predicts, its name and hashes.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::file::hex;
use crate::checkpoint::Kind;
use crate::models::clip::TextConfig;
use crate::nn::Activation;
use crate::pipeline::{Family, Parts};
use crate::schedulers::{Prediction, Schedule};
use crate::{Code, DrawError};

#[derive(Clone, Debug)]
pub struct Base {
    /// As people call it: the last part of its path, unless it is set.
    pub name: String,
    /// SHA-256 as hexadecimal digits: of a file, or of all weights in a directory with their names.
    pub hash: String,
    /// What older web UIs tell files by: some of the digits of some of its bytes. Only of files.
    pub(super) short: Option<String>,
    pub(super) kind: Kind,
    pub(super) predicts_v: bool,
    /// Whether its schedule ends in nothing but noise.
    pub(super) zero_snr: bool,
}

impl Base {
    /// Reads all of the model's weights. `parts` are those of what is at `path`.
    pub fn of(path: &Path, parts: &dyn Parts) -> Result<Self, DrawError> {
        let scheduler = parts.config("scheduler")?;
        let (_, prediction) = Schedule::checked(&scheduler).map_err(|e| e.at("scheduler"))?.process()?;
        let name = path.canonicalize().unwrap_or(path.to_path_buf());
        let name = name.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let unreadable = |e: std::io::Error| DrawError::new(Code::ModelNotFound, e.to_string()).at(path.display());
        let (hash, short) = if path.is_dir() {
            (of_directory(path, parts.family()).map_err(unreadable)?, None)
        } else {
            (of_file(path).map_err(unreadable)?, Some(short(path).map_err(unreadable)?))
        };
        Ok(Self {
            name,
            hash,
            short,
            kind: kind(parts)?,
            predicts_v: prediction == Prediction::VPrediction,
            zero_snr: scheduler.get("rescale_betas_zero_snr").and_then(Value::as_bool).unwrap_or(false),
        })
    }

    /// Family of the model, as model lists of web UIs name it: `SD1.5`, `SD2` or `SDXL`.
    pub fn family(&self) -> &'static str {
        match self.kind {
            Kind::Sd1 => "SD1.5",
            Kind::Sd2 => "SD2",
            Kind::Sdxl | Kind::Refiner => "SDXL",
        }
    }

    /// kohya's word for the family, and that of the Stability AI Model Metadata Standard.
    pub(super) fn version(&self) -> (&'static str, &'static str) {
        match (self.kind, self.predicts_v) {
            (Kind::Sd1, _) => ("sd_v1", "stable-diffusion-v1"),
            (Kind::Sd2, true) => ("sd_v2_v", "stable-diffusion-v2-768-v"),
            (Kind::Sd2, false) => ("sd_v2", "stable-diffusion-v2-512"),
            (Kind::Sdxl, _) => ("sdxl_base_v1-0", "stable-diffusion-xl-v1-base"),
            (Kind::Refiner, _) => ("sdxl_refiner_v1-0", "stable-diffusion-xl-v1-refiner"),
        }
    }
}

/// By the text encoders: OpenCLIP's knows an exact activation, CLIP's the quick one.
pub(super) fn kind(parts: &dyn Parts) -> Result<Kind, DrawError> {
    match parts.family() {
        Family::Sd => {}
        Family::Sdxl { .. } => return Ok(Kind::Sdxl),
        Family::Refiner { .. } => return Ok(Kind::Refiner),
    }
    let text = TextConfig::checked(&parts.config("text_encoder")?).map_err(|e| e.at("text_encoder"))?;
    Ok(if text.hidden_act == Activation::QuickGelu { Kind::Sd1 } else { Kind::Sd2 })
}

fn of_file(path: &Path) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    read(path, &mut hasher)?;
    Ok(hex(&hasher.finalize()))
}

/// Of the weights' files, by their names.
fn of_directory(dir: &Path, family: Family) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    for part in family.texts().iter().map(|(part, _)| *part).chain(["unet", "vae"]) {
        let files: Result<Vec<PathBuf>, _> =
            fs::read_dir(dir.join(part))?.map(|entry| entry.map(|entry| entry.path())).collect();
        let mut files = files?;
        files.retain(|path| path.extension().is_some_and(|extension| extension == "safetensors"));
        files.sort_unstable();
        for path in files {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            hasher.update(format!("{part}/{name}\n{}\n", fs::metadata(&path)?.len()));
            read(&path, &mut hasher)?;
        }
    }
    Ok(hex(&hasher.finalize()))
}

fn read(path: &Path, hasher: &mut Sha256) -> std::io::Result<()> {
    let (mut file, mut buffer) = (File::open(path)?, vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            count => hasher.update(buffer.get(..count).unwrap_or_default()),
        }
    }
}

/// 64 KiB from the first MiB on.
fn short(path: &Path) -> std::io::Result<String> {
    let (mut file, mut some) = (File::open(path)?, Vec::new());
    file.seek(SeekFrom::Start(0x10_0000))?;
    file.take(0x1_0000).read_to_end(&mut some)?;
    Ok(hex(&Sha256::digest(some)).chars().take(8).collect())
}
