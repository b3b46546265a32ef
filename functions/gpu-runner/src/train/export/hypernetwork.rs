//! Hypernetworks, with the keys of AUTOMATIC1111's web UI as `adapters::hypernetwork` reads them.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Tensor};

use super::about::{About, save};
use super::file::{Pending, Tensors};
use crate::DrawError;

/// What its tensors don't tell.
pub struct Structure<'a> {
    /// Widths of the layers, as parts of the width that is bent: `[1, 2, 1]`.
    pub layers: &'a [f64],
    /// By the web UI's name: `linear`, `relu`, ….
    pub activation: &'a str,
    /// Behind the last layer as well.
    pub activate_output: bool,
    pub norm: bool,
}

/// `tensors` by the names in the file: `{width}.{0 for keys, 1 for values}.linear.{i}.weight` and `.bias`.
pub fn hypernetwork(
    path: &Path,
    tensors: &BTreeMap<String, Tensor>,
    structure: &Structure,
    about: &About,
    dtype: DType,
) -> Result<(), DrawError> {
    let tensors: Tensors = tensors.iter().map(|(name, tensor)| (name.clone(), Pending::of(tensor))).collect();
    let mut texts = about.adapter("hypernetwork");
    // As Python writes it.
    let boolean = |value: bool| if value { "True" } else { "False" }.to_string();
    texts.insert("activation_func".into(), structure.activation.into());
    texts.insert("activate_output".into(), boolean(structure.activate_output));
    texts.insert("is_layer_norm".into(), boolean(structure.norm));
    texts.insert("layer_structure".into(), format!("{:?}", structure.layers));
    texts.insert("name".into(), about.title.clone());
    texts.insert("sd_checkpoint_name".into(), about.base.name.clone());
    texts.insert("sd_checkpoint".into(), about.base.hash.chars().take(10).collect());
    save(path, &tensors, texts, dtype)
}
