//! What may be asked of a runner, beyond what `domain::task::INFERENCE` checks of each field alone.

use domain::error::Arg;
use domain::form::{Field, Form, Rule, Values};
use domain::messages::{INVALID_PARAMETER, MISSING_PARAMETER, UNSUPPORTED_PARAMETER};
use domain::runner::{AdapterKind, Checkpoint, DrawParams, Lora, STRENGTH};
use domain::task::{INFERENCE, MAX_SEED, work};
use domain::{Error, search};
use serde_json::{Value, json};
use store::queueing;
use web::Ctx;

use crate::models::Named;

pub static PATCH: Form = Form(&[
    Field::optional("name", Rule::Text { min: 0, max: 200 }, ("Name", "名稱")),
    Field::optional("public", Rule::Bool, ("Public", "公開")),
]);

pub struct NewTask {
    pub name: String,
    pub public: bool,
    /// JSON: the runner's parameters and the tags.
    pub params: String,
    /// The prompt as search pairs.
    pub pairs: String,
    pub pictures: u32,
    pub work: f64,
    /// It is drawn over a picture.
    pub from_image: bool,
    /// The batch looks for them.
    pub models: Vec<Named>,
    /// Who is told what becomes of it, beside the user's standing webhooks.
    pub webhook: Option<String>,
}

impl NewTask {
    /// `admit` judges addresses of pictures. `random` gives 32 hex digits, for the seed nobody chose: it is fixed here,
    /// so that every attempt draws the same.
    pub fn read(
        body: &Value,
        admit: impl Fn(&str, &'static str) -> Result<(), Error>,
        random: impl Fn() -> String,
    ) -> Result<NewTask, Error> {
        let values = INFERENCE.create(body)?;
        for field in ["from_image", "mask"] {
            if let Some(url) = values.text(field) {
                admit(&url, field)?;
            }
        }
        if values.text("type").as_deref() == Some("training") {
            return Err(UNSUPPORTED_PARAMETER.on("type").arg("training"));
        }
        let params = draw_params(&values, random)?;
        let prompt = params.prompt.clone();
        let (pictures, from_image) = (params.n, !params.from_images.is_empty());
        let work = work(params.width, params.height, params.num_inference_steps, params.n);
        let name = values.text("name").filter(|n| !n.is_empty()).unwrap_or_else(|| prompt.chars().take(80).collect());
        let models = Named::of(params.model.as_ref(), &params.loras);
        let mut params = json!(params);
        params["tags"] = json!(tags(&values)?);
        Ok(NewTask {
            name,
            public: values.bool("public").unwrap_or(true),
            params: params.to_string(),
            pairs: search::index(&prompt),
            pictures,
            work,
            from_image,
            models,
            webhook: values.text("webhook"),
        })
    }

    /// As it is put into line.
    pub fn queued<'a>(&'a self, ctx: &'a Ctx, nonce: &'a str) -> queueing::NewTask<'a> {
        queueing::NewTask {
            name: &self.name,
            public: self.public,
            params: &self.params,
            pairs: &self.pairs,
            nonce,
            task_no: None,
            model_name: None,
            task_type: if self.from_image { "image_to_image" } else { "text_to_image" },
            pictures: self.pictures,
            work: self.work,
            origin: ctx.origin(),
            webhook: self.webhook.as_deref(),
            deadline_ms: ctx.cx.config.task_deadline_ms,
        }
    }
}

fn draw_params(values: &Values, random: impl Fn() -> String) -> Result<DrawParams, Error> {
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
    let from_image = values.text("from_image");
    let given = |name: &str| values.get(name).is_some_and(|v| !v.is_null());
    if from_image.is_none() && (given("strength") || given("mask")) {
        return Err(MISSING_PARAMETER.on("from_image").arg("from_image"));
    }
    Ok(DrawParams {
        prompt: values.text("prompt").unwrap_or_default(),
        negative_prompt: values.text("negative_prompt").unwrap_or_default(),
        width: number("width"),
        height: number("height"),
        num_inference_steps: number("num_inference_steps"),
        guidance_scale: values.number("guidance_scale").unwrap_or(7.5),
        scheduler: values.text("scheduler").unwrap_or_default(),
        seed: u32::try_from(seed).unwrap_or_default(),
        n,
        strength: from_image.is_some().then(|| values.number("strength").unwrap_or(STRENGTH)),
        mask: values.text("mask"),
        auto_aspect: false,
        from_images: from_image.into_iter().collect(),
        loras: loras(values),
        model: values.int("model_id").map(|model_id| Checkpoint {
            model_id,
            name: String::new(),
            size: 0,
            sha256: None,
        }),
    })
}

/// What their models are is not known yet.
fn loras(values: &Values) -> Vec<Lora> {
    let list = values.get("loras").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let lora = |lora: &Value| {
        let (model_id, weight) = lora.get("model_id")?.as_i64().zip(lora.get("weight")?.as_f64())?;
        Some(Lora { model_id, weight, size: 0, sha256: None, kind: AdapterKind::Lora, word: None })
    };
    list.iter().filter_map(lora).collect()
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
