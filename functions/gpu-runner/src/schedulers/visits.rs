//! Which of the training times a run visits (Lin et al. 2023, table 2).

use serde::Deserialize;

use crate::{Code, DrawError};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    Leading,
    Linspace,
    Trailing,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Visits {
    pub spacing: Spacing,
    /// Added to times of leading spacing.
    pub offset: usize,
    /// Number of training times.
    pub count: usize,
}

impl Visits {
    /// The times of a run, from noise to picture, as samplers that look betas up want them.
    pub fn whole(&self, steps: usize) -> Result<Vec<usize>, DrawError> {
        // Half to even, as the reference's library rounds.
        Ok(self.fractional(steps)?.into_iter().map(|time| time.round_ties_even() as usize).collect())
    }

    /// The same where times between two training times will do: linspace is not rounded.
    pub fn fractional(&self, steps: usize) -> Result<Vec<f64>, DrawError> {
        self.possible(steps)?;
        let times: Vec<f64> = match self.spacing {
            Spacing::Leading => {
                let gap = self.count / steps;
                (0..steps).rev().map(|i| (i * gap + self.offset) as f64).collect()
            }
            Spacing::Linspace => {
                let gap = if steps == 1 { 0.0 } else { (self.count - 1) as f64 / (steps - 1) as f64 };
                (0..steps).rev().map(|i| i as f64 * gap).collect()
            }
            Spacing::Trailing => self.trailing(steps),
        };
        self.fit(times, steps)
    }

    /// The times of a run that ends at time 0 without a call there: `steps` of `steps` + 1, whole, of those before
    /// `end`.
    pub fn before_zero(&self, steps: usize, end: usize) -> Result<Vec<f64>, DrawError> {
        self.possible(steps)?;
        let times: Vec<f64> = match self.spacing {
            Spacing::Leading => {
                let gap = end / (steps + 1);
                (1..=steps).rev().map(|i| (i * gap + self.offset) as f64).collect()
            }
            Spacing::Linspace => {
                let gap = end.saturating_sub(1) as f64 / steps as f64;
                (1..=steps).rev().map(|i| (i as f64 * gap).round_ties_even()).collect()
            }
            Spacing::Trailing if end == self.count => self.trailing(steps),
            Spacing::Trailing => {
                return Err(DrawError::new(Code::ModelUnsupported, "lambda_min_clipped with trailing spacing"));
            }
        };
        self.fit(times, steps)
    }

    fn trailing(&self, steps: usize) -> Vec<f64> {
        let (count, gap) = (self.count as f64, self.count as f64 / steps as f64);
        (0..steps).map(|i| ((count - i as f64 * gap).round_ties_even() - 1.0).max(0.0)).collect()
    }

    fn possible(&self, steps: usize) -> Result<(), DrawError> {
        if steps == 0 || steps > self.count { Err(self.refuse(steps)) } else { Ok(()) }
    }

    fn fit(&self, times: Vec<f64>, steps: usize) -> Result<Vec<f64>, DrawError> {
        if times.iter().any(|time| *time >= self.count as f64) { Err(self.refuse(steps)) } else { Ok(times) }
    }

    pub fn refuse(&self, steps: usize) -> DrawError {
        let message = format!("{steps} steps: this model's schedule of {} does not allow them", self.count);
        DrawError::new(Code::RequestInvalid, message)
    }
}
