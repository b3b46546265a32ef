//! A task's life and what may be asked for. The database enforces the same transitions by compare-and-set
//! (`store::tasks`) and a trigger on terminal states; this is where they are written down.

use crate::form::{Field, Form, Need, Rule};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Initial,
    Ready,
    Waiting,
    Running,
    Success,
    Error,
}

impl Status {
    pub const ALL: [Status; 6] =
        [Status::Initial, Status::Ready, Status::Waiting, Status::Running, Status::Success, Status::Error];

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

    pub fn parse(name: &str) -> Option<Status> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }

    /// Nothing changes a task after this.
    pub fn terminal(self) -> bool {
        matches!(self, Status::Success | Status::Error)
    }

    /// May a task go from here to there? A lost lease leads back to waiting.
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

/// How often a task is tried before it is called poison.
pub const MAX_ATTEMPTS: i64 = 3;

/// Milliseconds to wait before attempt n+1, after n attempts were lost or failed.
pub fn backoff(attempts: i64) -> i64 {
    1000 * (1 << attempts.clamp(0, 6))
}

/// The default length of a lease in milliseconds; a deployment may set `LEASE_MS`.
pub const LEASE_MS: i64 = 30_000;

/// A points task that has not ended so long after it began to wait fails with a refund: the sample client of that API
/// gives up after 180 s.
pub const POINTS_DEADLINE_MS: i64 = 170_000;

/// The same for tasks of the drawing API: nothing waits for ever.
pub const TASK_DEADLINE_MS: i64 = 24 * 60 * 60 * 1000;

/// How much there is to do for a task, in steps of a 64×64 tile: what the prediction of its end is counted in.
pub fn work(width: u32, height: u32, steps: u32, n: u32) -> f64 {
    f64::from(n.max(1)) * f64::from(steps.max(1)) * f64::from(width) * f64::from(height) / 4096.0
}

pub const KINDS: &[(&str, &[&str])] = &[("inference", &["推理"]), ("training", &["訓練", "训练"])];

pub const SCHEDULERS: &[(&str, &[&str])] = &[
    ("DDIM", &[]),
    ("K_EULER", &[]),
    ("DPMSolverMultistep", &[]),
    ("K_EULER_ANCESTRAL", &[]),
    ("PNDM", &[]),
    ("KLMS", &[]),
];

/// What the web UI calls them, in the texts it writes into pictures.
pub const WEB_UI: [(&str, &str); 6] = [
    ("DDIM", "DDIM"),
    ("K_EULER", "Euler"),
    ("K_EULER_ANCESTRAL", "Euler a"),
    ("DPMSolverMultistep", "DPM++ 2M"),
    ("PNDM", "PLMS"),
    ("KLMS", "LMS"),
];

/// The largest seed (API.md): 2^31 − 1.
pub const MAX_SEED: i64 = 2_147_483_647;

static LORA: Form = Form(&[
    Field::required("model_id", Rule::Id, ("Model", "模型")),
    Field::optional("weight", Rule::Number { min: -2.0, max: 2.0 }, ("Weight", "權重")).or(Need::Number(1.0)),
]);

/// The body of `POST /api/tasks` for inference.
pub static INFERENCE: Form = Form(&[
    Field::optional("type", Rule::OneOf(KINDS), ("Type", "任務類型")).or(Need::Text("inference")),
    Field::optional("name", Rule::Text { min: 0, max: 200 }, ("Name", "名稱")),
    Field::required("prompt", Rule::Text { min: 1, max: 4000 }, ("Prompt", "提示詞")),
    Field::optional("negative_prompt", Rule::Text { min: 0, max: 4000 }, ("Negative prompt", "反向提示詞"))
        .or(Need::Text("")),
    Field::optional("width", Rule::Int { min: 64, max: 2048, step: 8 }, ("Width", "寬度")).or(Need::Int(512)),
    Field::optional("height", Rule::Int { min: 64, max: 2048, step: 8 }, ("Height", "高度")).or(Need::Int(512)),
    Field::optional("num_inference_steps", Rule::Int { min: 1, max: 500, step: 1 }, ("Steps", "步數"))
        .or(Need::Int(20)),
    Field::optional("guidance_scale", Rule::Number { min: 1.0, max: 20.0 }, ("Guidance scale", "引導強度"))
        .or(Need::Number(7.5)),
    Field::optional("scheduler", Rule::OneOf(SCHEDULERS), ("Scheduler", "採樣器")).or(Need::Text("DDIM")),
    Field::optional("seed", Rule::Int { min: 0, max: MAX_SEED, step: 1 }, ("Seed", "隨機種子")),
    Field::optional("n", Rule::Int { min: 1, max: 8, step: 1 }, ("Pictures", "張數")).or(Need::Int(1)),
    Field::optional("from_image", Rule::FileUrl, ("Image to start from", "起始圖片")),
    Field::optional("strength", Rule::Number { min: 0.0, max: 1.0 }, ("Strength", "重繪強度")),
    Field::optional("mask", Rule::FileUrl, ("Mask", "遮罩")),
    Field::optional("model_id", Rule::Id, ("Model", "模型")),
    Field::optional("loras", Rule::List { of: &Rule::Object(&LORA), max: 8 }, ("LoRAs", "LoRA")),
    Field::optional("tags", Rule::List { of: &Rule::Text { min: 1, max: 64 }, max: 32 }, ("Tags", "標籤")),
    Field::optional("public", Rule::Bool, ("Public", "公開")).or(Need::Bool(true)),
    Field::optional("webhook", Rule::Url, ("Webhook", "回呼網址")),
]);

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
            assert_eq!(WEB_UI.iter().filter(|(ours, _)| ours == name).count(), 1, "{name}");
        }
        assert_eq!(WEB_UI.len(), SCHEDULERS.len());
    }

    #[test]
    fn backoff_grows_and_is_bounded() {
        assert_eq!([backoff(0), backoff(1), backoff(2), backoff(99)], [1000, 2000, 4000, 64_000]);
    }
}
