//! What may be asked of a runner: the fields of an inference task with their ranges, and the runner's parameters they
//! become.

use domain::task::{
    GUIDANCE_SCALE, IMAGES, KINDS, LORA_WEIGHT, MAX_LORAS, MAX_PROMPT, MAX_SEED, SCHEDULERS, SEED, SIDE, STEPS,
    STRENGTH,
};
use domain::{Error, phrases};
use protocol::runner::{AdapterKind, Checkpoint, DEFAULT_STRENGTH, DrawParams, Lora};
use web::{Default, FieldType, Input};

use crate::random_seed::random_seed;

const PROMPT: FieldType = FieldType::Text { min: 1, max: MAX_PROMPT };
const NEGATIVE_PROMPT: FieldType = FieldType::Text { min: 0, max: MAX_PROMPT };

web::form! {
    /// An adapter to apply.
    #[derive(Clone, Debug, PartialEq)]
    pub struct LoraForm {
        /// The model.
        pub model_id: i64 = Input::new(FieldType::Id, "Model", "模型"),
        /// Its strength.
        pub weight: f64 = Input::new(FieldType::number(LORA_WEIGHT), "Weight", "權重").or(Default::Number(1.0)),
    }
}

web::form! {
    /// The body of `POST /api/tasks`.
    #[derive(Clone, Debug, PartialEq)]
    pub struct InferenceForm {
        /// `inference` or `training`.
        pub kind: String = Input::new(FieldType::OneOf(KINDS), "Type", "任務類型").named("type").or(Default::Text("inference")),
        /// For people; the beginning of the prompt where there is none.
        pub name: Option<String> = Input::new(FieldType::Text { min: 0, max: 200 }, "Name", "名稱"),
        /// What the images show.
        pub prompt: String = Input::new(PROMPT, "Prompt", "提示詞"),
        /// What they do not show.
        pub negative_prompt: String = Input::new(NEGATIVE_PROMPT, "Negative prompt", "反向提示詞").or(Default::Text("")),
        /// Pixels.
        pub width: u32 = Input::new(FieldType::int(SIDE), "Width", "寬度").or(Default::Int(512)),
        /// Pixels.
        pub height: u32 = Input::new(FieldType::int(SIDE), "Height", "高度").or(Default::Int(512)),
        /// Denoising steps.
        pub num_inference_steps: u32 =
            Input::new(FieldType::int(STEPS), "Steps", "步數").or(Default::Int(20)),
        /// Classifier-free guidance.
        pub guidance_scale: f64 =
            Input::new(FieldType::number(GUIDANCE_SCALE), "Guidance scale", "引導強度").or(Default::Number(7.5)),
        /// The sampler.
        pub scheduler: String =
            Input::new(FieldType::OneOf(SCHEDULERS), "Scheduler", "採樣器").or(Default::Text("DDIM")),
        /// Seed of the first image; random where there is none.
        pub seed: Option<u32> = Input::new(FieldType::int(SEED), "Seed", "隨機種子"),
        /// Number of images.
        pub n: u32 = Input::new(FieldType::int(IMAGES), "Images", "張數").or(Default::Int(1)),
        /// The image to start from.
        pub from_image: Option<String> = Input::new(FieldType::FileUrl, "Image to start from", "起始圖片"),
        /// Share of that image that is drawn anew.
        pub strength: Option<f64> = Input::new(FieldType::number(STRENGTH), "Strength", "重繪強度"),
        /// The parts of that image that are drawn anew, in white.
        pub mask: Option<String> = Input::new(FieldType::FileUrl, "Mask", "遮罩"),
        /// The checkpoint to draw with.
        pub model_id: Option<i64> = Input::new(FieldType::Id, "Model", "模型"),
        /// Adapters to apply.
        pub loras: Vec<LoraForm> =
            Input::new(FieldType::List { of: &FieldType::Object(&LoraForm::FORM), max: MAX_LORAS }, "LoRAs", "LoRA"),
        /// Names of tags for the images.
        pub tags: Vec<String> = Input::new(FieldType::TAGS, "Tags", "標籤"),
        /// The images will be public.
        pub public: bool = Input::new(FieldType::Bool, "Public", "公開").or(Default::Bool(true)),
        /// Gets the events of this task.
        pub webhook: Option<String> = Input::new(FieldType::Url, "Webhook", "回呼網址"),
    }
}

/// The runner's parameters. `random` is 32 hex digits, for a seed nobody chose: it is fixed here, so that every attempt
/// draws the same. Models are named by id alone; `Submission::insert` fills in the rest.
///
/// # Errors
///
/// `invalid_parameter` when the seeds of a batch would pass the largest seed, `missing_parameter` when `strength` or
/// `mask` come without `from_image`.
pub fn draw_params(form: &InferenceForm, random: &str) -> Result<DrawParams, Error> {
    let largest = MAX_SEED - i64::from(form.n) + 1;
    let seed = match form.seed {
        Some(seed) if i64::from(seed) > largest => {
            return Err(Error::invalid("seed", phrases::SEED_OF_BATCH.with([largest])));
        }
        Some(seed) => seed,
        None => random_seed(random, largest),
    };
    if form.from_image.is_none() && (form.strength.is_some() || form.mask.is_some()) {
        return Err(Error::missing("from_image"));
    }
    Ok(DrawParams {
        prompt: form.prompt.clone(),
        negative_prompt: form.negative_prompt.clone(),
        width: form.width,
        height: form.height,
        num_inference_steps: form.num_inference_steps,
        guidance_scale: form.guidance_scale,
        scheduler: form.scheduler.clone(),
        seed,
        n: form.n,
        strength: form.from_image.is_some().then(|| form.strength.unwrap_or(DEFAULT_STRENGTH)),
        mask: form.mask.clone(),
        auto_aspect: false,
        from_images: form.from_image.iter().cloned().collect(),
        loras: form.loras.iter().map(lora).collect(),
        model: form.model_id.map(|model_id| Checkpoint { model_id, name: String::new(), size: 0, sha256: None }),
    })
}

fn lora(form: &LoraForm) -> Lora {
    let LoraForm { model_id, weight } = *form;
    Lora { model_id, weight, kind: AdapterKind::Lora, word: None, size: 0, sha256: None }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use web::FormData;

    use super::*;

    fn params(body: Value) -> Result<DrawParams, String> {
        let params = InferenceForm::read(&body).and_then(|form| draw_params(&form, "ffffffff"));
        params.map_err(|error| format!("{}:{}", error.code(), error.field.unwrap_or_default()))
    }

    #[test]
    fn a_prompt_is_enough() {
        let params = params(json!({"prompt": " a cat "})).unwrap();
        assert_eq!((params.prompt.as_str(), params.width, params.n), ("a cat", 512, 1));
        assert_eq!((params.strength, params.from_images.len(), params.model), (None, 0, None));
        assert_eq!(i64::from(params.seed), 0xffff_ffff % (MAX_SEED + 1));
    }

    #[test]
    fn seeds_of_a_batch_stay_in_range() {
        let seed = |seed: i64, n: i64| params(json!({"prompt": "a", "seed": seed, "n": n})).map(|p| p.seed);
        assert_eq!(seed(MAX_SEED, 1), Ok(MAX_SEED as u32));
        assert_eq!(seed(MAX_SEED - 7, 8), Ok(MAX_SEED as u32 - 7));
        assert_eq!(seed(MAX_SEED - 6, 8), Err("invalid_parameter:seed".into()));
        for random in ["ffffffff", "7fffffff", "7ffffffe", "", "zz"] {
            assert!(i64::from(random_seed(random, MAX_SEED - 7)) <= MAX_SEED - 7, "{random}");
        }
    }

    #[test]
    fn strength_and_mask_need_an_image() {
        for field in [json!({"prompt": "a", "strength": 0.5}), json!({"prompt": "a", "mask": "/files/x"})] {
            assert!(params(field).is_err());
        }
        let file = format!("/files/up/{}.png", "0f".repeat(16));
        let drawn_over = params(json!({"prompt": "a", "from_image": file})).unwrap();
        assert_eq!((drawn_over.strength, drawn_over.from_images), (Some(DEFAULT_STRENGTH), vec![file.clone()]));
        assert_eq!(params(json!({"prompt": "a", "mask": file})), Err("missing_parameter:from_image".into()));
    }

    #[test]
    fn models_are_named_by_id() {
        let params =
            params(json!({"prompt": "a", "model_id": 7, "loras": [{"model_id": 8}, {"model_id": "9", "weight": -1}]}));
        let params = params.unwrap();
        assert_eq!(params.model.map(|model| model.model_id), Some(7));
        let loras: Vec<_> = params.loras.iter().map(|lora| (lora.model_id, lora.weight)).collect();
        assert_eq!(loras, [(8, 1.0), (9, -1.0)]);
    }
}
