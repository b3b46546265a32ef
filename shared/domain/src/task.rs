//! The states of a task, its limits, and the words of its fields. The database enforces the same transitions by
//! compare-and-set (`store::tasks`) and by a trigger on terminal states.

use crate::Choices;
use crate::range::{IntRange, NumberRange};

/// `status` of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Being put together.
    Initial,
    /// Complete, not in the queue yet.
    Ready,
    /// In the queue.
    Waiting,
    /// Claimed by a runner, under a lease.
    Running,
    /// Ended with a result.
    Success,
    /// Ended without one; `error.code` says why.
    Error,
}

impl Status {
    /// Every status.
    pub const ALL: [Status; 6] =
        [Status::Initial, Status::Ready, Status::Waiting, Status::Running, Status::Success, Status::Error];

    /// The name in the API and the database.
    pub fn name(self) -> &'static str {
        match self {
            Status::Initial => "initial",
            Status::Ready => "ready",
            Status::Waiting => "waiting",
            Status::Running => "running",
            Status::Success => "success",
            Status::Error => "error",
        }
    }

    /// The status of this name.
    pub fn parse(name: &str) -> Option<Status> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }

    /// True for the states a task never leaves.
    pub fn terminal(self) -> bool {
        matches!(self, Status::Success | Status::Error)
    }

    /// True when a task may go from this status to `next`. A lost lease leads back to waiting.
    pub fn may_become(self, next: Status) -> bool {
        use Status::{Error, Initial, Ready, Running, Success, Waiting};
        match self {
            Initial => matches!(next, Ready | Waiting | Error),
            Ready => matches!(next, Waiting | Error),
            Waiting => matches!(next, Running | Error),
            Running => matches!(next, Waiting | Running | Success | Error),
            Success | Error => false,
        }
    }
}

/// The number of attempts after which a task ends as `poison`.
pub const MAX_ATTEMPTS: i64 = 3;

/// Milliseconds to wait before attempt n+1, after n attempts were lost or failed.
pub fn backoff(attempts: i64) -> i64 {
    1000 * (1 << attempts.clamp(0, 6))
}

/// The default length of a lease in milliseconds; a deployment may set `LEASE_MS`.
pub const LEASE_MS: i64 = 30_000;

/// The default deadline of a points task in milliseconds, counted from its submission; a deployment may set
/// `POINTS_DEADLINE_MS`. The sample client of that API gives up after 180 s.
pub const POINTS_DEADLINE_MS: i64 = 170_000;

/// The default deadline of other tasks in milliseconds; a deployment may set `TASK_DEADLINE_MS`.
pub const TASK_DEADLINE_MS: i64 = 24 * 60 * 60 * 1000;

/// The amount of work in a task, in denoising steps of a 64×64 tile. Predictions of its end count in this unit.
pub fn work(width: u32, height: u32, steps: u32, n: u32) -> f64 {
    f64::from(n.max(1)) * f64::from(steps.max(1)) * f64::from(width) * f64::from(height) / 4096.0
}

/// `type` of a task; the first is `inference`.
pub const KINDS: Choices = &[("inference", &["推理"]), ("training", &["訓練", "训练"])];

/// `scheduler` of a task.
pub const SCHEDULERS: Choices = &[
    ("DDIM", &[]),
    ("K_EULER", &[]),
    ("DPMSolverMultistep", &[]),
    ("K_EULER_ANCESTRAL", &[]),
    ("PNDM", &[]),
    ("KLMS", &[]),
];

/// Names of the schedulers in Stable Diffusion web UI, as it writes them into images: (ours, its).
pub const WEB_UI_SAMPLERS: [(&str, &str); 6] = [
    ("DDIM", "DDIM"),
    ("K_EULER", "Euler"),
    ("K_EULER_ANCESTRAL", "Euler a"),
    ("DPMSolverMultistep", "DPM++ 2M"),
    ("PNDM", "PLMS"),
    ("KLMS", "LMS"),
];

/// The largest seed: 2^31 − 1.
pub const MAX_SEED: i64 = 2_147_483_647;

/// Width and height in pixels.
pub const SIDE: IntRange = IntRange { min: 64, max: 2048, step: 8 };
/// Denoising steps.
pub const STEPS: IntRange = IntRange::new(1, 500);
/// Images of one task.
pub const IMAGES: IntRange = IntRange::new(1, 8);
/// Seeds; those of a batch count up from the first.
pub const SEED: IntRange = IntRange::new(0, MAX_SEED);
/// Classifier-free guidance; 1 turns it off.
pub const GUIDANCE_SCALE: NumberRange = NumberRange { min: 1.0, max: 20.0 };
/// Share of the start image that is drawn anew.
pub const STRENGTH: NumberRange = NumberRange { min: 0.0, max: 1.0 };
/// Strength of an adapter.
pub const LORA_WEIGHT: NumberRange = NumberRange { min: -2.0, max: 2.0 };
/// Adapters of one task.
pub const MAX_LORAS: usize = 8;
/// Characters of a prompt.
pub const MAX_PROMPT: usize = 4000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_states_never_change() {
        for from in Status::ALL {
            for to in Status::ALL {
                if from.terminal() {
                    assert!(!from.may_become(to));
                }
            }
            assert_eq!(Status::parse(from.name()), Some(from));
            assert!(from.terminal() || from.may_become(Status::Error), "every live task can fail");
        }
    }

    #[test]
    fn the_web_ui_has_a_name_for_each_scheduler() {
        for (name, _) in SCHEDULERS {
            assert_eq!(WEB_UI_SAMPLERS.iter().filter(|(ours, _)| ours == name).count(), 1, "{name}");
        }
        assert_eq!(WEB_UI_SAMPLERS.len(), SCHEDULERS.len());
    }

    #[test]
    fn backoff_grows_and_is_bounded() {
        assert_eq!([backoff(0), backoff(1), backoff(2), backoff(99)], [1000, 2000, 4000, 64_000]);
    }
}
