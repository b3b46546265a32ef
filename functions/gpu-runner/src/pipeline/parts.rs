//! What a model is put together from, wherever that lies: configurations, weights and tokenizers by the names that the
//! diffusers layout has for them.

use candle_nn::var_builder::SimpleBackend;

use crate::DrawError;
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
}

impl Family {
    /// The text encoders with their tokenizers.
    pub fn texts(self) -> &'static [(&'static str, &'static str)] {
        const BOTH: [(&str, &str); 2] = [("text_encoder", "tokenizer"), ("text_encoder_2", "tokenizer_2")];
        match self {
            Family::Sd => &BOTH[..1],
            Family::Sdxl { .. } => &BOTH,
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
}
