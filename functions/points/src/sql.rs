//! The SQL of submissions to named models, and of a user's balance.

use domain::Error;
use domain::messages::{NOT_FOUND, TASK_ENDED, UNKNOWN_MODEL};
use serde_json::{Map, Value};
use store::ledger::spendable;
use store::models::{CHECKPOINT, CHECKPOINT_READY};
use store::spec::shanghai_time;
use store::webhooks::NOTIFICATIONS;
use store::{Outcome, Query, StmtIndex, Tx, args, points_api};

use crate::model::PricedModel;

/// Queries the model of a name, if it can be used.
pub fn model(tx: &mut Tx, model_name: &str) -> StmtIndex {
    tx.exec(
        format!(
            "SELECT task_type, aspect_ratio, size, defaults, (SELECT {CHECKPOINT} FROM models t \
             WHERE t.id = json_extract(defaults, '$.model_id') AND {CHECKPOINT_READY}) AS checkpoint \
             FROM points_config WHERE model_name = :model_name AND enabled = 1 \
             AND task_type IN ('text_to_image', 'image_to_image')"
        ),
        args! { model_name },
    )
}

/// The result of `model`.
///
/// # Errors
///
/// `unknown_model` when there is none, or its checkpoint was deleted since.
pub fn read_model(outcome: &Outcome, model: StmtIndex) -> Result<PricedModel, Error> {
    let row = outcome.row(model).ok_or_else(|| UNKNOWN_MODEL.on("modelName"))?;
    let text = |name: &str| row.text(name).unwrap_or_default();
    let defaults: Map<String, Value> = serde_json::from_str(text("defaults")).unwrap_or_default();
    let checkpoint = serde_json::from_str(text("checkpoint")).ok();
    if checkpoint.is_none() && defaults.contains_key("model_id") {
        return Err(UNKNOWN_MODEL.on("modelName"));
    }
    Ok(PricedModel {
        task_type: text("task_type").to_string(),
        aspect_ratio: text("aspect_ratio").to_string(),
        size: row.int("size").and_then(|n| u32::try_from(n).ok()).unwrap_or(512),
        defaults,
        checkpoint,
    })
}

/// Queries width and height of one of our images, by the key of its file.
pub fn image_size(tx: &mut Tx, key: &str) -> StmtIndex {
    tx.exec(
        "SELECT width, height FROM uploads WHERE key = :key AND width IS NOT NULL \
         UNION ALL SELECT width, height FROM images WHERE key = :key LIMIT 1",
        args! { key },
    )
}

/// The result of `image_size`.
pub fn read_image_size(outcome: &Outcome, size: StmtIndex) -> Option<(u32, u32)> {
    let row = outcome.row(size)?;
    let side = |name: &str| u32::try_from(row.int(name)?).ok();
    side("width").zip(side("height"))
}

/// The answer to a submission: the task of this nonce.
pub fn submitted(nonce: &str) -> Query {
    Query::new(
        "SELECT json_object('taskNo', task_no, 'status', 'queued') AS item FROM tasks WHERE nonce = :nonce",
        args! { nonce },
    )
}

/// Fails the transaction with `not_found` unless the task is the caller's, with `task_ended` when it has ended.
pub fn require_cancelable(tx: &mut Tx, task_no: &str) {
    let own = "SELECT 1 FROM tasks WHERE task_no = :task_no AND user_id = :me";
    tx.guard(&NOT_FOUND, &format!("EXISTS ({own})"), args! { task_no });
    tx.guard(&TASK_ENDED, &format!("EXISTS ({own} AND status NOT IN ('success', 'error'))"), args! { task_no });
}

/// The answer to a redeemed code: the grant inserted just before.
pub fn redeemed() -> Query {
    let sql = format!(
        "SELECT json_object('points', amount, 'expireTime', {}, 'balance', {}) AS item \
         FROM grants WHERE id = last_insert_rowid()",
        shanghai_time("expires_at"),
        spendable(":me")
    );
    Query::new(sql, [])
}

/// Queries the first frame of a watch of the caller's notifications.
pub fn notification_snapshot(tx: &mut Tx) -> StmtIndex {
    let snapshot = points_api::notification_snapshot();
    tx.exec(format!("SELECT {snapshot} AS item FROM {} WHERE t.user_id = :me", NOTIFICATIONS.from), [])
}

/// Queries the caller's balance, and when the first points of it expire.
pub fn balance(tx: &mut Tx) -> StmtIndex {
    let sql = format!(
        "SELECT json_object('userId', CAST(:me AS INTEGER), 'balance', {}, 'expireTime', (SELECT {} FROM grants \
         WHERE user_id = :me AND remaining > 0 AND expires_at > :now)) AS item",
        spendable(":me"),
        shanghai_time("min(expires_at)")
    );
    tx.exec(sql, [])
}
