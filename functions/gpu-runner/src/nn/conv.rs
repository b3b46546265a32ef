//! Square convolutions, with what usually stands before and after them.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::{Module, Result, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, VarBuilder};

use super::cpu::conv::{Kernel, Walk};
use super::cpu::gradient::conv::{self as back, Way};
use super::cpu::{self, values};
use super::node::{Made, derived};
use super::precision::{must_widen, wide};
use super::side::Side;
use super::{Activation, GroupNorm, Weighted};

#[derive(Clone)]
pub struct Conv {
    weights: Weights,
    bias: Option<Tensor>,
    stride: usize,
    /// Above and to the left.
    padding: usize,
    side: Option<Box<Side<Conv>>>,
}

#[derive(Clone)]
enum Weights {
    /// (outputs, inputs, side, side), for devices and for what is trained.
    Plain(Tensor),
    /// The same for the CPU's kernel.
    Packed(Arc<Kernel>),
}

impl Weights {
    fn of(weight: &Tensor) -> Result<Self> {
        Ok(match cpu::serves([weight]) && !weight.track_op() {
            true => Self::Packed(Arc::new(pack(weight, false)?)),
            false => Self::Plain(weight.clone()),
        })
    }

    /// For the CPU's kernel, and for a doubling or not.
    fn packed(&self, doubles: bool) -> Result<Cow<'_, Kernel>> {
        Ok(match self {
            Self::Packed(kernel) if kernel.doubles() == doubles => Cow::Borrowed(kernel),
            _ => Cow::Owned(pack(&self.plain()?, doubles)?),
        })
    }

    /// (outputs, inputs, side, side).
    fn plain(&self) -> Result<Tensor> {
        match self {
            Self::Plain(weight) => Ok(weight.clone()),
            Self::Packed(kernel) => {
                let shape = (kernel.outputs, kernel.inputs, kernel.side, kernel.side);
                Tensor::from_vec(kernel.unpack(), shape, &candle_core::Device::Cpu)
            }
        }
    }

    fn serve(&self) -> bool {
        match self {
            Self::Plain(weight) => cpu::serves([weight]),
            Self::Packed(_) => true,
        }
    }
}

/// Of (outputs, inputs, side, side).
fn pack(weight: &Tensor, doubles: bool) -> Result<Kernel> {
    let (outputs, inputs, side, _) = weight.dims4()?;
    let weight = weight.contiguous()?;
    let weight = values(&weight)?;
    Ok(match doubles {
        true => Kernel::pack_doubling(&weight, outputs, inputs),
        false => Kernel::pack(&weight, outputs, inputs, side),
    })
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
    /// Stride 2 with a kernel of 3. `padding` is that above and to the left; right and below it goes as far as the
    /// kernel reaches.
    pub fn halving(channels: usize, padding: usize, vb: VarBuilder) -> Result<Self> {
        Self::load((channels, channels, 3), 2, padding, vb)
    }

    /// 3 × 3 over the picture doubled by nearest neighbour.
    pub fn doubling(channels: usize, vb: VarBuilder) -> Result<Self> {
        let mut conv = Self::load((channels, channels, 3), 1, 1, vb)?;
        if let Weights::Packed(kernel) = &conv.weights {
            conv.weights = Weights::Packed(Arc::new(Kernel::pack_doubling(&kernel.unpack(), channels, channels)));
        }
        Ok(conv)
    }

    /// (batch, channels, h, w) → (batch, channels, `size`), each side of which is double or one less: of one that
    /// doubles.
    pub fn forward_doubling(&self, x: &Tensor, size: (usize, usize)) -> Result<Tensor> {
        let (batch, channels, h, w) = x.dims4()?;
        if size.0.div_ceil(2) != h || size.1.div_ceil(2) != w {
            candle_core::bail!("{:?} is not doubled to {size:?}", x.shape());
        }
        let fast = self.serves([x]) && self.side.is_none();
        if fast && size == (2 * h, 2 * w) {
            let kernel = self.weights.packed(true)?;
            if channels != kernel.inputs {
                candle_core::bail!("{channels} channels for a convolution of {}", kernel.inputs);
            }
            let x = x.contiguous()?;
            let bias = self.bias.as_ref().map(values).transpose()?;
            let around = cpu::conv::Around { bias: bias.as_deref(), ..Default::default() };
            let walk = Walk { stride: 1, padding: 1, from: (h, w), to: size };
            let out = cpu::conv::conv(&kernel, &values(&x)?, walk, around);
            let way = Way { outputs: kernel.outputs, inputs: channels, side: 3, walk, doubles: true };
            drop(bias);
            return self.derived(Made::numbers(out, (batch, way.outputs, size.0, size.1)), way, x, Around::default());
        }
        // Nearest neighbour to 2h − 1 picks the rows of the one to 2h without its last. By broadcast because the
        // gradient of candle's own interpolation does not accumulate.
        let doubled = x
            .reshape((batch, channels, h, 1, w, 1))?
            .broadcast_as((batch, channels, h, 2, w, 2))?
            .reshape((batch, channels, 2 * h, 2 * w))?;
        let doubled = doubled.narrow(2, 0, size.0)?.narrow(3, 0, size.1)?.contiguous()?;
        // The last row and column see zeros where the sums of a doubling's weights have their pixel twice.
        self.forward(&doubled)
    }

    fn load(
        (inputs, outputs, side): (usize, usize, usize),
        stride: usize,
        padding: usize,
        vb: VarBuilder,
    ) -> Result<Self> {
        let conv = candle_nn::conv2d(inputs, outputs, side, Conv2dConfig::default(), vb)?;
        let (weight, bias) = (conv.weight(), conv.bias().cloned());
        Ok(Self { weights: Weights::of(weight)?, bias, stride, padding, side: None })
    }

    /// (outputs, inputs, side, side).
    pub fn weight(&self) -> Result<Tensor> {
        self.weights.plain()
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
        let Some(side) = &self.side else { return self.own(x, around) };
        let normed = match around.norm {
            Some((norm, act)) => act.apply(&norm.forward(x)?)?,
            None => x.clone(),
        };
        let out = self.own(&normed, Around { norm: None, ..around })?;
        let inner = (side.down.forward(&normed)? * side.scale)?;
        side.up.forward_with(&inner, Around { residual: Some(&out), ..Default::default() })
    }

    /// Without what stands beside it.
    fn own(&self, x: &Tensor, around: Around) -> Result<Tensor> {
        let given = [Some(x), around.shift, around.residual];
        let norms = around.norm.iter().flat_map(|(norm, _)| norm.parameters());
        if self.serves(given.into_iter().flatten().chain(norms)) {
            self.on_cpu(x, around)
        } else {
            self.plain(x, around)
        }
    }

    fn serves<'a>(&'a self, given: impl IntoIterator<Item = &'a Tensor>) -> bool {
        self.weights.serve() && cpu::serves(given.into_iter().chain(&self.bias))
    }

    fn on_cpu(&self, x: &Tensor, mut around: Around) -> Result<Tensor> {
        let kernel = self.weights.packed(false)?;
        let mut x = x.contiguous()?;
        if let Some((norm, act)) = around.norm.take_if(|(_, act)| *act != Activation::Silu) {
            x = act.apply(&norm.forward(&x)?)?;
        }
        let (batch, inputs, h, w) = x.dims4()?;
        let (height, width) = (self.reach(h, kernel.side)?, self.reach(w, kernel.side)?);
        let shape = (batch, kernel.outputs, height, width);
        if inputs != kernel.inputs
            || around.shift.is_some_and(|shift| shift.dims() != [batch, kernel.outputs])
            || around.residual.is_some_and(|residual| residual.dims() != [shape.0, shape.1, shape.2, shape.3])
        {
            candle_core::bail!("shapes around a convolution of {:?} do not fit", x.shape());
        }
        let norm = around.norm.map(|(norm, _)| norm.affine(&x)).transpose()?;
        let contiguous = |tensor: Option<&Tensor>| tensor.map(Tensor::contiguous).transpose();
        let (shift, residual) = (contiguous(around.shift)?, contiguous(around.residual)?);
        let walk = Walk { stride: self.stride, padding: self.padding, from: (h, w), to: (height, width) };
        let out = {
            let bias = self.bias.as_ref().map(values).transpose()?;
            let shift = shift.as_ref().map(values).transpose()?;
            let residual = residual.as_ref().map(values).transpose()?;
            let around = cpu::conv::Around {
                norm: norm.as_deref(),
                bias: bias.as_deref(),
                shift: shift.as_deref(),
                residual: residual.as_deref(),
            };
            cpu::conv::conv(&kernel, &values(&x)?, walk, around)
        };
        let way = Way { outputs: kernel.outputs, inputs, side: kernel.side, walk, doubles: false };
        let around = Around { norm: around.norm, shift: shift.as_ref(), residual: residual.as_ref() };
        self.derived(Made::numbers(out, shape), way, x, around)
    }

    /// A result with the way back from it. A norm of `around` is followed by silu.
    fn derived(&self, out: Made, way: Way, x: Tensor, around: Around) -> Result<Tensor> {
        let weight = match &self.weights {
            Weights::Plain(weight) => Some(weight),
            Weights::Packed(_) => None,
        };
        let asked = |tensor: Option<&Tensor>| tensor.is_some_and(Tensor::track_op);
        let norm = around.norm.map(|(norm, _)| norm.clone());
        let parameters = norm.as_ref().map(GroupNorm::parameters);
        let into = x.track_op() || parameters.is_some_and(|both| both.into_iter().any(Tensor::track_op));
        let (to_weight, to_planes) = (asked(weight), asked(self.bias.as_ref()) || asked(around.shift));
        let all = [
            Some(&x),
            parameters.map(|p| p[0]),
            parameters.map(|p| p[1]),
            weight,
            self.bias.as_ref(),
            around.shift,
            around.residual,
        ];
        let inputs: Vec<&Tensor> = all.into_iter().flatten().collect();
        let has = all.map(|input| input.is_some());
        let (weights, given, norm) = (self.weights.clone(), x.clone(), norm.clone());
        derived(out, &inputs, move |gradient| {
            let values_of = values(gradient)?;
            let x = values(&given)?;
            let mut parts = [const { None }; 7];
            if into {
                let weight = weights.plain()?.contiguous()?;
                let normed = back::input(way, &values(&weight)?, &values_of);
                match &norm {
                    Some(norm) => {
                        let [to_x, to_weight, to_bias] = norm.back(&given, normed, true)?;
                        (parts[0], parts[1], parts[2]) = (Some(to_x), Some(to_weight), Some(to_bias));
                    }
                    None => parts[0] = Some(Tensor::from_vec(normed, given.shape(), given.device())?),
                }
            }
            if to_weight {
                let affine = norm.as_ref().map(|norm| norm.affine(&given)).transpose()?;
                let weight = back::weights(way, &x, affine.as_deref(), &values_of);
                let shape = (way.outputs, way.inputs, way.side, way.side);
                parts[3] = Some(Tensor::from_vec(weight, shape, given.device())?);
            }
            if to_planes {
                let (batch, pixels) = (gradient.dim(0)?, way.walk.to.0 * way.walk.to.1);
                let (planes, channels) = back::planes(&values_of, pixels, way.outputs);
                parts[4] = Some(Tensor::from_vec(channels, way.outputs, given.device())?);
                parts[5] = Some(Tensor::from_vec(planes, (batch, way.outputs), given.device())?);
            }
            parts[6] = Some(gradient.clone());
            Ok(parts.into_iter().zip(has).filter(|(_, has)| *has).map(|(part, _)| part).collect())
        })
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
        if must_widen(x) {
            return self.widened()?.plain_of_half(x, around);
        }
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

impl Conv {
    fn widened(&self) -> Result<Self> {
        let bias = self.bias.as_ref().map(wide).transpose()?;
        Ok(Self { weights: Weights::Plain(wide(&self.weight()?)?), bias, side: None, ..*self })
    }

    fn plain_of_half(&self, x: &Tensor, around: Around) -> Result<Tensor> {
        let (shift, residual) = (around.shift.map(wide).transpose()?, around.residual.map(wide).transpose()?);
        let around = Around { norm: around.norm, shift: shift.as_ref(), residual: residual.as_ref() };
        self.plain(&wide(x)?, around)?.to_dtype(x.dtype())
    }
}

impl Weighted for Conv {
    fn set_weight(&mut self, weight: &Tensor) -> Result<()> {
        self.weights = match &self.weights {
            Weights::Plain(before) => Weights::Plain(weight.reshape(before.shape())?),
            Weights::Packed(before) => {
                let weight = weight.reshape((before.outputs, before.inputs, before.side, before.side))?;
                Weights::Packed(Arc::new(pack(&weight, before.doubles())?))
            }
        };
        Ok(())
    }

    fn set_side(&mut self, down: &Tensor, up: &Tensor, scale: f64) -> Result<()> {
        let rank = down.dim(0)?;
        let up = Weights::of(&up.reshape(((), rank, 1, 1))?)?;
        let down = Self { weights: Weights::of(down)?, bias: None, side: None, ..*self };
        let up = Self { weights: up, bias: None, stride: 1, padding: 0, side: None };
        self.side = Some(Box::new(Side { down, up, scale }));
        Ok(())
    }
}
