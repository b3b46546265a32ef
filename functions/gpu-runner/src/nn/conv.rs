//! Square convolutions, with what usually stands before and after them.

use candle_core::{Module, Result, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, VarBuilder};

use super::cpu::conv::{Kernel, Walk};
use super::cpu::{self, values};
use super::{Activation, GroupNorm, Weighted};

pub struct Conv {
    weights: Weights,
use super::node::{Made, derived};
use super::precision::{must_widen, wide};
    bias: Option<Tensor>,
    stride: usize,
    /// Above and to the left.
    padding: usize,
}

enum Weights {
    /// (outputs, inputs, side, side), for devices and for training.
    Plain(Tensor),
    /// The same for the CPU's kernel.
    Packed(Kernel),
}

/// What is done to a picture around a convolution.
#[derive(Default)]
pub struct Around<'a> {
    /// First the input is normed and activated.
    pub norm: Option<(&'a GroupNorm, Activation)>,
    /// (batch, outputs), added to all pixels.
    pub shift: Option<&'a Tensor>,
    /// Of the result's shape, added to it.
    pub residual: Option<&'a Tensor>,
}

/// `kernel` × `kernel`, stride 1, padded so that the picture keeps its size. `kernel` is odd.
pub fn conv(inputs: usize, outputs: usize, kernel: usize, vb: VarBuilder) -> Result<Conv> {
    Conv::load((inputs, outputs, kernel), 1, kernel / 2, vb)
}

impl Conv {
    /// Stride 2 with a kernel of 3. `padding` is that above and to the left; right and below it goes as far as the kernel
    /// reaches.
    pub fn halving(channels: usize, padding: usize, vb: VarBuilder) -> Result<Self> {
        Self::load((channels, channels, 3), 2, padding, vb)
    }

    /// 3 × 3 over the picture doubled by nearest neighbour.
    pub fn doubling(channels: usize, vb: VarBuilder) -> Result<Self> {
        let mut conv = Self::load((channels, channels, 3), 1, 1, vb)?;
        if let Weights::Packed(kernel) = &conv.weights {
            conv.weights = Weights::Packed(Kernel::pack_doubling(&kernel.unpack(), channels, channels));
        }
        Ok(conv)
    }

    /// (batch, channels, h, w) → (batch, channels, `size`), each side of which is double or one less: of one that doubles.
    pub fn forward_doubling(&self, x: &Tensor, size: (usize, usize)) -> Result<Tensor> {
        let (batch, channels, h, w) = x.dims4()?;
        if size.0.div_ceil(2) != h || size.1.div_ceil(2) != w {
            candle_core::bail!("{:?} is not doubled to {size:?}", x.shape());
        }
        let fast = match &self.weights {
            Weights::Packed(kernel) if cpu::serves([x]) && channels == kernel.inputs => Some(kernel),
            _ => None,
        };
        if let (Some(kernel), true) = (fast, size == (2 * h, 2 * w)) {
            let x = x.contiguous()?;
            let bias = self.bias.as_ref().map(values).transpose()?;
            let around = cpu::conv::Around { bias: bias.as_deref(), ..Default::default() };
            let walk = Walk { stride: 1, padding: 1, from: (h, w), to: size };
            let out = cpu::conv::conv(kernel, &values(&x)?, walk, around);
            return Tensor::from_vec(out, (batch, kernel.outputs, size.0, size.1), x.device());
        }
        // Nearest neighbour to 2h − 1 picks the rows of the one to 2h without its last. By broadcast because the
        // gradient of candle's own interpolation does not accumulate.
        let doubled = x
            .reshape((batch, channels, h, 1, w, 1))?
            .broadcast_as((batch, channels, h, 2, w, 2))?
            .reshape((batch, channels, 2 * h, 2 * w))?;
        let doubled = doubled.narrow(2, 0, size.0)?.narrow(3, 0, size.1)?.contiguous()?;
        match fast {
            // The last row and column see zeros where the sums of the weights have their pixel twice.
            Some(kernel) => {
                let each = Kernel::pack(&kernel.unpack(), kernel.outputs, kernel.inputs, kernel.side);
                self.on_cpu(&each, &doubled, Around::default())
            }
            None => self.plain(&doubled, Around::default()),
        }
    }

    fn load(
        (inputs, outputs, side): (usize, usize, usize),
        stride: usize,
        padding: usize,
        vb: VarBuilder,
    ) -> Result<Self> {
        let conv = candle_nn::conv2d(inputs, outputs, side, Conv2dConfig::default(), vb)?;
        let (weight, bias) = (conv.weight(), conv.bias().cloned());
        let weights = if cpu::serves([weight].into_iter().chain(&bias)) {
            let weight = weight.contiguous()?;
            Weights::Packed(Kernel::pack(&values(&weight)?, outputs, inputs, side))
        } else {
            Weights::Plain(weight.clone())
        };
        Ok(Self { weights, bias, stride, padding })
    }

    /// (outputs, inputs, side, side).
    pub fn weight(&self) -> Result<Tensor> {
        match &self.weights {
            Weights::Plain(weight) => Ok(weight.clone()),
            Weights::Packed(kernel) => {
                let shape = (kernel.outputs, kernel.inputs, kernel.side, kernel.side);
                Tensor::from_vec(kernel.unpack(), shape, &candle_core::Device::Cpu)
            }
        }
    }

    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    /// (batch, inputs, h, w) → (batch, outputs, h, w), or half of h and w: with padding 1 rounded up, with 0 down.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_with(x, Around::default())
    }

    /// The same with what stands around it.
    pub fn forward_with(&self, x: &Tensor, around: Around) -> Result<Tensor> {
        let given = [Some(x), around.shift, around.residual];
        let norms = around.norm.iter().flat_map(|(norm, _)| norm.parameters());
        match &self.weights {
            Weights::Packed(kernel) if cpu::serves(given.into_iter().flatten().chain(norms)) => {
                self.on_cpu(kernel, x, around)
            }
            _ => self.plain(x, around),
        }
    }

    fn on_cpu(&self, kernel: &Kernel, x: &Tensor, around: Around) -> Result<Tensor> {
        let x = match around.norm {
            Some((norm, act)) if act != Activation::Silu => act.apply(&norm.forward(x)?)?,
            _ => x.contiguous()?,
        };
        let (batch, inputs, h, w) = x.dims4()?;
        let (height, width) = (self.reach(h, kernel.side)?, self.reach(w, kernel.side)?);
        let shape = (batch, kernel.outputs, height, width);
        if inputs != kernel.inputs
            || around.shift.is_some_and(|shift| shift.dims() != [batch, kernel.outputs])
            || around.residual.is_some_and(|residual| residual.dims() != [shape.0, shape.1, shape.2, shape.3])
        {
            candle_core::bail!("shapes around a convolution of {:?} do not fit", x.shape());
        }
        let norm = match around.norm {
            Some((norm, Activation::Silu)) => Some(norm.affine(&x)?),
            _ => None,
        };
        let contiguous = |tensor: Option<&Tensor>| tensor.map(Tensor::contiguous).transpose();
        let (shift, residual) = (contiguous(around.shift)?, contiguous(around.residual)?);
        let bias = self.bias.as_ref().map(values).transpose()?;
        let shift = shift.as_ref().map(values).transpose()?;
        let residual = residual.as_ref().map(values).transpose()?;
        let around = cpu::conv::Around {
            norm: norm.as_deref(),
            bias: bias.as_deref(),
            shift: shift.as_deref(),
            residual: residual.as_deref(),
        };
        let walk = Walk { stride: self.stride, padding: self.padding, from: (h, w), to: (height, width) };
        Tensor::from_vec(cpu::conv::conv(kernel, &values(&x)?, walk, around), shape, x.device())
    }

    /// How many results a side gives.
    fn reach(&self, side: usize, kernel: usize) -> Result<usize> {
        let padded = side + self.padding + if self.stride == 1 { self.padding } else { 1 };
        match padded.checked_sub(kernel) {
            Some(room) if side > 0 => Ok(room / self.stride + 1),
            _ => candle_core::bail!("a side of {side} is too small for a convolution"),
        }
    }

    fn plain(&self, x: &Tensor, around: Around) -> Result<Tensor> {
        let mut x = x.clone();
        if let Some((norm, act)) = around.norm {
            x = act.apply(&norm.forward(&x)?)?;
        }
        let weight = self.weight()?;
        if self.stride != 1 {
            // Pads by hand, and on the far side only as far as the kernel reaches: candle's gradient of a strided
            // convolution needs the sides to come out even.
            let kernel = weight.dim(3)?;
            for dim in [2, 3] {
                let side = x.dim(dim)?;
                let reach = self.stride * (self.reach(side, kernel)? - 1) + kernel;
                // With no padding, the last pixel of an even side may be beyond the reach.
                let missing = reach.saturating_sub(self.padding + side);
                x = x.pad_with_zeros(dim, self.padding, missing)?.narrow(dim, 0, reach)?;
            }
        }
        let padding = if self.stride == 1 { self.padding } else { 0 };
        let config = Conv2dConfig { stride: self.stride, padding, ..Default::default() };
        let mut out = Conv2d::new(weight, self.bias.clone(), config).forward(&x)?;
        if let Some(shift) = around.shift {
            out = out.broadcast_add(&shift.unsqueeze(2)?.unsqueeze(3)?)?;
        }
        match around.residual {
            Some(residual) => out + residual,
            None => Ok(out),
        }
    }
}

impl Weighted for Conv {
    fn set_weight(&mut self, weight: &Tensor) -> Result<()> {
        self.weights = match &self.weights {
            Weights::Plain(before) => Weights::Plain(weight.reshape(before.shape())?),
            Weights::Packed(before) => {
                let (outputs, inputs, side) = (before.outputs, before.inputs, before.side);
                let weight = weight.reshape((outputs, inputs, side, side))?.contiguous()?;
                let weights = values(&weight)?;
                Weights::Packed(match before.doubles() {
                    true => Kernel::pack_doubling(&weights, outputs, inputs),
                    false => Kernel::pack(&weights, outputs, inputs, side),
                })
            }
        };
        Ok(())
    }
}
        if must_widen(x) {
            return self.widened()?.plain_of_half(x, around);
        }
impl Conv {
    fn widened(&self) -> Result<Self> {
        let bias = self.bias.as_ref().map(wide).transpose()?;
        Ok(Self { weights: Weights::Plain(wide(&self.weight()?)?), bias, ..*self })
    }

    fn plain_of_half(&self, x: &Tensor, around: Around) -> Result<Tensor> {
        let (shift, residual) = (around.shift.map(wide).transpose()?, around.residual.map(wide).transpose()?);
        let around = Around { norm: around.norm, shift: shift.as_ref(), residual: residual.as_ref() };
        self.plain(&wide(x)?, around)?.to_dtype(x.dtype())
    }
}

