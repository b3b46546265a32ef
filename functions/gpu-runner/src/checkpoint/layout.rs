//! Where the tensors of each network are in a file: for who reads one, and for who writes one.

use super::Kind;
use super::kind::{Encoder, UNET, VAE};
use super::names::unet::Blocks;
use super::names::{Origin, text, vae};
use crate::{Code, DrawError};

/// From a tensor's name in the diffusers layout, behind the prefix of its network.
pub(crate) type Names = Box<dyn Fn(&str) -> Option<Origin> + Send + Sync>;

pub(crate) struct Layout {
    pub kind: Kind,
    pub blocks: Blocks,
    /// Sizes that a picture has in the autoencoder.
    pub vae_levels: usize,
}

impl Layout {
    /// What stands before every name of a part's tensors, and their names behind it.
    pub fn names(&self, part: &str) -> Result<(&'static str, Names), DrawError> {
        Ok(match (part, self.encoder(part)) {
            ("unet", _) => {
                let blocks = self.blocks.clone();
                (UNET, Box::new(move |name| blocks.original(name).map(Origin::Whole)))
            }
            ("vae", _) => {
                let levels = self.vae_levels;
                (VAE, Box::new(move |name| vae::original(name, levels).map(Origin::Whole)))
            }
            (_, Some(encoder)) if encoder.open_clip => (encoder.prefix, Box::new(text::open_clip)),
            (_, Some(encoder)) => (encoder.prefix, Box::new(|name| Some(Origin::Whole(name.to_string())))),
            _ => return Err(DrawError::new(Code::Internal, format!("no part {part}"))),
        })
    }

    pub fn encoder(&self, part: &str) -> Option<Encoder> {
        let encoders = self.kind.encoders().iter().zip(self.kind.family().texts());
        encoders.into_iter().find_map(|(encoder, (name, _))| (*name == part).then_some(*encoder))
    }
}
