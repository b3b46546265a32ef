//! What may be asked of a training: the fields with their ranges, and the runner's parameters they become.

use domain::Error;
use domain::model::{BASE_MODELS, MAX_NAME, MAX_TRIGGER_WORDS, TYPES};
use domain::phrases::{AT_LEAST_ONE, OMITTED_WITH};
use domain::task::{MAX_SEED, SEED};
use domain::training::{BATCH_SIZE, DEFAULT_STEPS, EPOCHS, LEARNING_RATE, MAX_IMAGES, RANK, RESOLUTION, STEPS};
use protocol::runner::{Checkpoint, ModelKind, TrainParams};
use web::{Default, FieldType, Input};

use crate::random_seed::random_seed;

/// Collections that a dataset may be made of at once.
const MAX_CHOICES: usize = 100;

web::form! {
    /// Images to learn from, where no dataset was made before.
    #[derive(Clone, Debug, PartialEq)]
    pub struct DataForm {
        /// Addresses of files.
        pub oss: Vec<String> = Input::new(
            FieldType::List { of: &FieldType::FileUrl, max: MAX_IMAGES }, "Addresses of images", "圖片網址"),
        /// Images by their ids.
        pub images: Vec<i64> =
            Input::new(FieldType::List { of: &FieldType::Id, max: MAX_IMAGES }, "Images", "圖片"),
        /// The images of collections.
        pub choices: Vec<i64> =
            Input::new(FieldType::List { of: &FieldType::Id, max: MAX_CHOICES }, "Collections", "精選集"),
    }
}

web::form! {
    /// The body of `POST /api/models`.
    #[derive(Clone, Debug, PartialEq)]
    pub struct TrainingForm {
        /// Of the model.
        pub name: String = Input::new(FieldType::Text { min: 1, max: MAX_NAME }, "Name", "名稱"),
        /// One of `domain::model::TYPES`.
        pub kind: String = Input::new(FieldType::OneOf(TYPES), "Type", "類型").named("type"),
        /// The dataset to learn from.
        pub dataset_id: Option<i64> = Input::new(FieldType::Id, "Dataset", "資料集"),
        /// The images to learn from, which become a dataset.
        pub data: Option<DataForm> =
            Input::new(FieldType::Object(&DataForm::FORM), "Images to learn from", "訓練圖片"),
        /// The checkpoint to start from; without one the runner's own model.
        pub source: Option<i64> = Input::new(FieldType::Id, "Source model", "源模型"),
        /// The family of the source.
        pub base_model: Option<String> =
            Input::new(FieldType::OneOf(BASE_MODELS), "Base model", "基礎模型"),
        /// Words that call what was learnt, separated by commas. A textual inversion learns the first.
        pub trigger_words: String = Input::new(
            FieldType::Text { min: 0, max: MAX_TRIGGER_WORDS }, "Trigger words", "觸發詞").or(Default::Text("")),
        /// Optimizer steps.
        pub steps: Option<u32> = Input::new(FieldType::int(STEPS), "Steps", "步數"),
        /// Times that every image is shown.
        pub epochs: Option<u32> = Input::new(FieldType::int(EPOCHS), "Epochs", "輪數"),
        /// The peak; without one the usual rate of the type.
        pub learning_rate: Option<f64> =
            Input::new(FieldType::number(LEARNING_RATE), "Learning rate", "學習率"),
        /// Images in a step.
        pub batch_size: u32 =
            Input::new(FieldType::int(BATCH_SIZE), "Batch size", "批次大小").or(Default::Int(1)),
        /// Of a LoRA.
        pub rank: u32 = Input::new(FieldType::int(RANK), "Rank of a LoRA", "LoRA 的秩").or(Default::Int(8)),
        /// Images are learnt at about this many pixels squared; without one at the source's own size.
        pub resolution: Option<u32> = Input::new(FieldType::int(RESOLUTION), "Resolution", "解析度"),
        /// The same seed and images give the same file; random where there is none.
        pub seed: Option<u32> = Input::new(FieldType::int(SEED), "Seed", "隨機種子"),
        /// Of the model.
        pub tags: Vec<String> = Input::new(FieldType::TAGS, "Tags", "標籤"),
        /// The model will be public.
        pub public: bool = Input::new(FieldType::Bool, "Public", "公開").or(Default::Bool(false)),
        /// Gets the events of this task.
        pub webhook: Option<String> = Input::new(FieldType::Url, "Webhook", "回呼網址"),
    }
}

/// The runner's parameters. `random` is 32 hex digits, for a seed nobody chose. The source is named by its id alone;
/// `Training::insert` fills in the rest.
///
/// # Errors
///
/// `missing_parameter` for `dataset_id`, or for the trigger word of a textual inversion; `invalid_parameter` where two
/// fields exclude each other, or where `data` is empty.
pub fn train_params(form: &TrainingForm, random: &str) -> Result<TrainParams, Error> {
    match (&form.dataset_id, &form.data) {
        (None, None) => return Err(Error::missing("dataset_id")),
        (Some(_), Some(_)) => return Err(Error::invalid("data", OMITTED_WITH.with(["dataset_id"]))),
        (None, Some(data)) if data.oss.is_empty() && data.images.is_empty() && data.choices.is_empty() => {
            return Err(Error::invalid("data", AT_LEAST_ONE.with(["oss, images, choices"])));
        }
        _ => {}
    }
    if form.steps.is_some() && form.epochs.is_some() {
        return Err(Error::invalid("epochs", OMITTED_WITH.with(["steps"])));
    }
    let kind = match form.kind.as_str() {
        "ckp" => ModelKind::Ckp,
        "hyper" => ModelKind::Hyper,
        "ti" => ModelKind::Ti,
        _ => ModelKind::Lora,
    };
    if kind == ModelKind::Ti && form.trigger_words.is_empty() {
        return Err(Error::missing("trigger_words"));
    }
    Ok(TrainParams {
        kind,
        name: form.name.clone(),
        model: form.source.map(|model_id| Checkpoint { model_id, name: String::new(), size: 0, sha256: None }),
        trigger_words: form.trigger_words.clone(),
        steps: form.steps.or_else(|| form.epochs.is_none().then_some(DEFAULT_STEPS)),
        epochs: form.epochs,
        learning_rate: form.learning_rate,
        batch_size: form.batch_size,
        rank: form.rank,
        resolution: form.resolution,
        seed: form.seed.unwrap_or_else(|| random_seed(random, MAX_SEED)),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use web::FormData;

    use super::*;

    fn params(more: Value) -> Result<TrainParams, String> {
        let mut body = json!({"name": "fox", "type": "lora", "dataset_id": 3});
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        let params = TrainingForm::read(&body).and_then(|form| train_params(&form, "0000000a"));
        params.map_err(|error| format!("{}:{}", error.code(), error.field.unwrap_or_default()))
    }

    #[test]
    fn a_name_a_type_and_a_dataset_are_enough() {
        let params = params(json!({})).unwrap();
        assert_eq!((params.kind, params.steps, params.epochs), (ModelKind::Lora, Some(DEFAULT_STEPS), None));
        assert_eq!((params.batch_size, params.rank, params.seed, params.model), (1, 8, 10, None));
    }

    #[test]
    fn steps_and_epochs_exclude_each_other() {
        let epochs = params(json!({"epochs": 5})).unwrap();
        assert_eq!((epochs.steps, epochs.epochs), (None, Some(5)));
        assert_eq!(params(json!({"epochs": 5, "steps": 5})), Err("invalid_parameter:epochs".into()));
    }

    #[test]
    fn images_come_from_a_dataset_or_from_data() {
        assert!(params(json!({"dataset_id": null, "data": {"images": [4]}})).is_ok());
        for (more, error) in [
            (json!({"dataset_id": null}), "missing_parameter:dataset_id"),
            (json!({"data": {"images": [4]}}), "invalid_parameter:data"),
            (json!({"dataset_id": null, "data": {"oss": [], "images": []}}), "invalid_parameter:data"),
            (json!({"dataset_id": null, "data": {"oss": ["ftp://a/b"]}}), "invalid_parameter:data"),
        ] {
            assert_eq!(params(more), Err(error.into()));
        }
    }

    #[test]
    fn a_textual_inversion_needs_its_word() {
        assert_eq!(params(json!({"type": "ti"})), Err("missing_parameter:trigger_words".into()));
        assert_eq!(params(json!({"type": "ti", "trigger_words": "fox"})).unwrap().kind, ModelKind::Ti);
    }
}
