//! The ranges of a training.

use crate::range::{IntRange, NumberRange};

/// Optimizer steps.
pub const STEPS: IntRange = IntRange::new(1, 100_000);
/// Optimizer steps of a training that names neither steps nor epochs.
pub const DEFAULT_STEPS: u32 = 500;
/// Times that every image is shown.
pub const EPOCHS: IntRange = IntRange::new(1, 10_000);
/// Peak learning rate.
pub const LEARNING_RATE: NumberRange = NumberRange { min: 1e-8, max: 1.0 };
/// Images in a step.
pub const BATCH_SIZE: IntRange = IntRange::new(1, 64);
/// Rank of a LoRA.
pub const RANK: IntRange = IntRange::new(1, 256);
/// Images are learnt at about this many pixels squared.
pub const RESOLUTION: IntRange = IntRange { min: 64, max: 1024, step: 8 };
/// Images of a dataset.
pub const MAX_IMAGES: usize = 5000;
/// Bytes of the addresses of a dataset's images together, as they are shown; of addresses and captions of a request.
pub const MAX_ADDRESS_BYTES: usize = 1_500_000;
/// Characters of a caption.
pub const MAX_CAPTION: usize = 2000;
/// Bytes of an image of a dataset.
pub const MAX_IMAGE_BYTES: usize = 20 << 20;

/// The default deadline of a training in milliseconds, counted from its submission; a deployment may set
/// `TRAINING_DEADLINE_MS`.
pub const TRAINING_DEADLINE_MS: i64 = 7 * 24 * 60 * 60 * 1000;
