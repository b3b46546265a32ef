//! The loop: step after step down a loss, whatever it is of, with a state that is kept. Knows no networks and no
//! examples.

use std::collections::BTreeMap;
use std::time::Instant;

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor};

use super::adamw::{length, shortened};
use super::inplace::Mix;
use super::parameters::Parameters;
use super::plan::Course;
use super::state::{Now, State};
use crate::backend::Control;
use crate::{Code, DrawError};

/// What has parameters and a loss.
pub trait Learner {
    fn parameters(&self) -> &Parameters;

    /// Loss of a step, counted from 0, and the gradients of the parameters. The same for the same parameters and step.
    fn learn(&self, step: usize) -> Result<(f64, GradStore), DrawError>;

    /// At what share of the rate this parameter learns.
    fn share(&self, _name: &str) -> f64 {
        1.0
    }
}

/// Said after each step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Steps done.
    pub step: usize,
    pub of: usize,
    /// Before the step.
    pub loss: f64,
    pub rate: f64,
    /// Length of all gradients together, before it is bounded.
    pub length: f64,
    /// Taken by the step.
    pub seconds: f64,
}

/// What was learnt so far: the parameters, or their averages where the plan wants them.
pub struct Learned<'a> {
    parameters: &'a Parameters,
    now: &'a Now,
}

impl Learned<'_> {
    /// By name. Later steps do not change them.
    pub fn tensors(&self) -> Result<BTreeMap<String, Tensor>, DrawError> {
        let all = self.parameters.all().into_iter();
        all.map(|(name, var)| {
            let tensor = match self.now.averages.get(&name) {
                Some(average) => average.copy()?,
                None => var.as_detached_tensor().copy()?,
            };
            Ok((name, tensor))
        })
        .collect()
    }

    /// Writes the training state of this step, beside the intervals of `Course::save_every`.
    ///
    /// # Errors
    ///
    /// `state_failed`.
    pub fn save(&self, state: &State) -> Result<(), DrawError> {
        state.save(self.now, self.parameters)
    }
}

impl Course {
    /// Goes on from the state, where there is one, to the end; what was learnt, by the names of the parameters.
    ///
    /// Errors: `plan_invalid`; `canceled` when `events` says so, and all of `state`'s; `training_diverged`. The state
    /// is that of the last step done, or for errors in a step the last one saved.
    pub fn run(
        &self,
        learner: &dyn Learner,
        state: Option<&State>,
        device: &Device,
        events: &mut dyn FnMut(&Progress, &Learned) -> Result<Control, DrawError>,
    ) -> Result<BTreeMap<String, Tensor>, DrawError> {
        self.check()?;
        let parameters = learner.parameters();
        let resumed = state.map(|state| state.resume(parameters, device)).transpose()?.flatten();
        let mut now = match resumed {
            Some(now) => now,
            None => {
                let now = self.begin(parameters)?;
                // Better now than after an hour: whether it can be kept at all.
                state.map_or(Ok(()), |state| state.save(&now, parameters))?;
                now
            }
        };
        while now.step < self.steps {
            let begun = Instant::now();
            let (loss, rate, length) = self.step(learner, &mut now)?;
            let (step, of, seconds) = (now.step, self.steps, begun.elapsed().as_secs_f64());
            let progress = Progress { step, of, loss, rate, length, seconds };
            let control = events(&progress, &Learned { parameters, now: &now })?;
            let stops = control == Control::Cancel && step < of;
            if let Some(state) = state.filter(|_| stops || step == of || step.is_multiple_of(self.save_every)) {
                state.save(&now, parameters)?;
            }
            if stops {
                return Err(DrawError::new(Code::Canceled, format!("stopped as asked after step {step}")));
            }
        }
        Learned { parameters, now: &now }.tensors()
    }

    fn begin(&self, parameters: &Parameters) -> Result<Now, DrawError> {
        let mut now = Now::default();
        if self.average.is_some() {
            for (name, var) in parameters.all() {
                now.averages.insert(name, var.as_detached_tensor().copy()?);
            }
        }
        Ok(now)
    }

    fn step(&self, learner: &dyn Learner, now: &mut Now) -> Result<(f64, f64, f64), DrawError> {
        let (loss, gradients) = learner.learn(now.step)?;
        let all = learner.parameters().all();
        let length = length(&all, &gradients)?;
        if !loss.is_finite() || !length.is_finite() {
            let message = format!("loss {loss} and a gradient of {length} at step {}: try a lower rate", now.step + 1);
            return Err(DrawError::new(Code::TrainingDiverged, message));
        }
        let (scale, rate) = (shortened(length, self.clip), self.rate.at(now.step, self.steps));
        for (name, var) in &all {
            let Some(gradient) = gradients.get(var.as_tensor()) else { continue };
            let rate = rate * learner.share(name);
            self.adamw.step((name, var), gradient, &mut now.moments, (scale, rate, now.step))?;
        }
        now.step += 1;
        if let Some(decay) = self.average {
            average(&all, decay, now)?;
        }
        Ok((loss, rate, length))
    }
}

/// decay · average + (1 − decay) · parameter; at the beginning with less decay, as the reference's `EMAModel` has it.
fn average(all: &[(String, candle_core::Var)], decay: f64, now: &mut Now) -> Result<(), DrawError> {
    let step = now.step as f64;
    let decay = decay.min((1.0 + step) / (10.0 + step));
    for (name, var) in all {
        if let Some(average) = now.averages.get_mut(name) {
            Mix { keep: decay, add: 1.0 - decay, squared: false }.apply(average, &var.as_detached_tensor())?;
        }
    }
    Ok(())
}
