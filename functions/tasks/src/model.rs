//! What may be asked of a runner, beyond what `domain::task::INFERENCE` checks of each field alone.

use domain::error::Arg;
use domain::form::{Field, Form, Rule, Values};
use domain::messages::{INVALID_PARAMETER, UNSUPPORTED_PARAMETER};
use domain::runner::DrawParams;
use domain::task::{INFERENCE, MAX_SEED};
use domain::{Error, search};
use serde_json::{Value, json};

pub static PATCH: Form = Form(&[
    Field::optional("name", Rule::Text { min: 0, max: 200 }, ("Name", "名稱")),
    Field::optional("public", Rule::Bool, ("Public", "公開")),
]);

/// Part of the contract, and not served by the runners yet: said so instead of passed over.
const NOT_YET: [&str; 6] = ["from_image", "strength", "mask", "model_id", "loras", "webhook"];

pub struct NewTask {
    pub name: String,
    pub public: bool,
    /// JSON: the runner's parameters and the tags.
    pub params: String,
    /// The prompt as search pairs.
    pub pairs: String,
}

impl NewTask {
    /// `random` gives 32 hex digits, for the seed nobody chose: it is fixed here, so that every attempt draws the same.
    pub fn read(body: &Value, random: impl Fn() -> String) -> Result<NewTask, Error> {
        let values = INFERENCE.create(body)?;
        if values.text("type").as_deref() == Some("training") {
            return Err(UNSUPPORTED_PARAMETER.on("type").arg("training"));
        }
        for name in NOT_YET {
            if values.get(name).is_some_and(|v| v.as_array().is_none_or(|list| !list.is_empty())) {
                return Err(UNSUPPORTED_PARAMETER.on(name).arg(name));
            }
        }
        let scheduler = values.text("scheduler").unwrap_or_default();
        if scheduler != "DDIM" {
            return Err(UNSUPPORTED_PARAMETER.on("scheduler").arg(scheduler));
        }
        let params = draw_params(&values, scheduler, random)?;
        let prompt = params.prompt.clone();
        let name = values.text("name").filter(|n| !n.is_empty()).unwrap_or_else(|| prompt.chars().take(80).collect());
        let mut params = json!(params);
        params["tags"] = json!(tags(&values)?);
        Ok(NewTask {
            name,
            public: values.bool("public").unwrap_or(true),
            params: params.to_string(),
            pairs: search::index(&prompt),
        })
    }
}

fn draw_params(values: &Values, scheduler: String, random: impl Fn() -> String) -> Result<DrawParams, Error> {
    let number = |name: &str| values.int(name).and_then(|n| u32::try_from(n).ok()).unwrap_or_default();
    let n = number("n").max(1);
    let last = MAX_SEED - i64::from(n) + 1;
    let seed = match values.int("seed") {
        Some(seed) if seed > last => {
            let (en, zh) = (format!("at most {last}, as pictures of a batch count it up"), format!("不大於 {last}"));
            return Err(INVALID_PARAMETER.on("seed").arg("seed").phrase(Arg::Phrase {
                en,
                hant: zh.clone(),
                hans: zh,
            }));
        }
        Some(seed) => seed,
        None => i64::from_str_radix(&random()[..8], 16).unwrap_or_default() % (last + 1),
    };
    Ok(DrawParams {
        prompt: values.text("prompt").unwrap_or_default(),
        negative_prompt: values.text("negative_prompt").unwrap_or_default(),
        width: number("width"),
        height: number("height"),
        num_inference_steps: number("num_inference_steps"),
        guidance_scale: values.number("guidance_scale").unwrap_or(7.5),
        scheduler,
        seed: u32::try_from(seed).unwrap_or_default(),
        n,
        from_images: Vec::new(),
        strength: None,
    })
}

/// Tags follow the rule of tags' names, as they become tags.
fn tags(values: &Values) -> Result<Vec<String>, Error> {
    let mut tags = values.texts("tags").unwrap_or_default();
    let rule = Rule::Word { max: 64 };
    if tags.iter().any(|tag| rule.read(&json!(tag)).is_none()) {
        return Err(INVALID_PARAMETER.on("tags").arg("tags").phrase(rule.phrase()));
    }
    tags.sort();
    tags.dedup();
    Ok(tags)
}
