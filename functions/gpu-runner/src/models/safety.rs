//! Stable Diffusion's safety checker: how near a picture is to the directions of some concepts, each with its own
//! bound.

use candle_core::{D, Device, Result, Tensor};
use candle_nn::VarBuilder;

use super::clip::{Vision, VisionConfig};
use super::config::{Config, invalid};
use crate::DrawError;

/// Concepts, and those near which the others count sooner.
const CONCEPTS: usize = 17;
const SPECIAL: usize = 3;
/// By how much.
const SOONER: f64 = 0.01;

pub struct Safety {
    vision: Vision,
    concepts: Directions,
    special: Directions,
}

struct Directions {
    /// (count, width), of unit length.
    vectors: Tensor,
    bounds: Vec<f32>,
}

/// How far beyond its bound each is, for one picture, in thousandths; the concepts with what the special ones add.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    pub special: Vec<f64>,
    pub concepts: Vec<f64>,
}

impl Scores {
    pub fn flagged(&self) -> bool {
        self.concepts.iter().any(|score| *score > 0.0)
    }
}

impl Safety {
    /// Of `safety_checker/config.json`: the image encoder's stand inside, the width they share beside.
    pub fn config(config: &Config) -> std::result::Result<VisionConfig, DrawError> {
        let outer = config.get("projection_dim").cloned();
        let inner = config.get("vision_config").cloned().ok_or_else(|| invalid("vision_config is missing".into()))?;
        let mut inner: Config = serde_json::from_value(inner).map_err(|e| invalid(e.to_string()))?;
        inner.set("projection_dim", outer.unwrap_or(512.into()));
        VisionConfig::checked(&inner)
    }

    pub fn load(config: &VisionConfig, vb: VarBuilder) -> Result<Self> {
        let directions = |count: usize, name: &str| {
            Ok::<_, candle_core::Error>(Directions {
                vectors: unit(&vb.get((count, config.projection_dim), name)?)?,
                bounds: vb.get(count, &format!("{name}_weights"))?.to_device(&Device::Cpu)?.to_vec1()?,
            })
        };
        Ok(Self {
            vision: Vision::load_parts(config, vb.pp("vision_model.vision_model"), vb.clone())?,
            concepts: directions(CONCEPTS, "concept_embeds")?,
            special: directions(SPECIAL, "special_care_embeds")?,
        })
    }

    /// Of one picture (1, 3, side, side).
    pub fn scores(&self, pixels: &Tensor) -> Result<Scores> {
        let seen = unit(&self.vision.forward(pixels)?)?;
        // As in the reference: each special one that is reached counts for those behind it as well.
        let mut sooner = 0.0;
        let mut special = Vec::with_capacity(SPECIAL);
        for (near, bound) in self.special.nearness(&seen)?.into_iter().zip(&self.special.bounds) {
            let score = rounded(f64::from(near) - f64::from(*bound) + sooner);
            if score > 0.0 {
                sooner = SOONER;
            }
            special.push(score);
        }
        let near = self.concepts.nearness(&seen)?.into_iter().zip(&self.concepts.bounds);
        let concepts = near.map(|(near, bound)| rounded(f64::from(near) - f64::from(*bound) + sooner)).collect();
        Ok(Scores { special, concepts })
    }
}

impl Directions {
    /// Cosines to one vector (1, width) of unit length.
    fn nearness(&self, seen: &Tensor) -> Result<Vec<f32>> {
        seen.matmul(&self.vectors.t()?)?.squeeze(0)?.to_device(&Device::Cpu)?.to_vec1()
    }
}

fn rounded(score: f64) -> f64 {
    (score * 1000.0).round_ties_even() / 1000.0
}

fn unit(x: &Tensor) -> Result<Tensor> {
    x.broadcast_div(&x.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?.maximum(1e-12)?)
}
