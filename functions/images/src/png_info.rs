//! `POST /api/images/png-info`: reads from a PNG file how the image was generated. Stores nothing and needs no
//! credential.

use domain::Error;
use domain::messages::INVALID_IMAGE;
use media::png::{PngText, read_text};
use serde_json::{Map, Value, json};
use store::{ApiVersion, Property, Shape};
use web::{Raw, Reply, RequestCtx, Result, multipart};

use crate::webui_parameters;

/// Largest body in bytes: the file, or the form around it.
const MAX_BODY: usize = 20 << 20;

/// The reply.
pub const PNG_INFO: Shape = Shape::Object(&[
    Property::new("width", Shape::Int, "Pixels."),
    Property::new("height", Shape::Int, "Pixels."),
    Property::new("parameters", Shape::Nullable(&Shape::Text), "The text `parameters`, as the web UI writes it."),
    Property::new("generation", Shape::Nullable(&GENERATION), "As fields of a task; keys are camelCase in v0."),
]);

/// The parameters of an image: those of a task, as far as the file has them.
const GENERATION: Shape = Shape::Object(&[
    Property::optional("prompt", Shape::Text, ""),
    Property::optional("negative_prompt", Shape::Text, ""),
    Property::optional("width", Shape::Int, "Pixels, as they were asked for."),
    Property::optional("height", Shape::Int, "Pixels, as they were asked for."),
    Property::optional("num_inference_steps", Shape::Int, "Denoising steps."),
    Property::optional("guidance_scale", Shape::Number, "Classifier-free guidance."),
    Property::optional("scheduler", Shape::Text, ""),
    Property::optional("seed", Shape::Int, "Up to 2^53 in images of other programs."),
    Property::optional("n", Shape::Int, "Always 1: the image itself."),
    Property::optional("strength", Shape::Number, "Share of the start image that was drawn anew, from 0 to 1."),
    Property::optional("auto_aspect", Shape::Bool, "The start image set the aspect ratio."),
    Property::optional("loras", Shape::List(&LORA), "Adapters that were applied."),
    Property::optional(
        "model",
        Shape::Any,
        "The checkpoint: its name, or for our images `{model_id, name, size, sha256}`.",
    ),
    Property::optional("other", Shape::Map(&Shape::Text), "Values of the web UI that no field of a task has."),
]);

/// `protocol::runner::Lora` in our images; name and weight in those of other programs.
const LORA: Shape = Shape::Object(&[
    Property::optional("name", Shape::Text, "In images of other programs."),
    Property::optional("model_id", Shape::Int, "In our images."),
    Property::new("weight", Shape::Number, ""),
    Property::optional("type", Shape::OneOf(&["hyper", "ti"]), "A hypernetwork or a textual inversion; else a LoRA."),
    Property::optional("word", Shape::Text, "Stands for a textual inversion in prompts."),
    Property::optional("size", Shape::Int, "Bytes of the file."),
    Property::optional("sha256", Shape::Text, "Of the file, in lower-case hex."),
]);

pub async fn read(ctx: RequestCtx, body: Raw<MAX_BODY>) -> Result {
    let file = multipart::file(&body.content_type, &body.bytes)?;
    Ok(Reply::Item(png_info(file, ctx.version())?.to_string()))
}

/// The reply for a file. The text `generation`, JSON of our own images, comes before `parameters`.
///
/// # Errors
///
/// `invalid_image` on the field `file`.
fn png_info(file: &[u8], version: ApiVersion) -> std::result::Result<Value, Error> {
    let texts = read_text(file).map_err(|error| INVALID_IMAGE.on("file").cause(error))?;
    let PngText { width, height, parameters, generation } = texts;
    let generation = generation.and_then(|json| serde_json::from_str::<Map<String, Value>>(&json).ok());
    let generation = generation.or_else(|| webui_parameters::parse(parameters.as_deref()?));
    let generation: Option<Map<String, Value>> =
        generation.map(|fields| fields.into_iter().map(|(name, value)| (version.key(&name), value)).collect());
    Ok(json!({"width": width, "height": height, "parameters": parameters, "generation": generation}))
}
