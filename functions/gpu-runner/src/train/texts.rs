//! From captions to what conditions the denoiser, a batch at once and with gradients.
//!
//! A caption is words alone: brackets in it are no emphasis, and what is beyond the encoder's length is left out.

use candle_core::{Device, Tensor};

use super::lora::{Paths, of_text};
use super::parameters::Parameters;
use super::plan;
use crate::DrawError;
use crate::models::clip::{Hidden, Projection, TextConfig, TextEncoder};
use crate::models::config::invalid;
use crate::models::unet::{Added, Conditioning, UnetConfig};
use crate::pipeline::{Family, Parts, check_fit};
use crate::prompt::{Learned, plain};
use crate::tokenizer::Tokenizer;
use crate::weights::Source;

/// How the names of text encoders' parameters begin.
pub const TEXTS: &str = "text_encoder";
/// How the name of a learned word's parameter ends.
pub const VECTORS: &str = "/vectors";

pub struct Texts {
    family: Family,
    encoders: Vec<Encoder>,
}

struct Encoder {
    part: &'static str,
    tokenizer: Tokenizer,
    source: Source,
    text: TextEncoder,
    projection: Option<Projection>,
    /// The layer of which nothing is looked at, if there is one.
    idle: Option<usize>,
    learned: Vec<Learned>,
    /// Of the learned words, (vectors, width).
    vectors: Option<Tensor>,
}

impl Texts {
    /// With `learns`, all of it is made of parameters that has any effect.
    pub fn load(
        parts: &dyn Parts,
        unet: &UnetConfig,
        learns: bool,
        (parameters, device): (&Parameters, &Device),
    ) -> Result<Self, DrawError> {
        let family = parts.family();
        let names = family.texts();
        let configs = names
            .iter()
            .map(|(part, _)| TextConfig::checked(&parts.config(part)?).map_err(|e| e.at(part)))
            .collect::<Result<Vec<_>, _>>()?;
        check_fit(family, &configs, unet)?;
        let encoders = names.iter().zip(&configs).map(|((part, tokenizer), config)| {
            let tokenizer = parts.tokenizer(tokenizer, config.max_position_embeddings, config.vocab_size)?;
            let projects = *part == "text_encoder_2";
            // Only states before the last layer are looked at, where no vector of the whole text is made of the last.
            let idle = (family != Family::Sd && !projects).then_some(config.num_hidden_layers - 1);
            let learns = move |name: &str| learns && effective(name, idle);
            let source = Source::over(parameters.builder(part, parts.weights(part)?, learns, device));
            let at = |e: candle_core::Error| DrawError::from(e).at(part);
            let projection =
                if projects { Some(Projection::load(config, source.builder()).map_err(at)?) } else { None };
            let text = TextEncoder::load(config, source.builder()).map_err(at)?;
            Ok(Encoder { part, tokenizer, source, text, projection, idle, learned: Vec::new(), vectors: None })
        });
        let encoders = encoders.collect::<Result<Vec<_>, DrawError>>()?;
        let mut lengths = encoders.iter().map(|encoder| encoder.tokenizer.length());
        let first = lengths.next();
        if lengths.any(|length| Some(length) != first) {
            return Err(invalid("the text encoders take texts of different lengths".into()));
        }
        Ok(Self { family, encoders })
    }

    /// Puts low-rank paths beside the layers.
    pub fn attach(&mut self, paths: &Paths, made: (&Parameters, &Device)) -> Result<(), DrawError> {
        for Encoder { part, source, text, idle, .. } in &mut self.encoders {
            let wanted = |name: &str| of_text(name) && effective(name, *idle);
            paths.attach(part, |visit| text.layers(visit), source, wanted, made)?;
        }
        Ok(())
    }

    /// Gives a word vectors of its own, called `{part}/vectors`, which begin as those of other words.
    pub fn learn(&mut self, word: &str, vectors: usize, from: &str, parameters: &Parameters) -> Result<(), DrawError> {
        for encoder in &mut self.encoders {
            let known = encoder.tokenizer.words(encoder.tokenizer.cut(from))?;
            if known.is_empty() {
                return Err(plan::invalid(format!("{from:?} has no words for {word:?} to begin as")));
            }
            let ids: Vec<u32> = known.iter().copied().cycle().take(vectors).collect();
            let (_, begin) = encoder.text.embed_beside(&ids, 1, None)?;
            let begin = begin.squeeze(0)?.detach();
            encoder.vectors = Some(parameters.make(&format!("{}{VECTORS}", encoder.part), &begin)?);
            let first = encoder.text.words()? as u32;
            encoder.learned = vec![Learned { token: word.to_string(), first, vectors: vectors as u32 }];
        }
        Ok(())
    }

    /// Of captions, or of none, for pictures of a size, height first.
    pub fn conditioning(
        &self,
        captions: &[Option<&str>],
        (height, width): (usize, usize),
        device: &Device,
    ) -> Result<Conditioning, DrawError> {
        let (mut tokens, mut whole) = (Vec::with_capacity(self.encoders.len()), None);
        for encoder in &self.encoders {
            let (hidden, of_all) = encoder.encode(captions)?;
            whole = of_all.or(whole);
            tokens.push(if self.family == Family::Sd { hidden.last } else { hidden.penultimate });
        }
        let mut text = Tensor::cat(&tokens, 2)?;
        if self.family.zeros_for_empty() && captions.contains(&None) {
            // As it is drawn: without a text it is zeros.
            let kept: Vec<f32> = captions.iter().map(|caption| f32::from(u8::from(caption.is_some()))).collect();
            let kept = Tensor::new(kept, device)?;
            text = text.broadcast_mul(&kept.reshape(((), 1, 1))?)?;
            whole = whole.map(|whole| whole.broadcast_mul(&kept.unsqueeze(1)?)).transpose()?;
        }
        let added = match whole {
            Some(whole) => {
                let told = self.family.told((height as f32, width as f32), false);
                let sizes = Tensor::new(vec![told; captions.len()], device)?;
                Some(Added { text: whole, sizes })
            }
            None => None,
        };
        Ok(Conditioning { text, added })
    }
}

impl Encoder {
    /// States (batch, tokens, width), and the vector of the whole (batch, projected width) of encoders that have one.
    fn encode(&self, captions: &[Option<&str>]) -> Result<(Hidden, Option<Tensor>), DrawError> {
        let mut ids = Vec::with_capacity(captions.len() * self.tokenizer.length());
        for caption in captions {
            ids.extend(plain(caption.unwrap_or_default(), &self.tokenizer, &self.learned)?);
        }
        let (ids, x) = self.text.embed_beside(&ids, captions.len(), self.vectors.as_ref())?;
        let hidden = self.text.hidden_of(&x)?;
        let whole = self.projection.as_ref().map(|projection| projection.forward(&ids, &hidden.last)).transpose()?;
        Ok((hidden, whole))
    }
}

/// Whether anything is looked at that comes of a tensor: not where the layer it belongs to, or is behind, is idle.
fn effective(name: &str, idle: Option<usize>) -> bool {
    let name = name.strip_prefix("text_model.").unwrap_or(name);
    idle.is_none_or(|last| {
        !name.starts_with(&format!("encoder.layers.{last}.")) && !name.starts_with("final_layer_norm.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_states_is_told_by_name() {
        let effective = |name| effective(name, Some(11));
        assert!(!effective("text_model.encoder.layers.11.mlp.fc1.weight") && !effective("final_layer_norm.bias"));
        assert!(effective("text_model.encoder.layers.1.mlp.fc1.weight") && effective("embeddings.x"));
    }
}
