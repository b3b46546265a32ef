//! What may be sent about a model and its price.

use domain::messages::INVALID_PARAMETER;
use domain::{Choices, Error, phrases};
use serde_json::{Map, Value};
use store::camel_case;
use submit::InferenceForm;
use web::{Default, FieldType, FormData, Input};

/// The fields of `InferenceForm` that `defaults` may have.
const DEFAULTS: [&str; 6] =
    ["num_inference_steps", "guidance_scale", "scheduler", "strength", "negative_prompt", "model_id"];

pub const TASK_TYPES: Choices = &[("text_to_image", &[]), ("image_to_image", &[]), ("training", &["訓練", "训练"])];
const ASPECT_RATIOS: Choices = &[("auto", &[]), ("1:1", &[]), ("2:3", &[]), ("3:2", &[])];

const MODEL_NAME: Input = Input::new(FieldType::Word { max: 64 }, "Model name", "模型名稱");
const DESCRIPTION: Input = Input::new(FieldType::Text { min: 0, max: 500 }, "Description", "說明");
const POINTS_COST: Input = Input::new(
    FieldType::Int { min: 0, max: 1_000_000, step: 1 },
    "Points per image, or per begun hundred of images that a training shows",
    "每張圖片的積分；訓練則為每 100 張次",
);
const TASK_TYPE: Input = Input::new(FieldType::OneOf(TASK_TYPES), "Task type", "任務類型");
const ASPECT_RATIO: Input = Input::new(FieldType::OneOf(ASPECT_RATIOS), "Aspect ratio", "長寬比");
const SIZE: Input = Input::new(FieldType::Int { min: 64, max: 1024, step: 8 }, "Short side in pixels", "短邊像素");
const DEFAULT_FIELDS: Input = Input::new(
    FieldType::Json { max: 20_000 },
    "An object of num_inference_steps, guidance_scale, scheduler, strength, negative_prompt and model_id, as tasks \
     have them; it replaces the former one",
    "物件：num_inference_steps、guidance_scale、scheduler、strength、negative_prompt、model_id，規則同任務；整個取代原值",
);
const STANDARD: Input =
    Input::new(FieldType::Bool, "The price of tasks of this type that name no model", "未指定模型的同類任務以此計價");
const ENABLED: Input = Input::new(FieldType::Bool, "May be used", "啟用");

web::form! {
    pub struct NewPrice {
        pub model_name: String = MODEL_NAME,
        pub description: String = DESCRIPTION.or(Default::Text("")),
        pub points_cost: i64 = POINTS_COST,
        pub task_type: String = TASK_TYPE,
        pub aspect_ratio: String = ASPECT_RATIO.or(Default::Text("auto")),
        pub size: i64 = SIZE.or(Default::Int(512)),
        pub defaults: Option<Value> = DEFAULT_FIELDS,
        pub standard: bool = STANDARD.or(Default::Bool(false)),
        pub enabled: bool = ENABLED.or(Default::Bool(true)),
    }
}

web::patch! {
    pub struct PricePatch {
        pub model_name: String = MODEL_NAME,
        pub description: String = DESCRIPTION,
        pub points_cost: i64 = POINTS_COST,
        pub task_type: String = TASK_TYPE,
        pub aspect_ratio: String = ASPECT_RATIO,
        pub size: i64 = SIZE,
        pub defaults: Value = DEFAULT_FIELDS,
        pub standard: bool = STANDARD,
        pub enabled: bool = ENABLED,
    }
}

impl NewPrice {
    /// The defaults as JSON text in canonical form.
    ///
    /// # Errors
    ///
    /// `invalid_parameter` for an unknown key, which would silently do nothing, and for a value that tasks refuse.
    pub fn defaults(&self) -> Result<String, Error> {
        self.defaults.as_ref().map_or_else(|| Ok("{}".into()), canonical)
    }
}

impl PricePatch {
    /// As `NewPrice::defaults`; None where they stay as they are.
    pub fn defaults(&self) -> Result<Option<String>, Error> {
        self.defaults.as_ref().map(canonical).transpose()
    }
}

fn canonical(sent: &Value) -> Result<String, Error> {
    let unknown = || Error::invalid("defaults", phrases::OBJECT_OF.with([DEFAULTS.join(", ")]));
    let mut values = Map::new();
    for (key, value) in sent.as_object().ok_or_else(unknown)? {
        let name = DEFAULTS.into_iter().find(|name| name == key || camel_case(name) == *key).ok_or_else(unknown)?;
        let field = InferenceForm::FORM.0.iter().find(|field| field.name == name).ok_or_else(unknown)?;
        if value.is_null() {
            continue;
        }
        let invalid =
            || INVALID_PARAMETER.on("defaults").arg(format!("defaults.{name}")).arg(field.field_type.phrase());
        values.insert(name.to_string(), field.field_type.read(value).ok_or_else(invalid)?);
    }
    Ok(Value::Object(values).to_string())
}
