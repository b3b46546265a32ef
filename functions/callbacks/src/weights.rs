//! `GET /callbacks/lora/{task}/{attempt}/{index}`: the file of a LoRA, as the runner that holds the task gets it. Whether
//! the user may use the model was settled at submission; a model that was deleted since is not found.

use domain::messages::{NOT_FOUND, UNAVAILABLE};
use domain::runner::lora_path;
use ports::{BlobBody, BlobError};
use web::axum::body::Body;
use web::axum::http::{HeaderValue, header};
use web::axum::response::Response;
use web::{Ctx, Reply, Result};

use crate::held::{self, Path};

/// By the number of the LoRA in the task's list.
const KEY: &str = "SELECT m.key FROM tasks t JOIN models m \
    ON m.id = json_extract(t.params, '$.loras[' || CAST(?4 AS INTEGER) || '].model_id') WHERE t.id = ?3";

pub async fn get(ctx: Ctx, path: Path) -> Result {
    let found = held::read(&ctx, path, lora_path, KEY).await?;
    let key = found.first().and_then(|row| row.text("key")).ok_or_else(|| NOT_FOUND.error())?;
    let unavailable = |error: BlobError| UNAVAILABLE.error().retry_after(1).cause(format!("{error:?}"));
    let blob = ctx.cx.ports.blobs.get(key, None).await.map_err(unavailable)?.ok_or_else(|| NOT_FOUND.error())?;
    let body = match blob.body {
        BlobBody::Bytes(bytes) => Body::from(bytes),
        BlobBody::Stream(stream, _) => Body::from_stream(futures_util::TryStreamExt::map_err(stream, unavailable)),
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    if let Ok(length) = HeaderValue::from_str(&blob.info.size.to_string()) {
        response.headers_mut().insert(header::CONTENT_LENGTH, length);
    }
    Ok(Reply::Raw(Box::new(response)))
}
