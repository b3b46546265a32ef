//! From prompts to what conditions the denoiser.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;

use super::parts::{Family, Parts};
use crate::DrawError;
use crate::models::clip::{Projection, TextConfig, TextEncoder};
use crate::models::config::invalid;
use crate::models::unet::{Added, Conditioning, UnetConfig};
use crate::tokenizer::Tokenizer;

/// Numbers that SDXL's denoiser is told: height and width before and after, and what was cut above and to the left.
const SIZES: usize = 6;

/// The text encoders of a model.
pub(super) struct Texts {
    family: Family,
    encoders: Vec<Encoder>,
}

struct Encoder {
    tokenizer: Tokenizer,
    network: TextEncoder,
    projection: Option<Projection>,
}

/// One prompt's vectors.
struct Encoded {
    /// (1, tokens, width)
    tokens: Tensor,
    /// (1, width)
    whole: Option<Tensor>,
}

impl Texts {
    /// Checks that the denoiser is for vectors of this kind before it loads anything.
    pub fn load(parts: &dyn Parts, unet: &UnetConfig, device: &Device) -> Result<Self, DrawError> {
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
                let vb = VarBuilder::from_backend(parts.weights(part)?, DType::F32, device.clone());
                Encoder::load(config, tokenizer, *part == "text_encoder_2", vb).map_err(|e| e.at(part))
            })
            .collect::<Result<Vec<_>, DrawError>>()?;
        let mut lengths = encoders.iter().map(|encoder| encoder.tokenizer.length());
        let first = lengths.next();
        if lengths.any(|length| Some(length) != first) {
            return Err(invalid("the text encoders take texts of different lengths".into()));
        }
        Ok(Self { family, encoders })
    }

    /// The vectors of a prompt, with those of the negative one before them where it has a part. `size` is that of the
    /// picture, height first.
    pub fn conditioning(
        &self,
        prompt: &str,
        negative: Option<&str>,
        size: (u32, u32),
        device: &Device,
    ) -> Result<Conditioning, DrawError> {
        let mut encoded = vec![self.encode(prompt, device)?];
        if let Some(negative) = negative {
            let without = matches!(self.family, Family::Sdxl { zeros_for_empty: true }) && negative.is_empty();
            encoded.insert(0, if without { encoded[0].zeros()? } else { self.encode(negative, device)? });
        }
        let tokens: Vec<&Tensor> = encoded.iter().map(|e| &e.tokens).collect();
        let whole: Vec<&Tensor> = encoded.iter().filter_map(|e| e.whole.as_ref()).collect();
        let added = if whole.is_empty() {
            None
        } else {
            let (height, width) = (size.0 as f32, size.1 as f32);
            let sizes: [f32; SIZES] = [height, width, 0.0, 0.0, height, width];
            let sizes = Tensor::new(&[sizes], device)?.repeat((whole.len(), 1))?;
            Some(Added { text: Tensor::cat(&whole, 0)?, sizes })
        };
        Ok(Conditioning { text: Tensor::cat(&tokens, 0)?, added })
    }

    fn encode(&self, prompt: &str, device: &Device) -> Result<Encoded, DrawError> {
        let mut tokens = Vec::with_capacity(self.encoders.len());
        let mut whole = None;
        for encoder in &self.encoders {
            let ids = Tensor::new(encoder.tokenizer.encode(prompt)?.as_slice(), device)?.unsqueeze(0)?;
            let hidden = encoder.network.hidden(&ids)?;
            if let Some(projection) = &encoder.projection {
                whole = Some(projection.forward(&ids, &hidden.last)?);
            }
            tokens.push(if self.family == Family::Sd { hidden.last } else { hidden.penultimate });
        }
        Ok(Encoded { tokens: Tensor::cat(&tokens, 2)?, whole })
    }
}

impl Encoder {
    fn load(config: &TextConfig, tokenizer: Tokenizer, projects: bool, vb: VarBuilder) -> Result<Self, DrawError> {
        let projection = if projects { Some(Projection::load(config, vb.clone())?) } else { None };
        Ok(Self { tokenizer, network: TextEncoder::load(config, vb)?, projection })
    }
}

impl Encoded {
    fn zeros(&self) -> Result<Self, DrawError> {
        let whole = self.whole.as_ref().map(Tensor::zeros_like).transpose()?;
        Ok(Self { tokens: self.tokens.zeros_like()?, whole })
    }
}

fn check_fit(family: Family, texts: &[TextConfig], unet: &UnetConfig) -> Result<(), DrawError> {
    let given: usize = texts.iter().map(|config| config.hidden_size).sum();
    if let Some(width) = unet.context_widths().find(|width| *width != given) {
        return Err(invalid(format!("the unet wants text of width {width}, what encodes it gives {given}")));
    }
    match (family, &unet.added, texts.last()) {
        (Family::Sd, None, _) => Ok(()),
        (Family::Sdxl { .. }, Some(added), Some(last)) => {
            let given = last.projection_dim + SIZES * added.sines;
            if added.inputs == given {
                return Ok(());
            }
            Err(invalid(format!("the unet wants {} numbers beside the text, there are {given}", added.inputs)))
        }
        _ => Err(invalid("the unet is of another family than the pipeline".into())),
    }
}
