//! Names of tensors in the diffusers layout → where the tensor is in a file as Stable Diffusion was first published.
//!
//! The networks are the same; their blocks are counted in another way and the layers of some have other names.

pub mod text;
pub mod unet;
pub mod vae;

/// Where a tensor is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// As it is, but for dimensions of 1 at the end.
    Whole(String),
    /// One of so many equal parts, along the first dimension.
    Part { name: String, index: usize, of: usize },
    /// With its two dimensions exchanged.
    Transposed(String),
}

/// `"3.resnets.1.conv1.weight"` → 3, `"resnets"`, 1, `"conv1.weight"`.
fn block(name: &str) -> Option<(usize, &str, usize, &str)> {
    let (level, rest) = name.split_once('.')?;
    let (kind, i, rest) = layer(rest)?;
    Some((level.parse().ok()?, kind, i, rest))
}

/// `"resnets.1.conv1.weight"` → `"resnets"`, 1, `"conv1.weight"`.
fn layer(name: &str) -> Option<(&str, usize, &str)> {
    let mut parts = name.splitn(3, '.');
    let (kind, i, rest) = (parts.next()?, parts.next()?, parts.next()?);
    Some((kind, i.parse().ok()?, rest))
}
