//! A checked training, and the statements that make its model and put it in line.

use domain::messages::{DATASET_UNAVAILABLE, MODEL_NOT_READY};
use domain::{Error, phrases, search, url_policy};
use protocol::runner::TrainParams;
use serde_json::{Value, json};
use store::datasets::{self, DatasetRef, NewDataset, NewImage};
use store::models::{self, CHECKPOINT, CHECKPOINT_READY, VISIBLE};
use store::spec::PUBLIC_OR_OWN;
use store::task_order::{self, NewTask, TaskKind};
use store::{Tx, args, outbox, tags, webhooks};
use web::RequestCtx;

use crate::training_form::{DataForm, TrainingForm, train_params};

/// The model that this transaction made.
const NEW_MODEL: &str = "id = (SELECT max(id) FROM models WHERE user_id = :me)";

/// A training to be submitted.
pub struct Training {
    form: TrainingForm,
    params: TrainParams,
    /// What becomes its dataset, where the form names none.
    images: Vec<NewImage>,
}

impl Training {
    /// A submission to the drawing API.
    ///
    /// # Errors
    ///
    /// Those of `train_params`; `invalid_parameter` for an address that may not be called.
    pub fn of_form(ctx: &RequestCtx, mut form: TrainingForm) -> Result<Training, Error> {
        let allow = &ctx.runtime.config.fetch_allow;
        form.webhook.iter().try_for_each(|url| url_policy::admit(url, allow, "webhook"))?;
        form.tags = tags::sorted(form.tags);
        let params = train_params(&form, &ctx.runtime.token())?;
        let images = form.data.as_ref().map_or_else(|| Ok(Vec::new()), |data| images(ctx, data))?;
        Ok(Training { form, params, images })
    }

    /// Adds the statements that insert the dataset, the model and the task, and hold its cost. Returns the task's
    /// nonce. `no_price` is the error where no price is configured. The transaction then needs its answer.
    pub fn insert(&self, tx: &mut Tx, ctx: &RequestCtx, no_price: impl Into<Error>) -> String {
        match self.form.dataset_id {
            Some(dataset_id) => require_dataset(tx, dataset_id),
            None => self.insert_dataset(tx),
        }
        self.require_source(tx);
        self.insert_model(tx);
        let TrainingForm { name, public, webhook, dataset_id, .. } = &self.form;
        let TrainParams { steps, epochs, batch_size, .. } = self.params;
        let mut params = json!(self.params);
        if let Some(params) = params.as_object_mut() {
            params.insert("tags".into(), json!(self.form.tags));
        }
        let nonce = ctx.runtime.token();
        let task = NewTask {
            name,
            public: *public,
            kind: TaskKind::Training {
                dataset_id: *dataset_id,
                shown: steps.map(|steps| i64::from(steps) * i64::from(batch_size)),
                epochs: epochs.map(i64::from),
            },
            params: &params.to_string(),
            search_text: &search::index(name),
            nonce: &nonce,
            task_no: None,
            model_name: None,
            task_type: "training",
            origin: ctx.origin(),
            webhook: webhook.as_deref(),
            deadline_ms: ctx.runtime.config.training_deadline_ms,
        };
        webhook.iter().for_each(|url| webhooks::for_task(tx, url));
        task_order::insert(tx, &task, no_price);
        self.join_task_and_model(tx, &nonce);
        outbox::hints(tx, "t.nonce = :nonce AND t.status = 'waiting'", args! { nonce: &nonce });
        nonce
    }

    /// Inserts the dataset of the form's own images.
    fn insert_dataset(&self, tx: &mut Tx) {
        datasets::insert(tx, &NewDataset { name: &self.form.name, info: "", public: false });
        datasets::add_images(tx, DatasetRef::Newest, &self.images, "data");
    }

    /// Fails the transaction unless the source is a checkpoint that the caller may use, of the family that was named.
    fn require_source(&self, tx: &mut Tx) {
        let Some(source) = self.form.source else { return };
        let exists = |condition: &str| format!("EXISTS (SELECT 1 FROM models t WHERE t.id = :source AND {condition})");
        let unseen = Error::invalid("source", &phrases::USABLE_MODEL);
        tx.guard(unseen, &exists(VISIBLE), args! { source });
        tx.guard(MODEL_NOT_READY.on("source"), &exists(CHECKPOINT_READY), args! { source });
        if let Some(base_model) = &self.form.base_model {
            let other = Error::invalid("base_model", &phrases::FAMILY_OF_SOURCE);
            tx.guard(other, &exists("t.base_model = :base_model"), args! { source, base_model });
        }
    }

    fn insert_model(&self, tx: &mut Tx) {
        let TrainingForm { name, kind, base_model, source, trigger_words, public, dataset_id, tags, .. } = &self.form;
        let newest = "(SELECT max(id) FROM datasets WHERE user_id = :me)";
        tx.exec(
            format!(
                "INSERT INTO models (name, type, base_model, trigger_words, public, status, progress, user_id, \
                 dataset_id, created_at, updated_at) VALUES (:name, :kind, coalesce(:base_model, \
                 (SELECT base_model FROM models WHERE id = :source), ''), :trigger_words, :public, 'initial', 0, :me, \
                 coalesce(:dataset_id, {newest}), :now, :now)"
            ),
            args! { name, kind, base_model, source: *source, trigger_words, public: *public, dataset_id: *dataset_id },
        );
        models::index(tx, NEW_MODEL, args! {}, Some(name), Some(trigger_words));
        models::set_tags(tx, NEW_MODEL, args! {}, tags);
    }

    /// Gives the new model its task, and the task what runners need to know of the source.
    fn join_task_and_model(&self, tx: &mut Tx, nonce: &str) {
        tx.exec(
            format!(
                "UPDATE models SET (task_id, status) = (SELECT id, status FROM tasks WHERE nonce = :nonce) \
                 WHERE {NEW_MODEL}"
            ),
            args! { nonce },
        );
        if let Some(source) = self.form.source {
            tx.exec(
                format!(
                    "UPDATE tasks SET params = json_set(params, '$.model', \
                     json((SELECT {CHECKPOINT} FROM models t WHERE t.id = :source))) WHERE nonce = :nonce"
                ),
                args! { nonce, source },
            );
        }
    }
}

/// The images of the form, in its order: addresses, images, collections.
fn images(ctx: &RequestCtx, data: &DataForm) -> Result<Vec<NewImage>, Error> {
    let oss: Vec<Value> = data.oss.iter().map(|url| json!(url)).collect();
    let mut images = ctx.image_sources().images("data.oss", &oss)?;
    images.extend(NewImage::of_images("data.images", &data.images));
    images.extend(NewImage::of_choices("data.choices", &data.choices));
    Ok(images)
}

/// Fails the transaction unless the caller may use the dataset and it has images, none of which failed.
fn require_dataset(tx: &mut Tx, dataset_id: i64) {
    let exists = |condition| format!("EXISTS (SELECT 1 FROM datasets t WHERE t.id = :dataset_id AND {condition})");
    let unseen = Error::invalid("dataset_id", &phrases::USABLE_DATASET);
    tx.guard(unseen, &exists(PUBLIC_OR_OWN), args! { dataset_id });
    let empty = Error::invalid("dataset_id", &phrases::DATASET_WITH_IMAGES);
    tx.guard(empty, &exists("t.image_count > 0"), args! { dataset_id });
    tx.guard(DATASET_UNAVAILABLE.on("dataset_id"), &exists("t.failed_count = 0"), args! { dataset_id });
}
