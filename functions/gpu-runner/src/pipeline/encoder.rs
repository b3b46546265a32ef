//! One text encoder with its tokenizer: a prompt's chunks, and the vectors of each.

use candle_core::Tensor;
use candle_nn::VarBuilder;

use crate::DrawError;
use crate::adapters::{Adapted, Layers, Part};
use crate::models::clip::{Hidden, Projection, TextConfig, TextEncoder};
use crate::nn::{Visit, wide};
use crate::prompt::{Chunk, Learned, chunks};
use crate::tokenizer::Tokenizer;

pub(super) struct Encoder {
    pub tokenizer: Tokenizer,
    pub network: Adapted<Networks>,
    pub width: usize,
    words: Words,
}

pub(super) struct Networks {
    text: TextEncoder,
    projection: Option<Projection>,
}

impl Layers for Networks {
    fn layers(&mut self, visit: &mut Visit) -> candle_core::Result<()> {
        self.text.layers(visit)?;
        self.projection.iter_mut().try_for_each(|projection| projection.layers(visit))
    }
}

/// What was learned for this encoder beside its vocabulary.
#[derive(Default)]
pub(super) struct Words {
    learned: Vec<Learned>,
    /// (vectors of all, width)
    vectors: Option<Tensor>,
}

impl Encoder {
    pub fn load(
        part: Part,
        config: &TextConfig,
        tokenizer: Tokenizer,
        projects: bool,
        vb: VarBuilder<'static>,
    ) -> Result<Self, DrawError> {
        let network = Adapted::load(part, vb, |vb| {
            let projection = if projects { Some(Projection::load(config, vb.clone())?) } else { None };
            Ok(Networks { text: TextEncoder::load(config, vb)?, projection })
        })?;
        Ok(Self { tokenizer, network, width: config.hidden_size, words: Words::default() })
    }

    /// Learned words with their vectors (count, width), for `teach`.
    pub fn words(&self, words: &[(&str, &Tensor)]) -> Result<Words, DrawError> {
        if words.is_empty() {
            return Ok(Words::default());
        }
        let mut next = self.network.text.words()? as u32;
        let mut learned = Vec::with_capacity(words.len());
        for (token, vectors) in words {
            let count = vectors.dim(0)? as u32;
            learned.push(Learned { token: token.to_string(), first: next, vectors: count });
            next += count;
        }
        let all: Vec<&Tensor> = words.iter().map(|(_, vectors)| *vectors).collect();
        Ok(Words { learned, vectors: Some(Tensor::cat(&all, 0)?) })
    }

    /// What it knows beside its vocabulary from now on; whether that may be other than before.
    pub fn teach(&mut self, words: Words) -> bool {
        let before = std::mem::replace(&mut self.words, words);
        !(before.learned.is_empty() && self.words.learned.is_empty())
    }

    pub fn chunks(&self, prompt: &str) -> Result<Vec<Chunk>, DrawError> {
        chunks(prompt, &self.tokenizer, &self.words.learned)
    }

    /// States of a chunk's tokens, (1, tokens, width), and the vector of the whole, (1, projected width), of encoders
    /// that have one. Weights are not applied: see `weighed`.
    pub fn encode(&self, chunk: &Chunk) -> Result<(Hidden, Option<Tensor>), DrawError> {
        let Networks { text, projection } = &*self.network;
        let (ids, x) = text.embed_beside(&chunk.ids, 1, self.words.vectors.as_ref())?;
        let hidden = text.hidden_of(&x)?;
        let whole = projection.as_ref().map(|projection| projection.forward(&ids, &hidden.last)).transpose()?;
        Ok((hidden, whole))
    }
}

/// States (1, tokens, width) of a chunk whose words count more or less: each is multiplied by its weight, then all by
/// what brings their mean back to where it was, as the web UI does.
pub(super) fn weighed(states: Tensor, chunk: &Chunk) -> Result<Tensor, DrawError> {
    if chunk.plain() {
        return Ok(states);
    }
    let (dtype, states) = (states.dtype(), wide(&states)?);
    let mean = |x: &Tensor| x.mean_all()?.to_scalar::<f32>();
    let weights = Tensor::new(chunk.weights.as_slice(), states.device())?;
    let weighed = states.broadcast_mul(&weights.reshape((1, (), 1))?)?;
    let back = f64::from(mean(&states)? / mean(&weighed)?);
    // Where the weights leave nothing there is nothing to bring back.
    let weighed = if back.is_finite() { (weighed * back)? } else { weighed };
    Ok(weighed.to_dtype(dtype)?)
}
