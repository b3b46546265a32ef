//! What is done to all parameters in every step, in one pass over memory where they are in memory, and by candle's
//! operations elsewhere.

use candle_core::{CpuStorage, DType, InplaceOp2, InplaceOp3, Layout, Result, Tensor};
use rayon::prelude::*;

/// Numbers that a thread takes at a time. What comes of each number does not depend on it.
const PIECE: usize = 1 << 16;

/// `keep` · target + `add` · given, or of the given's square.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    pub keep: f64,
    pub add: f64,
    pub squared: bool,
}

impl Mix {
    pub fn apply(self, target: &mut Tensor, given: &Tensor) -> Result<()> {
        if serves(target) && serves(given) {
            return target.inplace_op2(&given.contiguous()?, &self);
        }
        let given = if self.squared { given.sqr()? } else { given.clone() };
        *target = ((&*target * self.keep)? + (given * self.add)?)?;
        Ok(())
    }
}

impl InplaceOp2 for Mix {
    fn name(&self) -> &'static str {
        "mix"
    }

    fn cpu_fwd(&self, target: &mut CpuStorage, at: &Layout, given: &CpuStorage, from: &Layout) -> Result<()> {
        let (keep, add) = (self.keep as f32, self.add as f32);
        let (target, given) = (numbers_mut(target, at)?, numbers(given, from)?);
        target.par_chunks_mut(PIECE).zip(given.par_chunks(PIECE)).for_each(|(target, given)| {
            let pairs = target.iter_mut().zip(given);
            match self.squared {
                true => pairs.for_each(|(t, g)| *t = *t * keep + g * g * add),
                false => pairs.for_each(|(t, g)| *t = *t * keep + g * add),
            }
        });
        Ok(())
    }
}

/// `keep` · target − `size` · first / (√second / `root` + `eps`).
#[derive(Clone, Copy, Debug)]
pub struct Descend {
    pub keep: f64,
    pub size: f64,
    pub root: f64,
    pub eps: f64,
}

impl Descend {
    /// What the target is afterwards, where it was not changed in place.
    pub fn apply(self, target: &Tensor, [first, second]: [&Tensor; 2]) -> Result<Option<Tensor>> {
        if [target, first, second].into_iter().all(serves) && target.is_contiguous() {
            target.inplace_op3(first, second, &self)?;
            return Ok(None);
        }
        let below = ((second.sqrt()? / self.root)? + self.eps)?;
        Ok(Some(((target * self.keep)? - ((first * self.size)? / below)?)?))
    }
}

impl InplaceOp3 for Descend {
    fn name(&self) -> &'static str {
        "descend"
    }

    fn cpu_fwd(
        &self,
        target: &mut CpuStorage,
        at: &Layout,
        first: &CpuStorage,
        at_first: &Layout,
        second: &CpuStorage,
        at_second: &Layout,
    ) -> Result<()> {
        let [keep, size, root, eps] = [self.keep, self.size, self.root, self.eps].map(|number| number as f32);
        let (first, second) = (numbers(first, at_first)?, numbers(second, at_second)?);
        let target = numbers_mut(target, at)?;
        let moments = first.par_chunks(PIECE).zip(second.par_chunks(PIECE));
        target.par_chunks_mut(PIECE).zip(moments).for_each(|(target, (first, second))| {
            for ((t, m), v) in target.iter_mut().zip(first).zip(second) {
                *t = *t * keep - size * m / (v.sqrt() / root + eps);
            }
        });
        Ok(())
    }
}

fn serves(tensor: &Tensor) -> bool {
    tensor.device().is_cpu() && tensor.dtype() == DType::F32
}

fn numbers<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let all = storage.as_slice::<f32>()?;
    let found = layout.contiguous_offsets().and_then(|(start, end)| all.get(start..end));
    found.ok_or_else(|| candle_core::Error::Msg("numbers that do not lie in a row".into()))
}

fn numbers_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    let found = match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(all), Some((start, end))) => all.get_mut(start..end),
        _ => None,
    };
    found.ok_or_else(|| candle_core::Error::Msg("numbers that do not lie in a row".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Noise;
    use candle_core::Device;

    fn random(seed: u64, dtype: DType) -> Tensor {
        Noise::new(seed).tensor(&[3, PIECE + 7], DType::F32, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
    }

    fn apart(a: &Tensor, b: &Tensor) -> f64 {
        let [a, b] = [a, b].map(|t| t.to_dtype(DType::F64).unwrap());
        (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
    }

    /// Double precision goes by candle's operations.
    #[test]
    fn both_ways_are_the_same() {
        for squared in [false, true] {
            let mix = Mix { keep: 0.9, add: 0.25, squared };
            let of = |dtype| {
                let mut target = random(1, dtype);
                mix.apply(&mut target, &random(2, dtype)).unwrap();
                target
            };
            assert!(apart(&of(DType::F32), &of(DType::F64)) < 1e-6);
        }
        let descend = Descend { keep: 0.99, size: 0.1, root: 0.5, eps: 1e-3 };
        let of = |dtype| {
            let (target, second) = (random(1, dtype), random(3, dtype).sqr().unwrap());
            descend.apply(&target, [&random(2, dtype), &second]).unwrap().unwrap_or(target)
        };
        let (fast, plain) = (of(DType::F32), of(DType::F64));
        let largest = plain.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
        assert!(apart(&fast, &plain) < 1e-5 * largest);
    }
}
