//! What may be sent about a model and its price.

use domain::Error;
use domain::error::Arg;
use domain::form::{Field, Form, Need, Rule, Values};
use domain::messages::INVALID_PARAMETER;
use domain::profile::camel;
use domain::task::INFERENCE;
use serde_json::{Map, Value};

/// What `defaults` may say, under the rules of tasks.
pub const DEFAULTS: [&str; 6] =
    ["num_inference_steps", "guidance_scale", "scheduler", "strength", "negative_prompt", "model_id"];

pub const TYPES: &[(&str, &[&str])] = &[("text_to_image", &[]), ("image_to_image", &[])];
const RATIOS: &[(&str, &[&str])] = &[("auto", &[]), ("1:1", &[]), ("2:3", &[]), ("3:2", &[])];

const NAME: Rule = Rule::Word { max: 64 };
const COST: Rule = Rule::Int { min: 0, max: 1_000_000, step: 1 };

const NAME_TITLE: (&str, &str) = ("Model name", "模型名稱");
const COST_TITLE: (&str, &str) = ("Points a picture", "每張圖片的積分");
const TYPE_TITLE: (&str, &str) = ("Task type", "任務類型");
const DESCRIPTION: Field = Field::optional("description", Rule::Text { min: 0, max: 500 }, ("Description", "說明"));
const RATIO: Field = Field::optional("aspect_ratio", Rule::OneOf(RATIOS), ("Aspect ratio", "長寬比"));
const SIZE: Field =
    Field::optional("size", Rule::Int { min: 64, max: 1024, step: 8 }, ("Short side in pixels", "短邊像素"));
const DEFAULTS_FIELD: Field = Field::optional(
    "defaults",
    Rule::Json { max: 20_000 },
    (
        "An object of num_inference_steps, guidance_scale, scheduler, strength, negative_prompt, model_id as for tasks; replaces the former",
        "物件：num_inference_steps、guidance_scale、scheduler、strength、negative_prompt、model_id，規則同任務；整個取代原值",
    ),
);
const STANDARD: Field = Field::optional(
    "standard",
    Rule::Bool,
    ("The price of tasks of this type that name no model", "未指定模型的同類任務以此計價"),
);
const ENABLED: Field = Field::optional("enabled", Rule::Bool, ("May be used", "啟用"));

pub struct NewPrice {
    pub model_name: String,
    pub description: String,
    pub points_cost: i64,
    pub task_type: String,
    pub aspect_ratio: String,
    pub size: i64,
    /// A JSON object.
    pub defaults: String,
    pub standard: bool,
    pub enabled: bool,
}

impl NewPrice {
    pub const FORM: Form = Form(&[
        Field::required("model_name", NAME, NAME_TITLE),
        DESCRIPTION,
        Field::required("points_cost", COST, COST_TITLE),
        Field::required("task_type", Rule::OneOf(TYPES), TYPE_TITLE),
        RATIO.or(Need::Text("auto")),
        SIZE.or(Need::Int(512)),
        DEFAULTS_FIELD,
        STANDARD.or(Need::Bool(false)),
        ENABLED.or(Need::Bool(true)),
    ]);

    pub fn read(body: &Value) -> Result<NewPrice, Error> {
        let values = Self::FORM.create(body)?;
        let text = |name| values.text(name).unwrap_or_default();
        Ok(NewPrice {
            model_name: text("model_name"),
            description: text("description"),
            points_cost: values.int("points_cost").unwrap_or(0),
            task_type: text("task_type"),
            aspect_ratio: text("aspect_ratio"),
            size: values.int("size").unwrap_or(512),
            defaults: defaults(&values)?.unwrap_or_else(|| "{}".into()),
            standard: values.bool("standard").unwrap_or(false),
            enabled: values.bool("enabled").unwrap_or(true),
        })
    }
}

/// `None` stays as it is.
pub struct PricePatch {
    pub model_name: Option<String>,
    pub description: Option<String>,
    pub points_cost: Option<i64>,
    pub task_type: Option<String>,
    pub aspect_ratio: Option<String>,
    pub size: Option<i64>,
    pub defaults: Option<String>,
    pub standard: Option<bool>,
    pub enabled: Option<bool>,
}

impl PricePatch {
    pub const FORM: Form = Form(&[
        Field::optional("model_name", NAME, NAME_TITLE),
        DESCRIPTION,
        Field::optional("points_cost", COST, COST_TITLE),
        Field::optional("task_type", Rule::OneOf(TYPES), TYPE_TITLE),
        RATIO,
        SIZE,
        DEFAULTS_FIELD,
        STANDARD,
        ENABLED,
    ]);

    pub fn read(body: &Value) -> Result<PricePatch, Error> {
        let values = Self::FORM.patch(body)?;
        Ok(PricePatch {
            model_name: values.text("model_name"),
            description: values.text("description"),
            points_cost: values.int("points_cost"),
            task_type: values.text("task_type"),
            aspect_ratio: values.text("aspect_ratio"),
            size: values.int("size"),
            defaults: defaults(&values)?,
            standard: values.bool("standard"),
            enabled: values.bool("enabled"),
        })
    }
}

/// The defaults in canonical form. What is not known is refused here, as it would silently do nothing.
fn defaults(values: &Values) -> Result<Option<String>, Error> {
    let Some(sent) = values.get("defaults") else { return Ok(None) };
    let invalid = |name: String, phrase| INVALID_PARAMETER.on("defaults").arg(name).phrase(phrase);
    let known = || {
        let names = DEFAULTS.join(", ");
        let zh = format!("只含 {names} 的");
        Arg::Phrase { en: format!("an object of {names}"), hant: format!("{zh}物件"), hans: format!("{zh}对象") }
    };
    let object = sent.as_object().ok_or_else(|| invalid("defaults".into(), known()))?;
    let mut kept = Map::new();
    for (key, value) in object {
        let name = DEFAULTS.into_iter().find(|name| name == key || camel(name) == *key);
        let field = INFERENCE.0.iter().find(|field| Some(field.name) == name);
        let field = field.ok_or_else(|| invalid("defaults".into(), known()))?;
        if value.is_null() {
            continue;
        }
        let value = field.rule.read(value);
        let value = value.ok_or_else(|| invalid(format!("defaults.{}", field.name), field.rule.phrase()))?;
        kept.insert(field.name.to_string(), value);
    }
    Ok(Some(Value::Object(kept).to_string()))
}
