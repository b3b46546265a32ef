//! Why an attempt ended without pictures, in words that may go to the user: paths and shapes stay in the runner's log.

use crate::{Code, DrawError};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: &'static str,
    pub message: String,
    pub retryable: bool,
}

impl Failure {
    pub fn canceled() -> Self {
        Self { code: Code::Canceled.as_str(), message: "The task was canceled.".into(), retryable: false }
    }

    /// The runner goes; another one will do it.
    pub fn stopping() -> Self {
        Self { code: "runner_stopping", message: "The runner was stopped.".into(), retryable: true }
    }

    /// The user's address of a picture to start from leads nowhere.
    pub fn unreachable_input(name: &str) -> Self {
        let message = format!("{name} can't be loaded from its address, or has more than 20 MB.");
        Self { code: "image_unreachable", message, retryable: false }
    }

    /// What is at the address is no picture.
    pub fn invalid_input(name: &str) -> Self {
        let message = format!("{name} is not a picture that can be read, or has too many pixels.");
        Self { code: Code::InvalidImage.as_str(), message, retryable: false }
    }

    /// The edge did not give a picture to start from, and another time it may.
    pub fn inputs_missing() -> Self {
        Self { code: "inputs_missing", message: "The pictures to start from could not be had.".into(), retryable: true }
    }

    /// The file of a LoRA could not be had: it is gone, or another time it may be there.
    pub fn lora_missing(index: usize, retryable: bool) -> Self {
        Self { code: "lora_unavailable", message: format!("The file of loras[{index}] could not be had."), retryable }
    }

    /// The same of the model itself.
    pub fn model_missing(retryable: bool) -> Self {
        Self { code: "model_unavailable", message: "The file of the model could not be had.".into(), retryable }
    }

    /// The images of a dataset could not be had: they are gone, or another time they may be there.
    pub fn dataset_missing(retryable: bool) -> Self {
        Self { code: "dataset_missing", message: "The images to learn from could not be had.".into(), retryable }
    }

    /// The state of an earlier attempt could not be had, and another time it may.
    pub fn state_missing() -> Self {
        let message = "The state of the training could not be had.".into();
        Self { code: "state_unavailable", message, retryable: true }
    }

    /// Memory that a training takes and that this runner has not. Both in bytes.
    pub fn too_large(needed: u64, left: u64) -> Self {
        let message = format!(
            "The training takes about {} MiB of memory, and this runner has {} MiB for it: a lower resolution, batch \
             size or rank takes less.",
            needed >> 20,
            left >> 20
        );
        Self { code: Code::OutOfMemory.as_str(), message, retryable: true }
    }

    /// Disk trouble of this runner.
    pub fn no_disk() -> Self {
        let message = "The runner has no place for the files of this task.".into();
        Self { code: Code::StateFailed.as_str(), message, retryable: true }
    }

    /// A training that failed, by the error of its thread.
    pub fn training(error: &DrawError) -> Self {
        let tell = |message: String| Self { code: error.code.as_str(), message, retryable: error.retryable() };
        match error.code {
            // About the user's images and numbers, without paths.
            Code::DatasetInvalid
            | Code::DatasetEmpty
            | Code::DatasetTooLarge
            | Code::PlanInvalid
            | Code::TrainingDiverged => tell(error.message.clone()),
            Code::ModelUnsupported => tell("The model can't be trained.".into()),
            Code::EncoderMissing => tell("The model can't be trained: its autoencoder has no encoder.".into()),
            Code::Internal => tell("The runner failed while training.".into()),
            // Files that were read and written before: it is the disk.
            Code::StateFailed | Code::InvalidImage | Code::DatasetNotFound => Self::no_disk(),
            _ => Self::from(error),
        }
    }

    /// The edge did not take the pictures or the list of them.
    pub fn result_refused() -> Self {
        Self { code: "result_refused", message: "The pictures could not be stored.".into(), retryable: true }
    }
}

impl From<&DrawError> for Failure {
    fn from(error: &DrawError) -> Self {
        let message = match error.code {
            // Written for whoever asked.
            Code::RequestInvalid | Code::InvalidImage => error.message.clone(),
            Code::EncoderMissing => "The model can't start from a picture.".into(),
            Code::Canceled => return Self::canceled(),
            Code::OutOfMemory => "The runner has too little memory for this task.".into(),
            Code::Internal => "The runner failed while drawing.".into(),
            Code::ModelNotFound
            | Code::ModelConfigInvalid
            | Code::ModelUnsupported
            | Code::WeightsInvalid
            | Code::WeightsMissing
            | Code::WeightsShape
            | Code::TokenizerInvalid
            | Code::HubUnreachable
            | Code::HubDenied
            | Code::HubFailed => "The model can't be used.".into(),
            Code::AdapterNotFound | Code::AdapterInvalid | Code::AdapterMismatch | Code::AdapterUnsupported => {
                "A LoRA, embedding or hypernetwork can't be used with this model.".into()
            }
            Code::DatasetNotFound | Code::DatasetEmpty | Code::DatasetInvalid | Code::DatasetTooLarge => {
                "The pictures can't be learned from.".into()
            }
            Code::PlanInvalid | Code::StateMismatch | Code::StateFailed | Code::TrainingDiverged => {
                "The training can't go on.".into()
            }
        };
        Self { code: error.code.as_str(), message, retryable: error.retryable() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_user_wrote_is_told_in_detail() {
        let told = |code| Failure::from(&DrawError::new(code, "/srv/models/x"));
        assert_eq!(told(Code::RequestInvalid).message, "/srv/models/x");
        for code in [Code::ModelNotFound, Code::Internal, Code::OutOfMemory] {
            assert!(!told(code).message.contains("/srv") && told(code).retryable);
        }
        assert!(!told(Code::Canceled).retryable && !told(Code::WeightsShape).retryable);
    }

    #[test]
    fn bad_data_of_a_training_is_explained_and_bad_disks_are_another_runners_chance() {
        let of = |code| Failure::training(&DrawError::new(code, "/srv/cache/x"));
        for code in [Code::DatasetInvalid, Code::DatasetTooLarge, Code::PlanInvalid] {
            assert_eq!((of(code).code, of(code).retryable), (code.as_str(), false));
            assert_eq!(of(code).message, "/srv/cache/x");
        }
        for code in [Code::StateFailed, Code::InvalidImage, Code::OutOfMemory, Code::Internal] {
            assert!(of(code).retryable && !of(code).message.contains("/srv"), "{code:?}");
        }
        assert!(!of(Code::ModelUnsupported).retryable && !of(Code::ModelUnsupported).message.contains("/srv"));
    }
}
