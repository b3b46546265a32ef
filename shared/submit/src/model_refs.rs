//! The models a task names. Each must be one that the caller may use for this; what runners need to know of it is
//! filled in by the transaction that inserts the task.

use domain::messages::MODEL_NOT_READY;
use domain::{Error, phrases, popularity};
use protocol::runner::{Checkpoint, DrawParams, Lora};
use serde_json::json;
use store::models::{ADAPTER_READY, CHECKPOINT, CHECKPOINT_READY, VISIBLE};
use store::{Tx, args};

/// The models that the caller chose.
pub(crate) struct ModelRefs<'a> {
    checkpoint: Option<&'a Checkpoint>,
    loras: &'a [Lora],
}

impl<'a> ModelRefs<'a> {
    /// The models of these parameters; without their checkpoint where the caller did not choose it.
    pub(crate) fn of(params: &'a DrawParams, with_checkpoint: bool) -> ModelRefs<'a> {
        ModelRefs { checkpoint: params.model.as_ref().filter(|_| with_checkpoint), loras: &params.loras }
    }

    /// Fails the transaction unless the caller may use each model: with `invalid_parameter` for one they do not see,
    /// with `model_not_ready` for one that cannot be used so. The error names its field, as in `loras[2]`.
    pub(crate) fn require_usable(&self, tx: &mut Tx) {
        let checkpoint = self.checkpoint.iter().map(|model| ("model_id".to_string(), model.model_id, CHECKPOINT_READY));
        let loras = self.loras.iter().enumerate();
        let loras = loras.map(|(i, lora)| (format!("loras[{i}]"), lora.model_id, ADAPTER_READY));
        for (field, model_id, ready) in checkpoint.chain(loras) {
            let exists = |condition| format!("EXISTS (SELECT 1 FROM models t WHERE t.id = :model_id AND {condition})");
            let unseen = Error::invalid(field.clone(), &phrases::USABLE_MODEL);
            tx.guard(unseen, &exists(VISIBLE), args! { model_id });
            tx.guard(MODEL_NOT_READY.on(field), &exists(ready), args! { model_id });
        }
    }

    /// Adds a use to each model.
    pub(crate) fn count_use(&self, tx: &mut Tx) {
        let checkpoint = self.checkpoint.iter().map(|model| model.model_id);
        let ids: Vec<i64> = checkpoint.chain(self.loras.iter().map(|lora| lora.model_id)).collect();
        if !ids.is_empty() {
            tx.exec(
                "UPDATE models SET hot = hot + :weight WHERE id IN (SELECT value FROM json_each(:ids))",
                args! { ids: json!(ids).to_string(), weight: popularity::weight(tx.scope.now) },
            );
        }
    }

    /// Fills in what runners need to know of the models, in the task of this nonce.
    pub(crate) fn resolve(&self, tx: &mut Tx, nonce: &str) {
        if self.checkpoint.is_some() {
            set(
                tx,
                nonce,
                &format!(
                    "'$.model', json((SELECT {CHECKPOINT} FROM models t \
                     WHERE t.id = json_extract(tasks.params, '$.model.model_id')))"
                ),
            );
        }
        if !self.loras.is_empty() {
            // A textual inversion stands for its first trigger word, or else for its name.
            set(
                tx,
                nonce,
                "'$.loras', json((SELECT json_group_array(json(json_patch( \
                 json_object('model_id', s.id, 'weight', s.weight, 'size', s.size, 'sha256', s.sha256), \
                 json_object('type', nullif(s.type, 'lora'), \
                 'word', iif(s.type = 'ti', coalesce(nullif(s.trigger_words, ''), s.name), NULL)) \
                 ))) FROM (SELECT m.*, json_extract(l.value, '$.weight') AS weight \
                 FROM json_each(tasks.params, '$.loras') l \
                 JOIN models m ON m.id = json_extract(l.value, '$.model_id') ORDER BY l.key) s))",
            );
        }
    }
}

fn set(tx: &mut Tx, nonce: &str, path_and_value: &str) {
    let sql = format!("UPDATE tasks SET params = json_set(params, {path_and_value}) WHERE nonce = :nonce");
    tx.exec(sql, args! { nonce });
}
