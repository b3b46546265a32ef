//! From the parameters of a training task to the trainer's plan. What they do not say is as the command line has it.

use domain::range::IntRange;
use domain::training::{BATCH_SIZE, EPOCHS, LEARNING_RATE, RANK, RESOLUTION, STEPS};
use protocol::runner::{ModelKind, TrainParams};

use crate::train::{Chain, Kind, Learns, Plan};
use crate::{Code, DrawError};

/// Words that a textual inversion begins as.
const INIT_WORDS: &str = "*";

/// Checks what can be checked without model and images. The edge keeps these ranges; a runner does not rely on that.
///
/// # Errors
///
/// `plan_invalid`.
pub fn check(params: &TrainParams) -> Result<(), DrawError> {
    let int = |name: &str, value: Option<u32>, range: IntRange| match value {
        Some(value) if !range.contains(value.into()) => {
            let IntRange { min, max, step } = range;
            let steps = if step == 1 { String::new() } else { format!(" in steps of {step}") };
            Err(invalid(format!("{name} = {value} is not within {min} to {max}{steps}")))
        }
        _ => Ok(()),
    };
    int("steps", params.steps, STEPS)?;
    int("epochs", params.epochs, EPOCHS)?;
    int("batch_size", Some(params.batch_size), BATCH_SIZE)?;
    int("rank", (params.kind == ModelKind::Lora).then_some(params.rank), RANK)?;
    int("resolution", params.resolution, RESOLUTION)?;
    if params.learning_rate.is_some_and(|rate| !LEARNING_RATE.contains(rate)) {
        return Err(invalid("the learning rate is out of range".into()));
    }
    if params.steps.is_some() == params.epochs.is_some() {
        return Err(invalid("either steps or epochs are wanted".into()));
    }
    kind(params).map(drop)
}

/// The trigger words; None where there are none.
pub fn trigger(params: &TrainParams) -> Option<&str> {
    Some(params.trigger_words.trim()).filter(|words| !words.is_empty())
}

/// What is learnt.
///
/// # Errors
///
/// `plan_invalid` for a textual inversion without a trigger word.
pub fn kind(params: &TrainParams) -> Result<Kind, DrawError> {
    Ok(match params.kind {
        ModelKind::Ckp => Kind::Checkpoint(Learns { unet: true, text: false }),
        ModelKind::Lora => Kind::Lora {
            rank: params.rank as usize,
            alpha: f64::from(params.rank),
            convolutions: false,
            learns: Learns { unet: true, text: true },
        },
        ModelKind::Hyper => Kind::Hypernetwork(Chain::default()),
        ModelKind::Ti => {
            let word = params.trigger_words.split(',').map(str::trim).find(|word| !word.is_empty());
            let word = word.ok_or_else(|| {
                invalid("a textual inversion learns the first of the trigger words, and there are none".into())
            })?;
            Kind::Words { word: word.to_owned(), vectors: 1, from: INIT_WORDS.into() }
        }
    })
}

/// The whole plan. `per_epoch`: steps that show every image once.
///
/// # Errors
///
/// `plan_invalid`.
pub fn plan(params: &TrainParams, per_epoch: usize) -> Result<Plan, DrawError> {
    let steps = match (params.steps, params.epochs) {
        (Some(steps), _) => steps as usize,
        (None, epochs) => (epochs.unwrap_or(1) as usize).saturating_mul(per_epoch),
    };
    let mut plan = Plan::new(kind(params)?, steps);
    if let Some(rate) = params.learning_rate {
        plan.course.rate.peak = rate;
    }
    plan.batch = params.batch_size as usize;
    plan.seed = params.seed.into();
    // Saved when the edge is to have the state, and at the end.
    plan.course.save_every = NEVER;
    plan.check()?;
    Ok(plan)
}

/// More steps than any training has.
const NEVER: usize = 1_000_000_000;

fn invalid(message: String) -> DrawError {
    DrawError::new(Code::PlanInvalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> TrainParams {
        TrainParams {
            kind: ModelKind::Lora,
            name: "fox".into(),
            model: None,
            trigger_words: " sks fox , red ".into(),
            steps: None,
            epochs: Some(3),
            learning_rate: None,
            batch_size: 2,
            rank: 4,
            resolution: None,
            seed: 9,
        }
    }

    #[test]
    fn what_is_not_said_is_as_the_command_line_has_it() {
        let plan = plan(&params(), 7).unwrap();
        let mut expected = Plan::new(kind(&params()).unwrap(), 21);
        (expected.batch, expected.seed, expected.course.save_every) = (2, 9, NEVER);
        assert_eq!((plan.course.rate.peak, &plan), (1e-4, &expected));
        let rate = TrainParams { learning_rate: Some(0.5), steps: Some(5), epochs: None, ..params() };
        let plan = super::plan(&rate, 7).unwrap();
        assert_eq!((plan.course.rate.peak, plan.course.steps), (0.5, 5));
        let word = |words: &str| kind(&TrainParams { kind: ModelKind::Ti, trigger_words: words.into(), ..params() });
        assert!(matches!(word(" ,sks fox, red").unwrap(), Kind::Words { word, .. } if word == "sks fox"));
        assert_eq!((trigger(&params()), word(" , ").unwrap_err().code), (Some("sks fox , red"), Code::PlanInvalid));
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        type Change = fn(&mut TrainParams);
        let changes: [(&str, Change); 9] = [
            ("steps", |p| (p.steps, p.epochs) = (Some(0), None)),
            ("epochs", |p| p.epochs = Some(10_001)),
            ("batch_size", |p| p.batch_size = 0),
            ("rank", |p| p.rank = 257),
            ("resolution", |p| p.resolution = Some(100)),
            ("learning rate", |p| p.learning_rate = Some(f64::NAN)),
            ("steps or epochs", |p| p.epochs = None),
            ("steps or epochs", |p| p.steps = Some(1)),
            ("trigger words", |p| (p.kind, p.trigger_words) = (ModelKind::Ti, String::new())),
        ];
        assert_eq!(check(&params()), Ok(()));
        for (named, change) in changes {
            let mut params = params();
            change(&mut params);
            let error = check(&params).unwrap_err();
            assert!(error.code == Code::PlanInvalid && error.message.contains(named), "{named}: {error}");
        }
        let hyper = TrainParams { kind: ModelKind::Hyper, rank: 0, ..params() };
        assert_eq!(check(&hyper), Ok(()), "only a LoRA has a rank");
    }
}
