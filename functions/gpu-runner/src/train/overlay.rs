//! A model with what was learnt in the place of what it had: to draw with, and to write.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result, Shape, Tensor};
use candle_nn::Init;
use candle_nn::var_builder::SimpleBackend;

use crate::DrawError;
use crate::checkpoint::embedded::TokenizerFiles;
use crate::models::config::Config;
use crate::pipeline::{Family, Parts};
use crate::tokenizer::Tokenizer;

pub struct Overlay<'a> {
    pub parts: &'a dyn Parts,
    /// By part and name, `unet/conv_in.weight`, as a training of a checkpoint gives them.
    pub learned: BTreeMap<String, Tensor>,
}

impl Parts for Overlay<'_> {
    fn family(&self) -> Family {
        self.parts.family()
    }

    fn config(&self, part: &str) -> std::result::Result<Config, DrawError> {
        self.parts.config(part)
    }

    fn weights(&self, part: &str) -> std::result::Result<Box<dyn SimpleBackend>, DrawError> {
        let own = self.learned.iter().filter_map(|(name, tensor)| {
            let name = name.strip_prefix(part)?.strip_prefix('/')?;
            Some((name.to_string(), tensor.clone()))
        });
        Ok(Box::new(Over { learned: own.collect(), below: self.parts.weights(part)? }))
    }

    fn numbers(&self, part: &str) -> std::result::Result<u64, DrawError> {
        self.parts.numbers(part)
    }

    fn tokenizer(&self, part: &str, length: usize, words: usize) -> std::result::Result<Tokenizer, DrawError> {
        self.parts.tokenizer(part, length, words)
    }

    fn tokenizer_files(&self, part: &str) -> std::result::Result<TokenizerFiles, DrawError> {
        self.parts.tokenizer_files(part)
    }
}

struct Over {
    learned: BTreeMap<String, Tensor>,
    below: Box<dyn SimpleBackend>,
}

impl SimpleBackend for Over {
    fn get(&self, shape: Shape, name: &str, init: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        match self.learned.get(name) {
            // A copy, as whoever asks may learn it in its turn.
            Some(learned) => learned.reshape(shape)?.to_dtype(dtype)?.to_device(device)?.copy(),
            None => self.below.get(shape, name, init, dtype, device),
        }
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        match self.learned.get(name) {
            Some(learned) => learned.to_dtype(dtype)?.to_device(device)?.copy(),
            None => self.below.get_unchecked(name, dtype, device),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.below.contains_tensor(name)
    }
}
