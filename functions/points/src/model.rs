//! What may be sent to the points API, and the runner's parameters that a submission becomes.

use domain::messages::INTERNAL;
use domain::task::MAX_PROMPT;
use domain::{Error, image_size, phrases};
use protocol::runner::{Checkpoint, DrawParams};
use serde_json::{Map, Value, json};
use submit::{InferenceForm, draw_params};
use web::{FieldType, FormData, Input};

/// The most images a task may start from.
const MAX_IMAGES: usize = 8;

web::form! {
    pub struct SubmitForm {
        pub model_name: String =
            Input::new(FieldType::Text { min: 1, max: 100 }, "Model", "模型").named("modelName"),
        pub prompt: String = Input::new(FieldType::Text { min: 1, max: MAX_PROMPT }, "Prompt", "提示词"),
        pub image_url: Option<Value> =
            Input::new(FieldType::Json { max: 40_000 }, "Reference images: a URL or a JSON array", "参考图")
                .named("imageUrl"),
    }
}

web::form! {
    pub struct RedeemForm {
        pub code: String = Input::new(FieldType::Text { min: 1, max: 100 }, "Redeem code", "兑换码"),
    }
}

impl SubmitForm {
    /// The addresses of the images to start from, each checked by its text alone.
    ///
    /// # Errors
    ///
    /// `invalid_parameter` when `imageUrl` is none of what clients send.
    pub fn images(&self) -> Result<Vec<String>, Error> {
        let images = self.image_url.as_ref().map_or_else(|| Some(Vec::new()), read_images);
        images.ok_or_else(|| Error::invalid("imageUrl", phrases::IMAGE_URLS.with([MAX_IMAGES])))
    }
}

/// One address, several in an array, or several in the text of a JSON array: clients of this API send each of these.
fn read_images(sent: &Value) -> Option<Vec<String>> {
    let parsed: Value;
    let urls = match sent {
        Value::String(text) if text.trim().is_empty() => return Some(Vec::new()),
        Value::String(text) if text.trim_start().starts_with('[') => {
            parsed = serde_json::from_str(text).ok()?;
            parsed.as_array()?.as_slice()
        }
        Value::Array(urls) => urls,
        one => std::slice::from_ref(one),
    };
    let read = |url: &Value| FieldType::FileUrl.read(url)?.as_str().map(str::to_string);
    if urls.len() > MAX_IMAGES { None } else { urls.iter().map(read).collect() }
}

/// A row of `points_config`: what a named model draws with.
pub struct PricedModel {
    /// `text_to_image` or `image_to_image`.
    pub task_type: String,
    /// As `domain::image_size::size` takes it.
    pub aspect_ratio: String,
    /// The short side in pixels.
    pub size: u32,
    /// Fields of `InferenceForm`; its own defaults stand for the others.
    pub defaults: Map<String, Value>,
    /// The checkpoint to draw with; without one the runner's own model is used.
    pub checkpoint: Option<Checkpoint>,
}

impl PricedModel {
    /// The parameters of one image. `start_size` is width and height of the first of `images`,
    /// in pixels, where they are known. `random` is 32 hex digits for the seed.
    ///
    /// # Errors
    ///
    /// `missing_parameter` or `invalid_parameter` when the model needs images or takes none. `internal_error` when the
    /// defaults are invalid, which is the price list's fault, not the caller's.
    pub fn draw_params(
        &self,
        prompt: &str,
        images: Vec<String>,
        start_size: Option<(u32, u32)>,
        random: &str,
    ) -> Result<DrawParams, Error> {
        match (self.task_type.as_str(), images.is_empty()) {
            ("image_to_image", true) => return Err(Error::missing("imageUrl")),
            // To ignore it would take points for an image that has nothing to do with the one sent.
            ("text_to_image", false) => return Err(Error::invalid("imageUrl", &phrases::OMITTED_FOR_TEXT_MODEL)),
            _ => {}
        }
        let form = self.inference_form(prompt, images.first(), start_size);
        let params = form.and_then(|form| draw_params(&form, random)).map_err(|error| INTERNAL.error().cause(error))?;
        Ok(DrawParams {
            // The runner is the first to see an image from outside.
            auto_aspect: self.aspect_ratio == "auto" && start_size.is_none() && !images.is_empty(),
            from_images: images,
            model: self.checkpoint.clone(),
            ..params
        })
    }

    fn inference_form(
        &self,
        prompt: &str,
        from_image: Option<&String>,
        start_size: Option<(u32, u32)>,
    ) -> Result<InferenceForm, Error> {
        let (width, height) = image_size::size(&self.aspect_ratio, self.size, start_size);
        let mut fields = self.defaults.clone();
        // `checkpoint` describes it whole.
        fields.remove("model_id");
        if from_image.is_none() {
            fields.remove("strength");
        }
        let asked = [
            ("prompt", json!(prompt)),
            ("width", json!(width)),
            ("height", json!(height)),
            ("from_image", json!(from_image)),
        ];
        fields.extend(asked.map(|(name, value)| (name.to_string(), value)));
        InferenceForm::read(&Value::Object(fields))
    }
}
