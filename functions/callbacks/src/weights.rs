//! `GET /callbacks/lora/{task}/{attempt}/{index}` and `GET /callbacks/model/{task}/{attempt}`: the files of a task's models,
//! whole or by ranges, as the runner that holds the task gets them. Whether the user may use a model was settled at
//! submission; one that was deleted since is not found.

use domain::messages::{NOT_FOUND, RANGE_NOT_SATISFIABLE};
use domain::runner::{lora_path, model_path};
use ports::Rows;
use web::axum::http::header;
use web::axum::response::Response;
use web::range::{self, Wanted};
use web::{Ctx, Reply, Result, set, stored};

use crate::held::{self, Path};

/// By the number of the LoRA in the task's list.
const LORA: &str = "SELECT m.key, m.size FROM tasks t JOIN models m \
    ON m.id = json_extract(t.params, '$.loras[' || CAST(?4 AS INTEGER) || '].model_id') WHERE t.id = ?3";

const MODEL: &str = "SELECT m.key, m.size FROM tasks t JOIN models m \
    ON m.id = json_extract(t.params, '$.model.model_id') WHERE t.id = ?3 AND ?4 = 0";

pub async fn lora(ctx: Ctx, path: Path) -> Result {
    let found = held::read(&ctx, path, lora_path, LORA).await?;
    send(&ctx, &found).await
}

pub async fn model(ctx: Ctx, path: Path) -> Result {
    let found = held::read(&ctx, path, |task, attempt, _| model_path(task, attempt), MODEL).await?;
    send(&ctx, &found).await
}

async fn send(ctx: &Ctx, found: &Rows) -> Result {
    let row = found.first();
    let file = row.and_then(|row| Some((row.text("key")?, u64::try_from(row.int("size")?).ok()?)));
    let (key, size) = file.ok_or_else(|| NOT_FOUND.error())?;
    let range = match range::parse(ctx.header("range"), size) {
        Wanted::Whole => None,
        Wanted::Part(range) => Some(range),
        Wanted::Outside => return Err(RANGE_NOT_SATISFIABLE.on("Range").into()),
    };
    let blob = ctx.cx.ports.blobs.get(key, range).await?.ok_or_else(|| NOT_FOUND.error())?;
    let mut response = Response::new(stored::body(blob.body));
    set(&mut response, header::CONTENT_TYPE, "application/octet-stream");
    match range {
        None => set(&mut response, header::CONTENT_LENGTH, &blob.info.size.to_string()),
        Some(range) => stored::partial(&mut response, range, size),
    }
    Ok(Reply::Raw(Box::new(response)))
}
