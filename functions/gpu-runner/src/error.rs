//! What can go wrong while loading or drawing: a stable code for programs, a sentence for people.

use std::fmt;

/// Stable codes. Their text never changes once released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A file or directory of the model is not there or can't be read.
    ModelNotFound,
    /// A configuration file is not JSON or holds a value that makes no sense.
    ModelConfigInvalid,
    /// The model asks for something this runner does not do.
    ModelUnsupported,
    /// A weights file is not safetensors, or its header contradicts the file.
    WeightsInvalid,
    /// A tensor that the configuration calls for is not in the weights.
    WeightsMissing,
    /// A tensor has another shape than the configuration calls for.
    WeightsShape,
    /// The tokenizer's files are not usable.
    TokenizerInvalid,
    /// The server of a model that was given by its name does not answer, or not to the end.
    HubUnreachable,
    /// It does not give the model to who asks.
    HubDenied,
    /// It answers what makes no sense, or what it gives can't be kept.
    HubFailed,
    /// A LoRA, embedding or hypernetwork is not there or can't be read.
    AdapterNotFound,
    /// It is not safetensors, contradicts itself, or holds values that are no numbers.
    AdapterInvalid,
    /// It is made for another model.
    AdapterMismatch,
    /// It is of a kind or in a form that this runner does not apply.
    AdapterUnsupported,
    /// The request holds a value out of range, or one this model can't serve.
    RequestInvalid,
    /// A file that was given as a picture is none that can be read, or is larger than any need.
    InvalidImage,
    /// Pictures to start from were given, and the model has no encoder for them.
    EncoderMissing,
    /// A training is asked to do what makes no sense, or what its model can't.
    PlanInvalid,
    /// What a training left behind is not of this plan, these examples and this model, or is damaged.
    StateMismatch,
    /// What a training has to keep can't be written or read.
    StateFailed,
    /// A training's loss is no number any more.
    TrainingDiverged,
    /// A directory of pictures to learn from is not there or can't be read.
    DatasetNotFound,
    /// There are no pictures in it.
    DatasetEmpty,
    /// Something in it can't be learned from.
    DatasetInvalid,
    /// More images than a training takes.
    DatasetTooLarge,
    /// The caller asked to stop.
    Canceled,
    /// The device ran out of memory.
    OutOfMemory,
    /// Anything else; a defect of the runner.
    Internal,
}

impl Code {
    pub fn as_str(self) -> &'static str {
        match self {
            Code::ModelNotFound => "model_not_found",
            Code::ModelConfigInvalid => "model_config_invalid",
            Code::ModelUnsupported => "model_unsupported",
            Code::WeightsInvalid => "weights_invalid",
            Code::WeightsMissing => "weights_missing",
            Code::WeightsShape => "weights_shape",
            Code::TokenizerInvalid => "tokenizer_invalid",
            Code::HubUnreachable => "hub_unreachable",
            Code::HubDenied => "hub_denied",
            Code::HubFailed => "hub_failed",
            Code::AdapterNotFound => "adapter_not_found",
            Code::AdapterInvalid => "adapter_invalid",
            Code::AdapterMismatch => "adapter_mismatch",
            Code::AdapterUnsupported => "adapter_unsupported",
            Code::RequestInvalid => "request_invalid",
            Code::InvalidImage => "invalid_image",
            Code::EncoderMissing => "encoder_missing",
            Code::PlanInvalid => "plan_invalid",
            Code::StateMismatch => "state_mismatch",
            Code::StateFailed => "state_failed",
            Code::TrainingDiverged => "training_diverged",
            Code::DatasetNotFound => "dataset_not_found",
            Code::DatasetEmpty => "dataset_empty",
            Code::DatasetInvalid => "dataset_invalid",
            Code::DatasetTooLarge => "dataset_too_large",
            Code::Canceled => "canceled",
            Code::OutOfMemory => "out_of_memory",
            Code::Internal => "internal",
        }
    }

    /// Whether the same job may succeed elsewhere or later. A model that is broken here is broken everywhere; one that
    /// is not here may be on another runner.
    pub fn retryable(self) -> bool {
        matches!(self, Code::ModelNotFound | Code::AdapterNotFound | Code::OutOfMemory | Code::Internal)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawError {
    pub code: Code,
    pub message: String,
}

impl DrawError {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub fn retryable(&self) -> bool {
        self.code.retryable()
    }

    /// Says where it happened: a file or a part of the model.
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }
}

impl fmt::Display for DrawError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code.as_str())
    }
}

impl std::error::Error for DrawError {}

/// candle's errors carry their meaning in the variant; while a model loads, a missing or misshapen tensor is the
/// model's fault.
impl From<candle_core::Error> for DrawError {
    fn from(e: candle_core::Error) -> Self {
        use candle_core::Error as E;
        match e {
            E::WithBacktrace { inner, .. } | E::Context { inner, .. } | E::WithPath { inner, .. } => Self::from(*inner),
            E::CannotFindTensor { path } => Self::new(Code::WeightsMissing, format!("no tensor {path}")),
            E::UnexpectedShape { msg, expected, got } => Self::new(
                Code::WeightsShape,
                format!("{msg} has shape {:?}, the configuration wants {:?}", got.dims(), expected.dims()),
            ),
            E::Io(e) => Self::new(Code::ModelNotFound, e.to_string()),
            other => {
                let text = other.to_string();
                let oom = text.contains("OUT_OF_MEMORY") || text.contains("out of memory");
                Self::new(if oom { Code::OutOfMemory } else { Code::Internal }, text)
            }
        }
    }
}
