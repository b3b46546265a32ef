//! From prompts to what conditions the denoiser.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use candle_nn::VarBuilder;

use super::encoder::{Encoder, Words, weighed};
use super::parts::{Family, Parts};
use super::precision;
use crate::DrawError;
use crate::adapters::{Change, Embedding, Lora, Part};
use crate::cache::Cache;
use crate::device::Compute;
use crate::models::clip::TextConfig;
use crate::models::config::invalid;
use crate::models::unet::{Added, Conditioning, UnetConfig};
use crate::prompt::Chunk;

/// The text encoders of a model.
pub(super) struct Texts {
    family: Family,
    encoders: Vec<Encoder>,
    /// By prompt, and the number of chunks it was brought to; as the encoders are now.
    known: Cache<(String, usize), Encoded>,
}

/// Bytes of encoded prompts that are kept: some hundred of an ordinary length.
const KEPT: u64 = 64 << 20;

/// One prompt's vectors.
#[derive(Clone)]
struct Encoded {
    /// (1, tokens, width)
    tokens: Tensor,
    /// (1, width)
    whole: Option<Tensor>,
}

impl Texts {
    /// Checks that the denoiser is for vectors of this kind before it loads anything.
    pub fn load(parts: &dyn Parts, unet: &UnetConfig, on: &Compute) -> Result<Self, DrawError> {
        let family = parts.family();
        let configs = family
            .texts()
            .iter()
            .map(|(part, _)| TextConfig::checked(&parts.config(part)?).map_err(|e| e.at(part)))
            .collect::<Result<Vec<_>, _>>()?;
        check_fit(family, &configs, unet)?;
        let encoders = family
            .texts()
            .iter()
            .zip(&configs)
            .map(|((part, tokenizer), config)| {
                let tokenizer = parts.tokenizer(tokenizer, config.max_position_embeddings, config.vocab_size)?;
                let dtype = precision::of(part, on.dtype, parts)?;
                let vb = VarBuilder::from_backend(parts.weights(part)?, dtype, on.device.clone());
                let second = *part == "text_encoder_2";
                Encoder::load(Part::Text(usize::from(second)), config, tokenizer, second, vb).map_err(|e| e.at(part))
            })
            .collect::<Result<Vec<_>, DrawError>>()?;
        let mut lengths = encoders.iter().map(|encoder| encoder.tokenizer.length());
        let first = lengths.next();
        if lengths.any(|length| Some(length) != first) {
            return Err(invalid("the text encoders take texts of different lengths".into()));
        }
        Ok(Self { family, encoders, known: Cache::new(Some(KEPT)) })
    }

    /// The vectors of a prompt, with those of the negative one before them where it has a part. `size` is that of the
    /// picture, height first.
    pub fn conditioning(
        &mut self,
        prompt: &str,
        negative: Option<&str>,
        size: (u32, u32),
        device: &Device,
    ) -> Result<Conditioning, DrawError> {
        let chunks = self.chunks(prompt)?;
        let negative = negative.map(|text| Ok::<_, DrawError>((text, self.chunks(text)?))).transpose()?;
        // Both become as long as the longer one.
        let longest = |chunks: &[Vec<Chunk>]| chunks.iter().map(Vec::len).max().unwrap_or(0);
        let count = longest(&chunks).max(negative.as_ref().map_or(0, |(_, chunks)| longest(chunks)));
        let mut encoded = vec![self.encoded(prompt, &chunks, count)?];
        if let Some((negative, chunks)) = negative {
            let without = self.family.zeros_for_empty() && negative.is_empty();
            encoded.insert(0, if without { encoded[0].zeros()? } else { self.encoded(negative, &chunks, count)? });
        }
        let tokens: Vec<&Tensor> = encoded.iter().map(|e| &e.tokens).collect();
        let whole: Vec<&Tensor> = encoded.iter().filter_map(|e| e.whole.as_ref()).collect();
        let added = if whole.is_empty() {
            None
        } else {
            let size = (size.0 as f32, size.1 as f32);
            // The negative prompt comes first, where there is one.
            let told: Vec<Vec<f32>> = (1..=whole.len()).map(|i| self.family.told(size, i < whole.len())).collect();
            Some(Added { text: Tensor::cat(&whole, 0)?, sizes: Tensor::new(told, device)? })
        };
        Ok(Conditioning { text: Tensor::cat(&tokens, 0)?, added })
    }

    /// Of each encoder.
    fn chunks(&self, prompt: &str) -> Result<Vec<Vec<Chunk>>, DrawError> {
        self.encoders.iter().map(|encoder| encoder.chunks(prompt)).collect()
    }

    /// As before, where the same was asked before.
    fn encoded(&mut self, prompt: &str, chunks: &[Vec<Chunk>], count: usize) -> Result<Encoded, DrawError> {
        let key = (prompt.to_owned(), count);
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let encoded = self.encode(chunks, count)?;
        let size = |tensor: &Tensor| tensor.elem_count() * tensor.dtype().size_in_bytes();
        let bytes = (size(&encoded.tokens) + encoded.whole.as_ref().map_or(0, size) + prompt.len()) as u64;
        if self.known.make_room(bytes) {
            self.known.insert(key, bytes, encoded.clone());
        }
        Ok(encoded)
    }

    fn forget(&mut self) {
        self.known = Cache::new(Some(KEPT));
    }

    /// The first chunk stands for the whole; where there are fewer than `count`, those of an empty prompt follow.
    fn encode(&self, chunks: &[Vec<Chunk>], count: usize) -> Result<Encoded, DrawError> {
        let mut tokens = Vec::with_capacity(self.encoders.len());
        let mut whole = None;
        for (encoder, chunks) in self.encoders.iter().zip(chunks) {
            let empty = if chunks.len() < count { encoder.chunks("")? } else { Vec::new() };
            let padding = empty.iter().cycle().take(count - chunks.len());
            let mut states = Vec::with_capacity(count);
            for (i, chunk) in chunks.iter().chain(padding).enumerate() {
                let (hidden, of_chunk) = encoder.encode(chunk)?;
                if i == 0 {
                    whole = of_chunk.or(whole);
                }
                let hidden = if self.family == Family::Sd { hidden.last } else { hidden.penultimate };
                states.push(weighed(hidden, chunk)?);
            }
            tokens.push(Tensor::cat(&states, 1)?);
        }
        Ok(Encoded { tokens: Tensor::cat(&tokens, 2)?, whole })
    }

    pub fn widths(&self) -> Vec<usize> {
        self.encoders.iter().map(|encoder| encoder.width).collect()
    }

    /// Shape of a layer's weight. `index` counts from SDXL's first encoder, also where only the second is there.
    pub fn shape(&self, index: usize, layer: &str) -> Option<Vec<usize>> {
        let index = index.checked_sub(usize::from(self.refines()))?;
        self.encoders.get(index)?.network.shape(layer)
    }

    /// Whether the model goes over pictures, and draws none from text alone.
    pub fn refines(&self) -> bool {
        matches!(self.family, Family::Refiner { .. })
    }

    /// Bytes that bringing all encoders under these LoRAs takes beside them.
    pub fn takes(&self, loras: &[(Arc<Lora>, f64)]) -> u64 {
        self.encoders.iter().fold(0, |sum, encoder| sum.saturating_add(encoder.network.takes(loras)))
    }

    /// All encoders under these LoRAs; none of those that are so already.
    pub fn under(&self, loras: &[(Arc<Lora>, f64)]) -> Result<Vec<Option<Change>>, DrawError> {
        self.encoders.iter().map(|encoder| encoder.network.under(loras)).collect()
    }

    pub fn switch(&mut self, changes: Vec<Option<Change>>) -> Result<(), DrawError> {
        if changes.iter().any(Option::is_some) {
            self.forget();
        }
        self.encoders.iter_mut().zip(changes).try_for_each(|(encoder, change)| encoder.network.switch(change))
    }

    /// Learned words as each encoder keeps them.
    pub fn words(&self, words: &[(&str, &Embedding)]) -> Result<Vec<Words>, DrawError> {
        let of =
            |i: usize| words.iter().filter_map(move |(word, e)| Some((*word, e.vectors.get(i)?))).collect::<Vec<_>>();
        self.encoders.iter().enumerate().map(|(i, encoder)| encoder.words(&of(i))).collect()
    }

    pub fn teach(&mut self, words: Vec<Words>) {
        let mut changed = false;
        for (encoder, words) in self.encoders.iter_mut().zip(words) {
            changed |= encoder.teach(words);
        }
        if changed {
            self.forget();
        }
    }
}

impl Encoded {
    fn zeros(&self) -> Result<Self, DrawError> {
        let whole = self.whole.as_ref().map(Tensor::zeros_like).transpose()?;
        Ok(Self { tokens: self.tokens.zeros_like()?, whole })
    }
}

/// Checks that the denoiser is for the vectors of these encoders.
pub(crate) fn check_fit(family: Family, texts: &[TextConfig], unet: &UnetConfig) -> Result<(), DrawError> {
    let given: usize = texts.iter().map(|config| config.hidden_size).sum();
    if let Some(width) = unet.context_widths().find(|width| *width != given) {
        return Err(invalid(format!("the unet wants text of width {width}, what encodes it gives {given}")));
    }
    match (family, &unet.added, texts.last()) {
        (Family::Sd, None, _) => Ok(()),
        (Family::Sdxl { .. } | Family::Refiner { .. }, Some(added), Some(last)) => {
            let given = last.projection_dim + family.told((0.0, 0.0), false).len() * added.sines;
            if added.inputs == given {
                return Ok(());
            }
            Err(invalid(format!("the unet wants {} numbers beside the text, there are {given}", added.inputs)))
        }
        _ => Err(invalid("the unet is of another family than the pipeline".into())),
    }
}
