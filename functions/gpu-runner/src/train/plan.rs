//! What a training is to do, checked before it begins.

use serde::Serialize;

use super::adamw::AdamW;
use super::rate::Rate;
use crate::models::unet::Bend;
use crate::{Code, DrawError};

/// How parameters are brought down a loss; what is learnt is not its business.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Course {
    pub steps: usize,
    pub rate: Rate,
    pub adamw: AdamW,
    /// Longest gradient, over all parameters together; longer ones are shortened to it.
    pub clip: Option<f64>,
    /// Decay of the moving average of the parameters, which is then the result.
    pub average: Option<f64>,
    /// Steps between two savings of the state.
    #[serde(skip)]
    pub save_every: usize,
}

impl Course {
    pub fn new(steps: usize, rate: Rate) -> Self {
        Self { steps, rate, adamw: AdamW::default(), clip: Some(1.0), average: None, save_every: 100 }
    }

    pub fn check(&self) -> Result<(), DrawError> {
        within("steps", self.steps as f64, 1.0, 1e9)?;
        within("save_every", self.save_every as f64, 1.0, 1e9)?;
        self.rate.check()?;
        self.adamw.check()?;
        if let Some(clip) = self.clip {
            within("clip", clip, f64::MIN_POSITIVE, 1e9)?;
        }
        within("average", self.average.unwrap_or(0.0), 0.0, 1.0 - 1e-9).map(|_| ())
    }
}

/// Which networks learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Learns {
    pub unet: bool,
    pub text: bool,
}

/// What is learnt, and so what the result is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// All weights of the networks that learn.
    Checkpoint(Learns),
    /// A change of low rank to the layers of the networks that learn (Hu et al. 2021): attention and feed-forward
    /// parts.
    Lora {
        rank: usize,
        /// The change is scaled by alpha / rank.
        alpha: f64,
        /// Those of the residual blocks between them as well.
        convolutions: bool,
        learns: Learns,
    },
    /// Vectors that stand for a word (Gal et al. 2022).
    Words {
        /// As captions have it.
        word: String,
        vectors: usize,
        /// Words whose vectors they begin as.
        from: String,
    },
    /// Small networks that bend what attention looks at, as AUTOMATIC1111's web UI has them.
    Hypernetwork(Chain),
}

/// The networks of a hypernetwork, by the web UI's options.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chain {
    /// Widths of the layers, as parts of the width that is bent; 1 first and last.
    pub layers: Vec<f64>,
    /// `linear` for none, `relu`, `leakyrelu`, `elu`, `swish`, `tanh` or `sigmoid`.
    pub activation: String,
    /// Behind the last layer as well.
    pub activate_output: bool,
    /// A layer norm behind each layer.
    pub norm: bool,
}

impl Default for Chain {
    fn default() -> Self {
        Self { layers: vec![1.0, 2.0, 1.0], activation: "linear".into(), activate_output: true, norm: false }
    }
}

/// How likely each training time is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    Uniform,
    /// Density growing as (t / count)^(power − 1): above 1 towards noise, below 1 towards the picture.
    Power(f64),
    /// The logistic function of a normal (Esser et al. 2024, section 3.1): a mean above 0 is towards noise.
    LogitNormal {
        mean: f64,
        deviation: f64,
    },
}

/// How much the loss of each training time counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weighting {
    /// That of what the denoiser predicts.
    Plain,
    /// At most as at the signal-to-noise ratio γ (Hang et al. 2023).
    MinSnr(f64),
    /// By the share of noise, 1 − ᾱ.
    Noise,
}

/// A training of a diffusion model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    pub kind: Kind,
    pub course: Course,
    /// Examples in a step.
    pub batch: usize,
    pub times: Times,
    pub weighting: Weighting,
    /// At what share of the rate text encoders learn: what they know is soon unlearnt at the UNet's.
    pub text_rate: f64,
    /// How often an example is shown without its caption, 0 to 1.
    pub caption_dropout: f64,
    /// How much the loss of an example counts that is there to keep what the model knows.
    pub prior_weight: f64,
    pub seed: u64,
    /// Gradient checkpointing: a third more time for a fraction of the memory. Sums are in another order.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recompute: bool,
    /// Bytes that encoded examples may take in memory; others are encoded each time.
    #[serde(skip)]
    pub latents: u64,
}

impl Plan {
    pub fn new(kind: Kind, steps: usize) -> Self {
        let rate = match kind {
            Kind::Checkpoint(_) => 1e-5,
            Kind::Lora { .. } => 1e-4,
            Kind::Words { .. } => 5e-3,
            Kind::Hypernetwork(_) => 5e-5,
        };
        Self {
            kind,
            course: Course::new(steps, Rate::constant(rate)),
            batch: 1,
            times: Times::Uniform,
            weighting: Weighting::Plain,
            text_rate: 1.0,
            caption_dropout: 0.0,
            prior_weight: 1.0,
            seed: 0,
            recompute: false,
            latents: 1 << 30,
        }
    }

    pub fn check(&self) -> Result<(), DrawError> {
        self.course.check()?;
        within("batch", self.batch as f64, 1.0, 65_536.0)?;
        within("text_rate", self.text_rate, f64::MIN_POSITIVE, 1e3)?;
        let texts = matches!(self.kind, Kind::Checkpoint(learns) | Kind::Lora { learns, .. } if learns.text);
        if self.text_rate != 1.0 && !texts {
            return Err(invalid("a rate for text encoders, none of which learns".into()));
        }
        within("caption_dropout", self.caption_dropout, 0.0, 1.0)?;
        within("prior_weight", self.prior_weight, 0.0, 1e6)?;
        match self.times {
            Times::Uniform => {}
            Times::Power(power) => drop(within("power", power, 1e-3, 1e3)?),
            Times::LogitNormal { mean, deviation } => {
                within("mean", mean, -100.0, 100.0)?;
                within("deviation", deviation, 0.0, 100.0)?;
            }
        }
        if let Weighting::MinSnr(gamma) = self.weighting {
            within("min_snr", gamma, f64::MIN_POSITIVE, 1e9)?;
        }
        self.kind.check()
    }
}

impl Kind {
    fn check(&self) -> Result<(), DrawError> {
        match self {
            Kind::Checkpoint(learns) | Kind::Lora { learns, .. } if !learns.unet && !learns.text => {
                Err(invalid("nothing learns".into()))
            }
            Kind::Checkpoint(_) => Ok(()),
            Kind::Lora { rank, alpha, .. } => {
                within("rank", *rank as f64, 1.0, 4096.0)?;
                within("alpha", *alpha, f64::MIN_POSITIVE, 1e6).map(|_| ())
            }
            Kind::Words { word, vectors, .. } => {
                if word.trim().is_empty() {
                    return Err(invalid("a word to learn is not named".into()));
                }
                within("vectors", *vectors as f64, 1.0, 75.0).map(|_| ())
            }
            Kind::Hypernetwork(chain) => {
                let ends = (chain.layers.first(), chain.layers.last());
                if chain.layers.len() < 2 || chain.layers.len() > 64 || ends != (Some(&1.0), Some(&1.0)) {
                    return Err(invalid(format!("layers {:?}: from 1 to 1, by 64 at most", chain.layers)));
                }
                chain.layers.iter().try_for_each(|part| within("layers", *part, 0.01, 64.0).map(|_| ()))?;
                match Bend::named(&chain.activation) {
                    Some(_) => Ok(()),
                    None => Err(invalid(format!("activation {:?} is not known", chain.activation))),
                }
            }
        }
    }
}

pub(super) fn within(name: &str, value: f64, least: f64, most: f64) -> Result<f64, DrawError> {
    // What is no number is not within.
    if value >= least && value <= most {
        Ok(value)
    } else {
        Err(invalid(format!("{name} = {value} is not within {least} to {most}")))
    }
}

pub(super) fn invalid(message: String) -> DrawError {
    DrawError::new(Code::PlanInvalid, message)
}
