//! The shape of a training's parameters. A test in `functions/callbacks` compares it with the type.

use super::{CHECKPOINT, Property, Shape};

/// `protocol::runner::TrainParams`
pub const TRAIN_PARAMS: Shape = Shape::Object(&[
    Property::new("type", Shape::OneOf(&["lora", "ckp", "hyper", "ti"]), "The kind of the model."),
    Property::new("name", Shape::Text, "Of the model."),
    Property::optional("model", CHECKPOINT, "The model to start from; without one the runner's own."),
    Property::new("trigger_words", Shape::Text, "Put in front of captions that lack them."),
    Property::optional("steps", Shape::Int, "Optimizer steps, each of one batch. Either these or `epochs`."),
    Property::optional("epochs", Shape::Int, "Times that every image is shown."),
    Property::optional("learning_rate", Shape::Number, "The peak; without one the usual rate of the kind."),
    Property::new("batch_size", Shape::Int, "Images in a step."),
    Property::new("rank", Shape::Int, "Of a LoRA."),
    Property::optional("resolution", Shape::Int, "Images are learnt at about this many pixels squared."),
    Property::new("seed", Shape::Int, "The same seed and images give the same file."),
]);
