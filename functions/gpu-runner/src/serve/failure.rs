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
            Code::DatasetNotFound | Code::DatasetEmpty | Code::DatasetInvalid => {
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
}
