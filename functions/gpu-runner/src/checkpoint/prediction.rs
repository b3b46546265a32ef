//! What the denoiser of a file predicts, noise or v: its weights don't say.
//!
//! The first of these that does:
//! 1. the metadata `modelspec.prediction_type` (`epsilon`, or `v`), by the Stability AI Model Metadata Standard;
//! 2. tensors named `v_pred`, and `ztsnr` for a schedule that ends in nothing but noise, as some files of SDXL have;
//! 3. a file of the same name that ends in `.yaml`, as the families were first published with: `parameterization: "v"`,
//!    or anything else for noise;
//! 4. the family: v for Stable Diffusion 2 (as for 2.x-768; files of 2.x-base need 1 or 3), noise for the others.

use std::path::Path;

use super::kind::Kind;
use crate::DrawError;
use crate::models::config::{invalid, unsupported};
use crate::weights::Weights;

/// Real ones have 2 KB.
const MAX_YAML: u64 = 1 << 20;

const NOISE: &str = "epsilon";
const V: &str = "v_prediction";

/// What the configuration is to say, and whether the schedule ends in nothing but noise.
pub fn prediction(kind: Kind, path: &Path, weights: &Weights) -> Result<(&'static str, bool), DrawError> {
    let marked = |name: &str| weights.shape(name).is_some() || weights.others().iter().any(|other| other == name);
    if let Some(text) = weights.metadata().get("modelspec.prediction_type") {
        return match text.as_str() {
            "epsilon" => Ok((NOISE, false)),
            "v" | "v_prediction" => Ok((V, marked("ztsnr"))),
            other => Err(unsupported(format!("modelspec.prediction_type = {other:?}"))),
        };
    }
    if marked("v_pred") {
        return Ok((V, marked("ztsnr")));
    }
    Ok(match published(&path.with_extension("yaml"))? {
        Some(true) => (V, false),
        Some(false) => (NOISE, false),
        None if kind == Kind::Sd2 => (V, false),
        None => (NOISE, false),
    })
}

/// Whether the configuration beside the file says v; none where there is none.
fn published(path: &Path) -> Result<Option<bool>, DrawError> {
    let Ok(metadata) = std::fs::metadata(path) else { return Ok(None) };
    let place = |e: String| invalid(e).at(path.display());
    if metadata.len() > MAX_YAML {
        return Err(place(format!("{} bytes are too many for a configuration", metadata.len())));
    }
    let text = std::fs::read_to_string(path).map_err(|e| place(e.to_string()))?;
    let value = text.lines().find_map(|line| line.trim_start().strip_prefix("parameterization:"));
    Ok(Some(value.is_some_and(|value| value.trim().trim_matches(['"', '\'']) == "v")))
}
