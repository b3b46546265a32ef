//! Pseudo numerical methods (Liu et al. 2022), as the reference's `PNDMScheduler`: pseudo linear multistep, after the
//! first three steps by pseudo Runge–Kutta unless the file skips them (`skip_prk_steps`), or after one step taken
//! twice.
//!
//! It makes more calls than steps: one more, or nine with Runge–Kutta. In a run that begins later than at noise the
//! reference counts calls from where it begins, so that the special ones are then not at the times laid out for them.
//! What comes of that is kept.

use candle_core::{Result, Tensor};
use serde::Deserialize;

use super::{Prediction, Sampler, Schedule, Scheduler, Spacing};
use crate::DrawError;
use crate::models::config::unsupported;
use crate::noise::Noise;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Settings {
    skip_prk_steps: bool,
    set_alpha_to_one: bool,
}

pub struct Pndm {
    timesteps: Vec<f64>,
    times: Vec<usize>,
    /// How many of the first calls are of Runge–Kutta: 12 or 0.
    runge_kutta: usize,
    /// Training times from one step to the next.
    gap: usize,
    alphas: Vec<f64>,
    last_alpha: f64,
    prediction: Prediction,
    /// Calls made.
    counter: usize,
    /// Outputs of steps, the latest last, four at most.
    outputs: Vec<Tensor>,
    /// Of one Runge–Kutta step, so far.
    sum: Option<Tensor>,
    /// x before a step of several calls.
    kept: Option<Tensor>,
}

impl Pndm {
    pub fn new(schedule: &Schedule, steps: usize) -> std::result::Result<Self, DrawError> {
        if schedule.prediction == Prediction::Sample {
            return Err(unsupported("prediction_type sample with PNDM".into()));
        }
        let settings: Settings = schedule.settings(Sampler::Pndm)?;
        let visits = schedule.visits(Sampler::Pndm, Spacing::Leading)?;
        let whole = visits.whole(steps)?;
        // The class does not know rescaled betas.
        let alphas = schedule.alphas(false);
        let gap = visits.count / steps;
        let (times, runge_kutta) = if settings.skip_prk_steps {
            // The second twice.
            let again = whole.get(1).copied();
            (whole.iter().take(2).copied().chain(again).chain(whole.iter().skip(2).copied()).collect(), 0)
        } else {
            let [a, b, c, d, ..] = whole[..] else { return Err(visits.refuse(steps)) };
            let half = gap / 2;
            let first = [a, b + half, b + half, b, b, c + half, c + half, c, c, d + half, d + half, d];
            (first.into_iter().chain(whole.iter().skip(3).copied()).collect::<Vec<_>>(), first.len())
        };
        let last_alpha = if settings.set_alpha_to_one { 1.0 } else { alphas[0] };
        Ok(Self {
            timesteps: times.iter().map(|&time| time as f64).collect(),
            times,
            runge_kutta,
            gap,
            alphas,
            last_alpha,
            prediction: schedule.prediction,
            counter: 0,
            outputs: Vec::with_capacity(4),
            sum: None,
            kept: None,
        })
    }

    fn time(&self, i: usize) -> Result<usize> {
        let Some(&time) = self.times.get(i) else { candle_core::bail!("step {i} is past the last") };
        Ok(time)
    }

    /// Equation 9 of the paper: from x at a time to x at one before it, or to the end where that is before the first.
    fn transfer(&self, out: &Tensor, x: &Tensor, from: usize, to: Option<usize>) -> Result<Tensor> {
        let at = |time: usize| match self.alphas.get(time) {
            Some(&alpha) => Ok(alpha),
            None => candle_core::bail!("time {time} is past the last"),
        };
        let (a, next) = (at(from)?, to.map_or(Ok(self.last_alpha), at)?);
        let noise = match self.prediction {
            Prediction::VPrediction => ((out * a.sqrt())? + (x * (1.0 - a).sqrt())?)?,
            _ => out.clone(),
        };
        let scale = a * (1.0 - next).sqrt() + (a * (1.0 - a) * next).sqrt();
        (x * (next / a).sqrt())? - (noise * ((next - a) / scale))?
    }

    /// One of the four calls of a Runge–Kutta step.
    fn quarter(&mut self, out: &Tensor, time: usize, x: &Tensor) -> Result<Tensor> {
        let call = self.counter % 4;
        let ahead = if call.is_multiple_of(2) { self.gap / 2 } else { 0 };
        let share = if call == 0 || call == 3 { 1.0 / 6.0 } else { 1.0 / 3.0 };
        let weighted = (out * share)?;
        let sum = match self.sum.take() {
            Some(sum) => (sum + weighted)?,
            None => weighted,
        };
        if call == 0 {
            self.outputs.push(out.clone());
            self.kept = Some(x.clone());
        }
        let out = if call == 3 { &sum } else { out };
        let from = self.time(self.counter - call)?;
        let moved = self.transfer(out, self.kept.as_ref().unwrap_or(x), from, time.checked_sub(ahead))?;
        self.sum = (call != 3).then_some(sum);
        Ok(moved)
    }

    fn multistep(&mut self, out: &Tensor, time: usize, x: &Tensor) -> Result<Tensor> {
        if self.counter == 1 {
            // The first step again, with the mean of its two ends.
            let out = match self.outputs.last() {
                Some(first) => ((out + first)? / 2.0)?,
                None => out.clone(),
            };
            let start = self.kept.take().unwrap_or_else(|| x.clone());
            return self.transfer(&out, &start, time + self.gap, Some(time));
        }
        if self.counter == 0 {
            self.kept = Some(x.clone());
        }
        if self.outputs.len() == 4 {
            self.outputs.remove(0);
        }
        self.outputs.push(out.clone());
        let out = match self.outputs.as_slice() {
            [c, b, a] => ((((a * 23.0)? - (b * 16.0)?)? + (c * 5.0)?)? / 12.0)?,
            [b, a] => (((a * 3.0)? - b)? / 2.0)?,
            [d, c, b, a] => (((((a * 55.0)? - (b * 59.0)?)? + (c * 37.0)?)? - (d * 9.0)?)? / 24.0)?,
            _ => out.clone(),
        };
        self.transfer(&out, x, time, time.checked_sub(self.gap))
    }
}

impl Scheduler for Pndm {
    fn timesteps(&self) -> &[f64] {
        &self.timesteps
    }

    fn add_noise(&self, picture: &Tensor, noise: &Tensor, i: usize) -> Result<Tensor> {
        let Some(&alpha) = self.alphas.get(self.time(i)?) else { candle_core::bail!("no time {i}") };
        (picture * alpha.sqrt())? + (noise * (1.0 - alpha).sqrt())?
    }

    fn step(&mut self, out: &Tensor, i: usize, x: &Tensor, _: &mut Noise) -> Result<Tensor> {
        let time = self.time(i)?;
        let x =
            if self.counter < self.runge_kutta { self.quarter(out, time, x) } else { self.multistep(out, time, x) }?;
        self.counter += 1;
        Ok(x)
    }
}
