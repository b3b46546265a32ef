//! A model as one file, named as Stable Diffusion was first published and as the web UIs exchange them: what it is,
//! what its configurations would be, and where in it the tensors of the diffusers layout are. Only safetensors.
//!
//! There is no vocabulary in such a file: see `vocabulary`. Files that this program writes of unusual models have one,
//! and their configurations: see `embedded`.

mod configs;
pub(crate) mod embedded;
mod kind;
mod layout;
pub(crate) mod names;
mod prediction;
mod shapes;
mod source;
mod vocabulary;

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_nn::var_builder::SimpleBackend;
use serde_json::Value;

use embedded::TokenizerFiles;
pub use kind::Kind;
use kind::{UNET, VAE};
pub(crate) use layout::Layout;
use shapes::Shapes;
use source::Source;

use crate::models::config::{Config, unsupported};
use crate::pipeline::{Family, Parts};
use crate::tokenizer::Tokenizer;
use crate::weights::Weights;
use crate::{Code, DrawError};

pub struct Checkpoint {
    layout: Layout,
    weights: Arc<Weights>,
    configs: HashMap<&'static str, Config>,
    path: PathBuf,
    /// A directory with the tokenizer's files that was given for it.
    tokenizer: Option<PathBuf>,
}

impl Checkpoint {
    /// Reads what is said about the tensors, and no tensor.
    pub fn open(path: &Path, tokenizer: Option<&Path>) -> Result<Self, DrawError> {
        refuse_pickles(path)?;
        let weights = Weights::read(path)?;
        let kind = Kind::of(&weights)?;
        let shapes = |prefix| Shapes { weights: &weights, prefix };
        let mut configs = HashMap::new();
        let (mut width, mut whole) = (0usize, 0);
        for (encoder, (part, _)) in kind.encoders().iter().zip(kind.family().texts()) {
            let config = configs::text(kind, *encoder, shapes(encoder.prefix))?;
            let number = |key: &str| config[key].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
            (width, whole) = (number("hidden_size").saturating_add(width), number("projection_dim"));
            configs.insert(*part, Config::from_value(config)?);
        }
        let (unet, blocks) = configs::unet(kind, shapes(UNET), (width, whole))?;
        let (vae, vae_levels) = configs::vae(kind, shapes(VAE))?;
        let (prediction, zero_snr) = prediction::prediction(kind, path, &weights)?;
        let scheduler = configs::scheduler(kind, prediction, zero_snr);
        for (part, config) in [("unet", unet), ("vae", vae), ("scheduler", scheduler)] {
            configs.insert(part, Config::from_value(config)?);
        }
        let mut embedded = embedded::configs(&weights)?;
        for (part, config) in &mut configs {
            if let Some(told) = embedded.remove(*part) {
                *config = told;
            }
        }
        let (path, tokenizer) = (path.to_path_buf(), tokenizer.map(Path::to_path_buf));
        let layout = Layout { kind, blocks, vae_levels };
        Ok(Self { layout, weights: Arc::new(weights), configs, path, tokenizer })
    }

    pub fn kind(&self) -> Kind {
        self.layout.kind
    }
}

impl Kind {
    fn family(self) -> Family {
        match self {
            Kind::Sd1 | Kind::Sd2 => Family::Sd,
            // As the family was published with.
            Kind::Sdxl => Family::Sdxl { zeros_for_empty: true },
            Kind::Refiner => Family::Refiner { zeros_for_empty: false },
        }
    }
}

impl Parts for Checkpoint {
    fn family(&self) -> Family {
        self.layout.kind.family()
    }

    fn config(&self, part: &str) -> Result<Config, DrawError> {
        let missing = || DrawError::new(Code::Internal, format!("no part {part}"));
        self.configs.get(part).cloned().ok_or_else(missing)
    }

    fn weights(&self, part: &str) -> Result<Box<dyn SimpleBackend>, DrawError> {
        let (prefix, names) = self.layout.names(part)?;
        Ok(Box::new(Source { weights: self.weights.clone(), prefix, names }))
    }

    fn numbers(&self, part: &str) -> Result<u64, DrawError> {
        Ok(self.weights.numbers(self.layout.names(part)?.0))
    }

    fn tokenizer(&self, part: &str, length: usize, words: usize) -> Result<Tokenizer, DrawError> {
        if let Some(files) = embedded::tokenizer_files(&self.weights, part)? {
            return embedded::tokenizer(&files, length, words);
        }
        let dir = vocabulary::find(self.tokenizer.as_deref(), &self.path, part)?;
        // The words are those of CLIP in all of them. What follows the end of a text is the end again for CLIP's
        // encoder and the first word for OpenCLIP's.
        let texts = self.layout.kind.encoders().iter().zip(self.layout.kind.family().texts());
        let open_clip = texts.into_iter().any(|(encoder, (_, name))| *name == part && encoder.open_clip);
        Ok(Tokenizer::load(&dir, length, words)?.padded(open_clip.then_some(0)))
    }

    fn tokenizer_files(&self, part: &str) -> Result<TokenizerFiles, DrawError> {
        match embedded::tokenizer_files(&self.weights, part)? {
            Some(files) => Ok(files),
            None => embedded::read_tokenizer(&vocabulary::find(self.tokenizer.as_deref(), &self.path, part)?),
        }
    }
}

/// Other forms of the same weights are told apart by name and by content.
fn refuse_pickles(path: &Path) -> Result<(), DrawError> {
    let unreadable = |e: std::io::Error| DrawError::new(Code::ModelNotFound, e.to_string());
    let named = path.extension().is_some_and(|extension| {
        ["ckpt", "pt", "pth", "bin"].iter().any(|known| extension.eq_ignore_ascii_case(known))
    });
    let mut start = Vec::new();
    std::fs::File::open(path).map_err(unreadable)?.take(4).read_to_end(&mut start).map_err(unreadable)?;
    if named || start.starts_with(b"PK\x03\x04") || start.starts_with(b"\x80\x02") {
        return Err(unsupported("a PyTorch file may run programs when it is read; only safetensors is".into()));
    }
    Ok(())
}

impl Config {
    fn from_value(value: Value) -> Result<Self, DrawError> {
        serde_json::from_value(value).map_err(|e| DrawError::new(Code::Internal, e.to_string()))
    }
}
