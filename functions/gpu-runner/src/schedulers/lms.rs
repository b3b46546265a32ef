//! Linear multistep (Adams and Bashforth's with uneven steps), as the reference's `LMSDiscreteScheduler` has it from
//! Crowson's k-diffusion.

use std::collections::VecDeque;

use candle_core::{Result, Tensor};
use serde::Deserialize;

use super::sigmas::{Curve, FinalSigma, Spread, Walk, Walker};
use super::{Sampler, Schedule};
use crate::DrawError;
use crate::models::config::invalid;
use crate::noise::Noise;

const ORDER: usize = 4;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Settings {
    #[serde(flatten)]
    spread: Spread,
}

pub struct Lms {
    walk: Walk,
    /// Slopes of the latest calls, the latest first.
    slopes: VecDeque<Tensor>,
}

impl Lms {
    pub fn new(schedule: &Schedule, steps: usize) -> std::result::Result<Self, DrawError> {
        let spread = schedule.settings::<Settings>(Sampler::Lms)?.spread;
        // The class knows bounds of σ in its exponential curve alone, and rescaled betas not at all.
        let spread = if spread.curve()? == Curve::Exponential { spread } else { spread.unbounded() };
        let walk = Walk::new(schedule, Sampler::Lms, steps, false, spread, FinalSigma::Zero)?;
        if walk.sigmas.windows(2).any(|pair| pair[0] <= pair[1]) {
            return Err(invalid("KLMS needs a schedule with less noise after each step".into()));
        }
        Ok(Self { walk, slopes: VecDeque::with_capacity(ORDER + 1) })
    }
}

impl Walker for Lms {
    fn walk(&self) -> &Walk {
        &self.walk
    }

    fn stride(&mut self, out: &Tensor, i: usize, x: &Tensor, _: &mut Noise) -> Result<Tensor> {
        let (now, next) = self.walk.sigmas(i)?;
        self.slopes.push_front(self.walk.slope(out, i, x)?);
        self.slopes.truncate(ORDER);
        // Seen from now. The order is that of the place in the schedule, not of the slopes that are there: the same in
        // a run from noise; in a run that begins later the reference leaves the first steps short, and so they are
        // here.
        let known = &self.walk.sigmas[(i + 1).saturating_sub(ORDER)..=i];
        let nodes: Vec<f64> = known.iter().rev().map(|sigma| sigma - now).collect();
        let mut x = x.clone();
        for (slope, weight) in self.slopes.iter().zip(weights(&nodes, next - now)) {
            x = (x + (slope * weight)?)?;
        }
        Ok(x)
    }
}

/// Integrals from 0 to `end` of the polynomials that are 1 at one node and 0 at the others, exactly.
fn weights(nodes: &[f64], end: f64) -> Vec<f64> {
    let of = |(own, node): (usize, &f64)| {
        // Coefficients, lowest first.
        let mut polynomial = vec![1.0];
        for (_, other) in nodes.iter().enumerate().filter(|(k, _)| *k != own) {
            let mut product = vec![0.0; polynomial.len() + 1];
            for (power, coefficient) in polynomial.iter().enumerate() {
                product[power + 1] += coefficient / (node - other);
                product[power] -= coefficient * other / (node - other);
            }
            polynomial = product;
        }
        polynomial.iter().rev().zip((1..=polynomial.len()).rev()).fold(0.0, |sum, (c, n)| sum * end + c / n as f64)
            * end
    };
    nodes.iter().enumerate().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_integrate_cubics_exactly() {
        // At even steps they are those of Adams and Bashforth.
        let even = weights(&[0.0, -1.0, -2.0, -3.0], 1.0);
        for (seen, expected) in even.iter().zip([55.0, -59.0, 37.0, -9.0]) {
            assert!((seen * 24.0 - expected).abs() < 1e-9, "{even:?}");
        }
        let nodes = [0.0, 1.3, 3.1, 7.7];
        let (end, cubic) = (-0.9_f64, |s: f64| 2.0 - 3.0 * s + 0.5 * s.powi(2) + 0.25 * s.powi(3));
        let integral: f64 = weights(&nodes, end).iter().zip(nodes).map(|(weight, node)| weight * cubic(node)).sum();
        let exact = 2.0 * end - 1.5 * end.powi(2) + end.powi(3) / 6.0 + end.powi(4) / 16.0;
        assert!((integral - exact).abs() < 1e-12, "{integral} and {exact}");
    }
}
