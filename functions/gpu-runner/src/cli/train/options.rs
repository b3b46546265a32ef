//! What is said about a training → its plan.

use anyhow::{Result, bail, ensure};
use clap::{Args, ValueEnum};

use crate::cli::hardware::bytes;
use crate::train::{AdamW, Chain, Course, Kind, Learns, Plan, Rate, Shape, Times, Weighting};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Type {
    /// A change of the model's layers in a small file
    Lora,
    /// The model itself
    Ckp,
    /// Vectors for a word (textual inversion)
    Ti,
    /// A hypernetwork
    Hyper,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Networks {
    Unet,
    Text,
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Schedule {
    Constant,
    Linear,
    Cosine,
}

/// How it learns
#[derive(Args)]
pub struct Options {
    /// Steps, each of one batch
    #[arg(long, required_unless_present = "epochs", conflicts_with = "epochs")]
    steps: Option<usize>,
    /// Times that every picture is seen
    #[arg(long)]
    epochs: Option<usize>,
    /// Pictures in a step
    #[arg(long, default_value_t = 1)]
    batch: usize,
    /// Learning rate [default: lora 1e-4, ckp 1e-5, ti 5e-3, hyper 5e-5]
    #[arg(long)]
    lr: Option<f64>,
    /// That of text encoders, where they learn [default: that of the UNet]
    #[arg(long)]
    text_lr: Option<f64>,
    #[arg(long, value_enum, default_value = "constant")]
    lr_schedule: Schedule,
    /// Steps in which the rate rises from 0
    #[arg(long, default_value_t = 0)]
    warm_up: usize,
    #[arg(long, default_value_t = AdamW::default().decay)]
    weight_decay: f64,
    /// Longest gradient; 0 for no bound
    #[arg(long, default_value_t = 1.0)]
    clip: f64,
    /// Of ckp: the result is a moving average of the weights with this decay, such as 0.999
    #[arg(long)]
    ema: Option<f64>,
    /// How often a picture is shown without its caption, 0 to 1
    #[arg(long, default_value_t = 0.0)]
    caption_dropout: f64,
    /// How much pictures of --prior count
    #[arg(long, default_value_t = 1.0)]
    prior_weight: f64,
    /// Bounds how much times of little noise count (min-SNR); 5 is usual
    #[arg(long, conflicts_with = "noise_weighted", value_name = "GAMMA")]
    min_snr: Option<f64>,
    /// Times count by their share of noise
    #[arg(long)]
    noise_weighted: bool,
    /// uniform, power:P (above 1 towards noise) or logit-normal:MEAN:DEVIATION
    #[arg(long, default_value = "uniform", value_parser = times)]
    timesteps: Times,
    /// Which networks learn [default: lora both, ckp unet]
    #[arg(long, value_enum)]
    networks: Option<Networks>,
    /// Of lora
    #[arg(long, default_value_t = 8)]
    rank: usize,
    /// Of lora: the change is scaled by alpha / rank [default: the rank]
    #[arg(long)]
    alpha: Option<f64>,
    /// Of lora: change convolutions as well
    #[arg(long)]
    conv: bool,
    /// Of ti: how many vectors the word has
    #[arg(long, default_value_t = 1)]
    vectors: usize,
    /// Of ti: words that it begins as
    #[arg(long, default_value = "*")]
    init_words: String,
    /// Of hyper: widths of its layers
    #[arg(long, value_delimiter = ',', default_value = "1,2,1")]
    layers: Vec<f64>,
    /// Of hyper: linear, relu, leakyrelu, elu, swish, tanh or sigmoid
    #[arg(long, default_value = "linear")]
    activation: String,
    /// Of hyper: a layer norm behind each layer
    #[arg(long)]
    layer_norm: bool,
    /// The same seed gives the same file
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Less memory and a third more time: what gradients need is computed again rather than kept
    #[arg(long)]
    gradient_checkpointing: bool,
    /// Memory for encoded pictures, such as 4G; those that find no room are encoded each time they are seen
    #[arg(long, default_value = "1G", value_parser = bytes)]
    cache: u64,
    /// Steps between two savings of the state: what a kill costs at most
    #[arg(long, default_value_t = 100)]
    save_every: usize,
}

impl Options {
    /// `per_epoch`: steps that show every picture once with so many in a batch.
    pub fn plan(&self, kind: Type, trigger: Option<&str>, per_epoch: impl Fn(usize) -> usize) -> Result<Plan> {
        let learns = |usual| match self.networks.unwrap_or(usual) {
            Networks::Unet => Learns { unet: true, text: false },
            Networks::Text => Learns { unet: false, text: true },
            Networks::Both => Learns { unet: true, text: true },
        };
        ensure!(self.ema.is_none() || kind == Type::Ckp, "--ema is for --type ckp");
        let kind = match kind {
            Type::Ckp => Kind::Checkpoint(learns(Networks::Unet)),
            Type::Lora => Kind::Lora {
                rank: self.rank,
                alpha: self.alpha.unwrap_or(self.rank as f64),
                convolutions: self.conv,
                learns: learns(Networks::Both),
            },
            Type::Ti => {
                let Some(word) = trigger else { bail!("--type ti learns the word of --trigger, which is not given") };
                Kind::Words { word: word.to_string(), vectors: self.vectors, from: self.init_words.clone() }
            }
            Type::Hyper => Kind::Hypernetwork(Chain {
                layers: self.layers.clone(),
                activation: self.activation.clone(),
                norm: self.layer_norm,
                ..Chain::default()
            }),
        };
        let steps = match (self.steps, self.epochs) {
            (Some(steps), _) => steps,
            (None, epochs) => epochs.unwrap_or(1).saturating_mul(per_epoch(self.batch)),
        };
        let mut plan = Plan::new(kind, steps);
        let shape = match self.lr_schedule {
            Schedule::Constant => Shape::Constant,
            Schedule::Linear => Shape::Linear,
            Schedule::Cosine => Shape::Cosine,
        };
        let rate = Rate { peak: self.lr.unwrap_or(plan.course.rate.peak), shape, warm_up: self.warm_up };
        plan.course = Course {
            adamw: AdamW { decay: self.weight_decay, ..AdamW::default() },
            clip: (self.clip != 0.0).then_some(self.clip),
            average: self.ema,
            save_every: self.save_every,
            ..Course::new(steps, rate)
        };
        plan.batch = self.batch;
        plan.times = self.timesteps;
        plan.weighting = match self.min_snr {
            Some(gamma) => Weighting::MinSnr(gamma),
            None if self.noise_weighted => Weighting::Noise,
            None => Weighting::Plain,
        };
        plan.text_rate = self.text_lr.map_or(1.0, |text| text / rate.peak);
        plan.caption_dropout = self.caption_dropout;
        plan.prior_weight = self.prior_weight;
        plan.seed = self.seed;
        plan.recompute = self.gradient_checkpointing;
        plan.latents = self.cache;
        plan.check()?;
        Ok(plan)
    }
}

fn times(text: &str) -> Result<Times, String> {
    let number = |text: &str| text.parse::<f64>().map_err(|_| format!("{text:?} is no number"));
    let words: Vec<&str> = text.split(':').collect();
    match words.as_slice() {
        ["uniform"] => Ok(Times::Uniform),
        ["power", power] => Ok(Times::Power(number(power)?)),
        ["logit-normal", mean, deviation] => {
            Ok(Times::LogitNormal { mean: number(mean)?, deviation: number(deviation)? })
        }
        _ => Err("uniform, power:P or logit-normal:MEAN:DEVIATION".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(times("uniform"), Ok(Times::Uniform));
        assert_eq!(times("power:2"), Ok(Times::Power(2.0)));
        assert_eq!(times("logit-normal:-0.5:1"), Ok(Times::LogitNormal { mean: -0.5, deviation: 1.0 }));
        for text in ["", "power", "power:x", "logit-normal:1", "uniform:1"] {
            assert!(times(text).is_err(), "{text}");
        }
    }
}
