//! The types of tasks that a runner takes. Each has a queue and a registration at the edge of its own.

use clap::ValueEnum;
use protocol::runner::Register;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TaskType {
    /// Draws images
    Inference,
    /// Trains models
    Training,
}

impl TaskType {
    /// The name of the queue, and of the type in `Register`.
    pub fn as_str(self) -> &'static str {
        match self {
            TaskType::Inference => "inference",
            TaskType::Training => "training",
        }
    }

    /// The registration of one type among those the process takes. A process that takes both registers twice; the
    /// training registration has `-training` behind the name.
    pub fn register(self, base: &Register, all: &[TaskType]) -> Register {
        let name = match self {
            TaskType::Training if all.contains(&TaskType::Inference) => format!("{}-training", base.name),
            _ => base.name.clone(),
        };
        Register { name, kind: self.as_str().to_owned(), ..base.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_types_register_under_two_names() {
        let base = Register {
            name: "gpu-1".into(),
            kind: String::new(),
            gpu: "none".into(),
            memory: 1,
            version: "1".into(),
            models: vec!["starter".into()],
        };
        let of = |kind: TaskType, all: &[TaskType]| {
            let registered = kind.register(&base, all);
            assert_eq!(registered.models, base.models);
            (registered.name, registered.kind)
        };
        let both = [TaskType::Inference, TaskType::Training];
        assert_eq!(of(TaskType::Inference, &both), ("gpu-1".into(), "inference".into()));
        assert_eq!(of(TaskType::Training, &both), ("gpu-1-training".into(), "training".into()));
        assert_eq!(of(TaskType::Training, &[TaskType::Training]), ("gpu-1".into(), "training".into()));
    }
}
