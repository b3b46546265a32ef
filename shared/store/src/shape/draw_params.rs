//! The shape of a runner's parameters. A test in `functions/callbacks` compares it with the types.

use super::{Property, Shape};

/// `protocol::runner::DrawParams`, with the names of tags that the edge keeps beside them.
pub const DRAW_PARAMS: Shape = Shape::Object(&[
    Property::new("prompt", Shape::Text, "What the images show."),
    Property::new("negative_prompt", Shape::Text, "What they do not show."),
    Property::new("width", Shape::Int, "Pixels."),
    Property::new("height", Shape::Int, "Pixels."),
    Property::new("num_inference_steps", Shape::Int, "Denoising steps."),
    Property::new("guidance_scale", Shape::Number, "Classifier-free guidance; 1 turns it off."),
    Property::new("scheduler", Shape::Text, "The sampler."),
    Property::new("seed", Shape::Int, "Seed of the first image; image `i` has `seed + i`."),
    Property::new("n", Shape::Int, "Number of images."),
    Property::optional("from_images", Shape::List(&Shape::Url), "The image to start from, then further references."),
    Property::optional("strength", Shape::Number, "Share of the start image that is drawn anew, from 0 to 1."),
    Property::optional("mask", Shape::Url, "Inpainting mask: white is drawn anew, black is kept."),
    Property::optional("auto_aspect", Shape::Bool, "Takes the aspect ratio of the start image."),
    Property::optional("loras", Shape::List(&ADAPTER), "Adapters that are applied together."),
    Property::optional("model", CHECKPOINT, "The checkpoint to draw with; without one the runner's own."),
    Property::optional("tags", Shape::List(&Shape::Text), "Names of tags for the images; runners do not get them."),
]);

/// `protocol::runner::Lora`
const ADAPTER: Shape = Shape::Object(&[
    Property::new("model_id", Shape::Int, ""),
    Property::new("weight", Shape::Number, "Strength; ignored for a textual inversion."),
    Property::optional("type", Shape::OneOf(&["hyper", "ti"]), "A hypernetwork or a textual inversion; else a LoRA."),
    Property::optional("word", Shape::Text, "Stands for a textual inversion in prompts."),
    Property::new("size", Shape::Int, "Bytes of the file."),
    Property::optional("sha256", Shape::Nullable(&Shape::Text), "Of the file, in lower-case hex."),
]);

/// `protocol::runner::Checkpoint`
pub(super) const CHECKPOINT: Shape = Shape::Object(&[
    Property::new("model_id", Shape::Int, ""),
    Property::new("name", Shape::Text, "For people."),
    Property::new("size", Shape::Int, "Bytes of the file."),
    Property::optional("sha256", Shape::Nullable(&Shape::Text), "Of the file, in lower-case hex."),
]);
