//! A checked submission, and the statements that put it in line.

use domain::{Error, search, task, url_policy};
use protocol::runner::DrawParams;
use serde_json::json;
use store::task_order::{self, NewTask, TaskKind};
use store::{Tx, args, outbox, tags, webhooks};
use web::RequestCtx;

use crate::inference_form::{InferenceForm, draw_params};
use crate::model_refs::ModelRefs;

/// Characters of the prompt that name a task without a name.
const NAME_LENGTH: usize = 80;

/// A task to be submitted.
pub struct Submission {
    /// For people.
    pub name: String,
    /// The images will be public.
    pub public: bool,
    /// The runner's parameters.
    pub params: DrawParams,
    /// Names of tags for the images, each once.
    pub tags: Vec<String>,
    /// Gets the events of this task.
    pub webhook: Option<String>,
    /// What it costs.
    pub price: Price,
    /// Its number in the points API.
    pub task_no: Option<String>,
    /// Milliseconds from now.
    pub deadline_ms: i64,
}

/// How the price of a task is found in `points_config`.
pub enum Price {
    /// The standard price of its type: from text, or from an image. The caller chose the checkpoint.
    Standard,
    /// The price of a named model. `points_config` chose the checkpoint: the caller need not see it, and the parameters
    /// describe it whole.
    Model {
        /// `model_name`
        name: String,
        /// `text_to_image` or `image_to_image`
        task_type: String,
    },
}

impl Submission {
    /// A submission to the drawing API.
    ///
    /// # Errors
    ///
    /// Those of `draw_params`; `invalid_parameter` for an address that may not be called.
    pub fn of_form(ctx: &RequestCtx, form: InferenceForm) -> Result<Submission, Error> {
        for (field, url) in [("from_image", &form.from_image), ("mask", &form.mask)] {
            url.iter().try_for_each(|url| ctx.check_image_url(url, field))?;
        }
        let allow = &ctx.runtime.config.fetch_allow;
        form.webhook.iter().try_for_each(|url| url_policy::admit(url, allow, "webhook"))?;
        let params = draw_params(&form, &ctx.runtime.token())?;
        let InferenceForm { name, public, tags, webhook, .. } = form;
        let tags = tags::sorted(tags);
        Ok(Submission {
            name: name.filter(|name| !name.is_empty()).unwrap_or_else(|| name_of(&params.prompt)),
            public,
            params,
            tags,
            webhook,
            price: Price::Standard,
            task_no: None,
            deadline_ms: ctx.runtime.config.task_deadline_ms,
        })
    }

    /// Adds the statements that insert the task, hold its cost and hint at it, and returns the task's nonce. `no_price`
    /// is the error where no price is configured. The transaction then needs its answer.
    pub fn insert(&self, tx: &mut Tx, ctx: &RequestCtx, no_price: impl Into<Error>) -> String {
        let nonce = ctx.runtime.token();
        let DrawParams { width, height, num_inference_steps, n, .. } = self.params;
        let mut params = json!(self.params);
        if let Some(params) = params.as_object_mut() {
            params.insert("tags".into(), json!(self.tags));
        }
        let standard = if self.params.from_images.is_empty() { "text_to_image" } else { "image_to_image" };
        let (model_name, task_type) = match &self.price {
            Price::Standard => (None, standard),
            Price::Model { name, task_type } => (Some(name.as_str()), task_type.as_str()),
        };
        let task = NewTask {
            name: &self.name,
            public: self.public,
            kind: TaskKind::Inference { images: n, work: task::work(width, height, num_inference_steps, n) },
            params: &params.to_string(),
            search_text: &search::index(&self.params.prompt),
            nonce: &nonce,
            task_no: self.task_no.as_deref(),
            model_name,
            task_type,
            origin: ctx.origin(),
            webhook: self.webhook.as_deref(),
            deadline_ms: self.deadline_ms,
        };
        let models = ModelRefs::of(&self.params, matches!(self.price, Price::Standard));
        models.require_usable(tx);
        self.webhook.iter().for_each(|url| webhooks::for_task(tx, url));
        task_order::insert(tx, &task, no_price);
        models.resolve(tx, &nonce);
        models.count_use(tx);
        outbox::hints(tx, "t.nonce = :nonce", args! { nonce: &nonce });
        nonce
    }
}

/// The name of a task that was given none.
pub fn name_of(prompt: &str) -> String {
    prompt.chars().take(NAME_LENGTH).collect()
}
