//! What the denoiser sees of pictures beside the one it works on.
//!
//! Reference-only control (Zhang 2023), the shared attention of Hertz et al. 2023: a reference is brought to the same
//! noise level and shown to the same denoiser; wherever pixels of the picture attend to each other they then attend to
//! those of the reference as well. Subjects, materials and colours carry over, the layout stays the picture's own, and
//! no training is needed.

use candle_core::{Result, Tensor};

/// What each attention among pixels looked at in references, in the order of a forward pass: (1, pixels of all of them,
/// width).
#[derive(Default)]
pub struct Features(Vec<Tensor>);

/// What one forward pass does with features; of its own for each pass.
pub enum Sight<'a> {
    /// The picture is on its own.
    Alone,
    /// The picture is a reference: what it is made of goes behind that of the references before it.
    Noting { features: &'a mut Features, next: usize },
    /// The picture sees the references.
    Beside { features: &'a Features, next: usize },
}

impl<'a> Sight<'a> {
    pub fn noting(features: &'a mut Features) -> Self {
        Self::Noting { features, next: 0 }
    }

    pub fn beside(features: &'a Features) -> Self {
        if features.0.is_empty() { Self::Alone } else { Self::Beside { features, next: 0 } }
    }

    /// What the pixels (batch, pixels, width) of the next attention attend to; themselves first.
    pub(super) fn context(&mut self, pixels: &Tensor) -> Result<Tensor> {
        match self {
            Self::Alone => Ok(pixels.clone()),
            Self::Noting { features: Features(seen), next } => {
                let (batch, count, width) = pixels.dims3()?;
                let own = pixels.reshape((1, batch * count, width))?;
                match seen.get_mut(*next) {
                    Some(before) => *before = Tensor::cat(&[&*before, &own], 1)?,
                    None => seen.push(own),
                }
                *next += 1;
                Ok(pixels.clone())
            }
            Self::Beside { features: Features(seen), next } => {
                let Some(others) = seen.get(*next) else { candle_core::bail!("references of another denoiser") };
                *next += 1;
                let (_, count, width) = others.dims3()?;
                Tensor::cat(&[pixels, &others.broadcast_as((pixels.dim(0)?, count, width))?], 1)
            }
        }
    }
}
