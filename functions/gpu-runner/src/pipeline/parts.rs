//! What a model is put together from, wherever that lies: configurations, weights and tokenizers by the names that the
//! diffusers layout has for them.

use candle_nn::var_builder::SimpleBackend;

use crate::DrawError;
use crate::checkpoint::embedded::TokenizerFiles;
use crate::models::config::Config;
use crate::tokenizer::Tokenizer;

/// What the parts have to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// One text encoder, whose last layer conditions the denoiser: Stable Diffusion 1 and 2.
    Sd,
    /// Two, whose last layers but one do, and the whole text's vector with the sizes beside them: Stable Diffusion XL.
    Sdxl {
        /// Whether no negative prompt is zeros rather than the vectors of an empty text.
        zeros_for_empty: bool,
    },
    /// What goes over the pictures of Stable Diffusion XL: the second of its text encoders, and how pleasing the
    /// picture is to be in place of the size it had.
    Refiner { zeros_for_empty: bool },
}

impl Family {
    /// Whether no negative prompt is zeros.
    pub fn zeros_for_empty(self) -> bool {
        matches!(self, Family::Sdxl { zeros_for_empty: true } | Family::Refiner { zeros_for_empty: true })
    }

    /// What SDXL's denoisers are told beside the text, of a picture of this height and width: its size before it was
    /// cut, what was cut above and to the left, and its size afterwards, or how pleasing it is to be; less so for what
    /// it is to be unlike. Scores as the reference has them.
    pub fn told(self, (height, width): (f32, f32), negative: bool) -> Vec<f32> {
        let mut told = vec![height, width, 0.0, 0.0];
        match self {
            Family::Sd => told.clear(),
            Family::Sdxl { .. } => told.extend([height, width]),
            Family::Refiner { .. } => told.push(if negative { 2.5 } else { 6.0 }),
        }
        told
    }

    /// The text encoders with their tokenizers.
    pub fn texts(self) -> &'static [(&'static str, &'static str)] {
        const BOTH: [(&str, &str); 2] = [("text_encoder", "tokenizer"), ("text_encoder_2", "tokenizer_2")];
        match self {
            Family::Sd => &BOTH[..1],
            Family::Sdxl { .. } => &BOTH,
            Family::Refiner { .. } => &BOTH[1..],
        }
    }
}

pub trait Parts {
    fn family(&self) -> Family;

    /// Of `unet`, `vae`, `scheduler` or a text encoder.
    fn config(&self, part: &str) -> Result<Config, DrawError>;

    /// The tensors of a network, by their names in the diffusers layout.
    fn weights(&self, part: &str) -> Result<Box<dyn SimpleBackend>, DrawError>;

    /// How many numbers the tensors of a network have together.
    fn numbers(&self, part: &str) -> Result<u64, DrawError>;

    /// `length` is the number of positions and `words` the number of embeddings of the text encoder it is for.
    fn tokenizer(&self, part: &str, length: usize, words: usize) -> Result<Tokenizer, DrawError>;

    /// The files of a tokenizer, to be written again.
    fn tokenizer_files(&self, part: &str) -> Result<TokenizerFiles, DrawError>;
}
