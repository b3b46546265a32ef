//! `GET /callbacks/lora/{task}/{attempt}/{index}` and `GET /callbacks/model/{task}/{attempt}`: the model files of a
//! task, whole or by ranges, for the runner that holds it. Permission was settled at submission; a model deleted since
//! is not found.

use domain::messages::{NOT_FOUND, RANGE_NOT_SATISFIABLE};
use ports::Rows;
use protocol::runner::{lora_path, model_path};
use web::axum::http::header;
use web::axum::response::Response;
use web::range::{self, Wanted};
use web::{PathParams, Reply, RequestCtx, Result, blob_response, set};

use crate::leased_file;

const LORA: &str = "SELECT m.key, m.size FROM tasks t JOIN models m \
    ON m.id = json_extract(t.params, '$.loras[' || CAST(:index AS INTEGER) || '].model_id') WHERE t.id = :task_id";

const MODEL: &str = "SELECT m.key, m.size FROM tasks t JOIN models m \
    ON m.id = json_extract(t.params, '$.model.model_id') WHERE t.id = :task_id AND :index = 0";

pub async fn lora(ctx: RequestCtx, params: PathParams) -> Result {
    let found = leased_file::read(&ctx, params, lora_path, LORA).await?;
    send(&ctx, &found).await
}

pub async fn model(ctx: RequestCtx, params: PathParams) -> Result {
    let found = leased_file::read(&ctx, params, |task, attempt, _| model_path(task, attempt), MODEL).await?;
    send(&ctx, &found).await
}

async fn send(ctx: &RequestCtx, found: &Rows) -> Result {
    let row = found.first();
    let file = row.and_then(|row| Some((row.text("key")?, u64::try_from(row.int("size")?).ok()?)));
    let (key, size) = file.ok_or_else(|| NOT_FOUND.error())?;
    let range = match range::parse(ctx.header("range"), size) {
        Wanted::Whole => None,
        Wanted::Part(range) => Some(range),
        Wanted::Outside => return Err(RANGE_NOT_SATISFIABLE.on("Range").into()),
    };
    let blob = ctx.runtime.blobs.get(key, range).await?.ok_or_else(|| NOT_FOUND.error())?;
    let mut response = Response::new(blob_response::body(blob.body));
    set(&mut response, header::CONTENT_TYPE, "application/octet-stream");
    match range {
        None => set(&mut response, header::CONTENT_LENGTH, &blob.info.size.to_string()),
        Some(range) => blob_response::partial(&mut response, range, size),
    }
    Ok(Reply::Raw(Box::new(response)))
}
