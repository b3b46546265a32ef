//! What is submitted, and what becomes of it: the runner's parameters.

use domain::error::Arg;
use domain::form::{Field, Form, Rule};
use domain::messages::{INTERNAL, INVALID_PARAMETER, MISSING_PARAMETER};
use domain::runner::{Checkpoint, DrawParams, STRENGTH};
use domain::task::{INFERENCE, MAX_SEED};
use domain::{Error, aspect, taskno};
use serde_json::{Value, json};

pub static SUBMIT: Form = Form(&[
    Field::required("modelName", Rule::Text { min: 1, max: 100 }, ("Model", "模型")),
    Field::required("prompt", Rule::Text { min: 1, max: 4000 }, ("Prompt", "提示词")),
    Field::optional("imageUrl", Rule::Json { max: 40_000 }, ("Reference pictures: a URL or a JSON array", "参考图")),
]);

pub static REDEEM: Form = Form(&[Field::required("code", Rule::Text { min: 1, max: 100 }, ("Redeem code", "兑换码"))]);

/// The most pictures a task may start from.
const MAX_PICTURES: usize = 8;

/// A checked submission.
pub struct Order {
    pub model_name: String,
    pub prompt: String,
    /// Addresses of the pictures to start from.
    pub pictures: Vec<String>,
}

impl Order {
    /// `admit` judges addresses of pictures.
    pub fn read(body: &Value, admit: impl Fn(&str) -> Result<(), Error>) -> Result<Order, Error> {
        let values = SUBMIT.create(body)?;
        let pictures = match values.get("imageUrl") {
            Some(given) => pictures(given).ok_or_else(|| {
                let phrase = |en: &str, hant: &str, hans: &str| Arg::Phrase {
                    en: en.into(),
                    hant: hant.into(),
                    hans: hans.into(),
                };
                INVALID_PARAMETER.on("imageUrl").arg("imageUrl").phrase(phrase(
                    "the http or https URL of a picture, or a JSON array of at most 8",
                    "圖片的 http 或 https 網址，或最多 8 個網址的 JSON 陣列",
                    "图片的 http 或 https 网址，或最多 8 个网址的 JSON 数组",
                ))
            })?,
            None => Vec::new(),
        };
        pictures.iter().try_for_each(|url| admit(url))?;
        Ok(Order {
            model_name: values.text("modelName").unwrap_or_default(),
            prompt: values.text("prompt").unwrap_or_default(),
            pictures,
        })
    }

    /// One picture by this model. `start` is the size of the first picture it starts from, if known; `random` is 32 hex
    /// digits for the seed, which is fixed here, so that every attempt draws the same.
    pub fn params(&self, model: &Model, start: Option<(u32, u32)>, random: &str) -> Result<DrawParams, Error> {
        match (model.task_type.as_str(), self.pictures.is_empty()) {
            ("image_to_image", true) => return Err(MISSING_PARAMETER.on("imageUrl").arg("imageUrl")),
            // To pass over it would be to take points for a picture that has nothing to do with the one sent.
            ("text_to_image", false) => {
                return Err(INVALID_PARAMETER.on("imageUrl").arg("imageUrl").phrase(Arg::Phrase {
                    en: "left out, as the model draws from text alone".into(),
                    hant: "空，因為該模型只依文字生圖".into(),
                    hans: "空，因为该模型是文生图模型".into(),
                }));
            }
            _ => {}
        }
        let (width, height) = aspect::size(&model.aspect_ratio, model.size, start);
        let mut asked = json!({"prompt": self.prompt, "width": width, "height": height});
        for name in ["negative_prompt", "num_inference_steps", "guidance_scale", "scheduler", "strength"] {
            if let Some(value) = model.defaults.get(name) {
                asked[name] = value.clone();
            }
        }
        // What is refused here is the price list's fault, not the caller's.
        let values = INFERENCE.create(&asked).map_err(|error| INTERNAL.error().cause(error))?;
        let number = |name: &str| values.int(name).and_then(|n| u32::try_from(n).ok()).unwrap_or_default();
        let seed = random.get(..8).and_then(|hex| i64::from_str_radix(hex, 16).ok()).unwrap_or_default();
        Ok(DrawParams {
            prompt: self.prompt.clone(),
            negative_prompt: values.text("negative_prompt").unwrap_or_default(),
            width,
            height,
            num_inference_steps: number("num_inference_steps"),
            guidance_scale: values.number("guidance_scale").unwrap_or(7.5),
            scheduler: values.text("scheduler").unwrap_or_default(),
            seed: u32::try_from(seed % (MAX_SEED + 1)).unwrap_or_default(),
            n: 1,
            strength: (!self.pictures.is_empty()).then(|| values.number("strength").unwrap_or(STRENGTH)),
            mask: None,
            from_images: self.pictures.clone(),
            // Nobody has seen a picture from outside yet; the runner will.
            auto_aspect: model.aspect_ratio == "auto" && start.is_none() && !self.pictures.is_empty(),
            loras: Vec::new(),
            model: model.whole.clone(),
        })
    }
}

/// A row of `points_config`.
pub struct Model {
    pub task_type: String,
    pub aspect_ratio: String,
    /// The short side in pixels.
    pub size: u32,
    /// Parameters to draw with, as `domain::task::INFERENCE` has them; what is not there is as it is there.
    pub defaults: Value,
    /// What it is drawn with; without it the runner's own model.
    pub whole: Option<Checkpoint>,
}

/// One address, several in an array, or several in the text of a JSON array: clients of this API send each of these.
fn pictures(given: &Value) -> Option<Vec<String>> {
    let listed: Value;
    let urls = match given {
        Value::String(text) if text.trim().is_empty() => return Some(Vec::new()),
        Value::String(text) if text.trim_start().starts_with('[') => {
            listed = serde_json::from_str(text).ok()?;
            listed.as_array()?.as_slice()
        }
        Value::Array(urls) => urls,
        one => std::slice::from_ref(one),
    };
    let read = |url: &Value| Rule::FileUrl.read(url)?.as_str().map(str::to_string);
    if urls.len() > MAX_PICTURES { None } else { urls.iter().map(read).collect() }
}

/// A number for a task; `random` is 32 hex digits.
pub fn task_no(now: domain::Millis, random: &str) -> String {
    let random = random.get(24..).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    taskno::number(now, random.unwrap_or_default())
}
