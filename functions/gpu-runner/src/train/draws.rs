//! The random choices of a training. Each is a function of the seed, the step and the example's place in it, never of
//! what was drawn before: a training that goes on after a stop draws what it would have drawn.

use super::plan::Times;
use crate::noise::{GOLDEN, Noise, mixed};

/// What a normal is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Which latents of those that stand for the picture.
    Latents,
    /// What is added to them.
    Noise,
}

/// `step` and `place` count from 0.
pub trait Draws: Send + Sync {
    /// Standard normals.
    fn normals(&self, purpose: Purpose, step: usize, place: usize, count: usize) -> Vec<f32>;

    /// A training time below `count`.
    fn time(&self, step: usize, place: usize, count: usize) -> usize;

    /// Uniform in (0, 1], against which the share of captions left out is held.
    fn chance(&self, step: usize, place: usize) -> f64;
}

/// By a generator for each choice.
#[derive(Clone, Copy, Debug)]
pub struct Seeded {
    pub seed: u64,
    pub times: Times,
}

impl Seeded {
    fn generator(&self, choice: u64, step: usize, place: usize) -> Noise {
        Noise::new(joined(&[self.seed, choice, step as u64, place as u64]))
    }
}

impl Draws for Seeded {
    fn normals(&self, purpose: Purpose, step: usize, place: usize, count: usize) -> Vec<f32> {
        let choice = match purpose {
            Purpose::Latents => 1,
            Purpose::Noise => 2,
        };
        let mut noise = self.generator(choice, step, place);
        (0..count).map(|_| noise.normal() as f32).collect()
    }

    fn time(&self, step: usize, place: usize, count: usize) -> usize {
        let mut noise = self.generator(3, step, place);
        let share = match self.times {
            Times::Uniform => noise.uniform(),
            Times::Power(power) => libm::pow(noise.uniform(), power.recip()),
            Times::LogitNormal { mean, deviation } => 1.0 / (1.0 + libm::exp(-(mean + deviation * noise.normal()))),
        };
        ((share * count as f64).ceil() as usize).clamp(1, count.max(1)) - 1
    }

    fn chance(&self, step: usize, place: usize) -> f64 {
        self.generator(4, step, place).uniform()
    }
}

/// One number of several, each of which changes all of it.
pub(super) fn joined(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0, |all, number| mixed((all ^ number).wrapping_add(GOLDEN)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(times: Times) -> Vec<usize> {
        let draws = Seeded { seed: 3, times };
        (0..20_000).map(|i| draws.time(i / 8, i % 8, 1000)).collect()
    }

    fn mean(times: &[usize]) -> f64 {
        times.iter().sum::<usize>() as f64 / times.len() as f64
    }

    #[test]
    fn times_are_spread_as_the_plan_says() {
        let uniform = times(Times::Uniform);
        assert!((mean(&uniform) - 499.5).abs() < 6.0 && uniform.contains(&0) && uniform.contains(&999));
        // The mean of a density 2t is 2/3.
        assert!((mean(&times(Times::Power(2.0))) - 666.2).abs() < 6.0);
        let high = times(Times::LogitNormal { mean: 1.0, deviation: 0.5 });
        let above = high.iter().filter(|t| **t >= 731).count() as f64 / high.len() as f64;
        assert!((above - 0.5).abs() < 0.02, "{above}");
    }

    #[test]
    fn every_choice_is_another() {
        let draws = Seeded { seed: 1, times: Times::Uniform };
        let normals = |purpose, step, place| draws.normals(purpose, step, place, 2);
        let all = [
            normals(Purpose::Noise, 0, 0),
            normals(Purpose::Noise, 0, 1),
            normals(Purpose::Noise, 1, 0),
            normals(Purpose::Latents, 0, 0),
            Seeded { seed: 2, ..draws }.normals(Purpose::Noise, 0, 0, 2),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|other| other != one));
        }
        assert_eq!(normals(Purpose::Noise, 7, 3), normals(Purpose::Noise, 7, 3));
    }
}
