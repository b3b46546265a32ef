//! The learning rate over a training, as the reference's `get_scheduler` has it.

use serde::Serialize;

use super::plan::within;
use crate::DrawError;

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// The highest.
    pub peak: f64,
    pub shape: Shape,
    /// Steps from 0 to the peak.
    pub warm_up: usize,
}

/// What comes after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    Constant,
    /// Down to 0 at the end.
    Linear,
    /// Down to 0 at the end along half a cosine (Loshchilov and Hutter 2016).
    Cosine,
}

impl Rate {
    pub fn constant(peak: f64) -> Self {
        Self { peak, shape: Shape::Constant, warm_up: 0 }
    }

    pub fn check(&self) -> Result<(), DrawError> {
        within("rate", self.peak, 0.0, 1e3).map(|_| ())
    }

    /// At a step, from 0, of so many.
    pub fn at(&self, step: usize, steps: usize) -> f64 {
        if step < self.warm_up {
            return self.peak * step as f64 / self.warm_up as f64;
        }
        let done = (step - self.warm_up) as f64 / steps.saturating_sub(self.warm_up).max(1) as f64;
        self.peak
            * match self.shape {
                Shape::Constant => 1.0,
                Shape::Linear => (1.0 - done).max(0.0),
                Shape::Cosine => (0.5 * (1.0 + (std::f64::consts::PI * done).cos())).max(0.0),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand from the reference's lambdas.
    #[test]
    fn rises_and_falls_as_the_reference() {
        let at = |shape, step| Rate { peak: 2.0, shape, warm_up: 4 }.at(step, 12);
        for shape in [Shape::Constant, Shape::Linear, Shape::Cosine] {
            assert_eq!([0, 1, 3, 4].map(|step| at(shape, step)), [0.0, 0.5, 1.5, 2.0]);
        }
        assert_eq!(at(Shape::Constant, 11), 2.0);
        assert_eq!([6, 8, 11].map(|step| at(Shape::Linear, step)), [1.5, 1.0, 0.25]);
        assert!((at(Shape::Cosine, 8) - 1.0).abs() < 1e-12 && (at(Shape::Cosine, 6) - 1.707_106_781).abs() < 1e-8);
    }
}
