//! From captions to what conditions the denoiser, a batch at once and with gradients.
//!
//! A caption is words alone: brackets in it are no emphasis, and what is beyond the encoder's length is left out.

use candle_core::{DType, Device, Tensor};

use super::parameters::Parameters;
use crate::DrawError;
use crate::models::clip::{Hidden, Projection, TextConfig, TextEncoder};
use crate::models::config::invalid;
use crate::models::unet::{Added, Conditioning, UnetConfig};
use crate::pipeline::{Family, Parts, SIZES, check_fit};
use crate::tokenizer::Tokenizer;

pub struct Texts {
    family: Family,
    encoders: Vec<Encoder>,
}

struct Encoder {
    tokenizer: Tokenizer,
    text: TextEncoder,
    projection: Option<Projection>,
}

impl Texts {
    pub fn load(
        parts: &dyn Parts,
        unet: &UnetConfig,
        learns: bool,
        parameters: &Parameters,
        device: &Device,
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
            let learns = move |name: &str| learns && idle.is_none_or(|last| !follows(name, last));
            let vb = parameters.builder(part, parts.weights(part)?, learns, device);
            let at = |e: candle_core::Error| DrawError::from(e).at(part);
            let projection = if projects { Some(Projection::load(config, vb.clone()).map_err(at)?) } else { None };
            Ok(Encoder { tokenizer, text: TextEncoder::load(config, vb).map_err(at)?, projection })
        });
        let encoders = encoders.collect::<Result<Vec<_>, DrawError>>()?;
        let mut lengths = encoders.iter().map(|encoder| encoder.tokenizer.length());
        let first = lengths.next();
        if lengths.any(|length| Some(length) != first) {
            return Err(invalid("the text encoders take texts of different lengths".into()));
        }
        Ok(Self { family, encoders })
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
            let (hidden, of_all) = encoder.encode(captions, device)?;
            whole = of_all.or(whole);
            tokens.push(if self.family == Family::Sd { hidden.last } else { hidden.penultimate });
        }
        let mut text = Tensor::cat(&tokens, 2)?;
        if self.family == (Family::Sdxl { zeros_for_empty: true }) && captions.contains(&None) {
            // As it is drawn: without a text it is zeros.
            let kept: Vec<f32> = captions.iter().map(|caption| f32::from(u8::from(caption.is_some()))).collect();
            let kept = Tensor::new(kept, device)?;
            text = text.broadcast_mul(&kept.reshape(((), 1, 1))?)?;
            whole = whole.map(|whole| whole.broadcast_mul(&kept.unsqueeze(1)?)).transpose()?;
        }
        let added = match whole {
            Some(whole) => {
                let (height, width) = (height as f32, width as f32);
                let sizes: [f32; SIZES] = [height, width, 0.0, 0.0, height, width];
                let sizes = Tensor::new(&[sizes], device)?.repeat((captions.len(), 1))?;
                Some(Added { text: whole, sizes })
            }
            None => None,
        };
        Ok(Conditioning { text, added })
    }
}

impl Encoder {
    /// States (batch, tokens, width), and the vector of the whole (batch, projected width) of encoders that have one.
    fn encode(&self, captions: &[Option<&str>], device: &Device) -> Result<(Hidden, Option<Tensor>), DrawError> {
        let mut ids = Vec::with_capacity(captions.len() * self.tokenizer.length());
        for caption in captions {
            ids.extend(self.tokenizer.encode(caption.unwrap_or_default())?);
        }
        let ids = Tensor::from_vec(ids, (captions.len(), self.tokenizer.length()), device)?.to_dtype(DType::U32)?;
        let hidden = self.text.hidden(&ids)?;
        let whole = self.projection.as_ref().map(|projection| projection.forward(&ids, &hidden.last)).transpose()?;
        Ok((hidden, whole))
    }
}

/// Whether a tensor comes after the states before the last layer.
fn follows(name: &str, last: usize) -> bool {
    let name = name.strip_prefix("text_model.").unwrap_or(name);
    name.starts_with(&format!("encoder.layers.{last}.")) || name.starts_with("final_layer_norm.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_states_is_told_by_name() {
        assert!(follows("text_model.encoder.layers.11.mlp.fc1.weight", 11) && follows("final_layer_norm.bias", 11));
        assert!(!follows("text_model.encoder.layers.1.mlp.fc1.weight", 11) && !follows("embeddings.x", 11));
    }
}
