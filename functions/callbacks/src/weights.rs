//! `GET /callbacks/lora/{task}/{attempt}/{index}` and `GET /callbacks/model/{task}/{attempt}`: the model files of a
//! task, whole or by ranges, for the runner that holds it. Permission was settled at submission; a model deleted since
//! is not found.

use protocol::runner::{lora_path, model_path};
use store::args;
use web::{PathParams, RequestCtx, Result};

use crate::leased_file::{read, send};

const LORA: &str = "SELECT m.key, m.size FROM tasks t JOIN models m \
    ON m.id = json_extract(t.params, '$.loras[' || CAST(:index AS INTEGER) || '].model_id') WHERE t.id = :task_id";

const MODEL: &str = "SELECT m.key, m.size FROM tasks t JOIN models m \
    ON m.id = json_extract(t.params, '$.model.model_id') WHERE t.id = :task_id";

pub async fn lora(ctx: RequestCtx, params: PathParams) -> Result {
    let path = |task, attempt, index: i64| lora_path(task, attempt, index as usize);
    let found = read(&ctx, params, path, |tx, task_id, index| tx.exec(LORA, args! { task_id, index })).await?;
    send(&ctx, &found).await
}

pub async fn model(ctx: RequestCtx, params: PathParams) -> Result {
    let path = |task, attempt, _| model_path(task, attempt);
    let found = read(&ctx, params, path, |tx, task_id, _| tx.exec(MODEL, args! { task_id })).await?;
    send(&ctx, &found).await
}
