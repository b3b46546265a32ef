//! `POST /api/models/import`. Which upload it is takes a batch of its own, as its file is looked into between the two;
//! what the first one found is asked again by the second.

use domain::Error;
use domain::messages::{INTERNAL, INVALID_MODEL, MODEL_TOO_LARGE, UPLOAD_INCOMPLETE};
use domain::runner::MAX_LORA;
use ports::{Range, Rows};
use store::{Outcome, Slot, idempotency, list, watch};
use web::axum::body::Bytes;
use web::stored::unavailable;
use web::{Ctx, Json, Reply, Result};

use crate::model::{Import, Upload, unknown_upload};
use crate::safetensors::{self, LENGTH};
use crate::store::{self as table, MODELS};

/// A finished upload that was looked into.
pub struct File {
    pub upload: i64,
    pub key: String,
    pub size: i64,
    /// Where the object store knows it.
    pub sha256: Option<String>,
}

pub async fn create(ctx: Ctx, body: Json) -> Result {
    let (scope, mut batch) = ctx.writing()?;
    let import = Import::read(&body.value)?;
    let named = match &import.upload {
        Upload::Url(url) => Some(ctx.own_file(url).ok_or_else(unknown_upload)?),
        Upload::Id(_) => None,
    };
    // A repeat finds no upload: it is the model's since the first time.
    let again = ctx.idempotency(&body.hash)?;
    if let Some(key) = &again {
        batch.extend(idempotency::guard(scope, key));
    }
    let found = batch.push(table::upload(scope, &import.upload, named));
    let outcome = match batch.run(&*ctx.cx.ports.sql).await {
        Ok(outcome) => outcome,
        Err(error) => return ctx.repeated(scope, again.as_ref(), error).await.map(located),
    };
    let (upload, key) = complete(&outcome, found)?;
    let file = look_into(&ctx, upload, key, &import.values.text("type").unwrap_or_default()).await?;

    let (scope, mut batch) = ctx.writing()?;
    batch.meaning("gone", &UPLOAD_INCOMPLETE);
    let insert = table::import(scope, &import.values, &file);
    let reply = ctx.create(scope, batch, &body.hash, insert, list::inserted(&MODELS, scope), []).await?;
    ctx.tell(format!("uploads/{upload}"), watch::event(&Rows::default(), ctx.cx.now.0));
    Ok(located(reply))
}

/// A model is not below the address that made it.
fn located(reply: Reply) -> Reply {
    match reply {
        Reply::Created { item, location } => {
            Reply::Created { item, location: location.replace("/models/import/", "/models/") }
        }
        other => other,
    }
}

/// `id` and `key` of the upload, if it is there and has all its parts.
fn complete(outcome: &Outcome, found: Slot) -> std::result::Result<(i64, String), Error> {
    let row = outcome.rows(found).first().ok_or_else(unknown_upload)?;
    if !row.flag("complete") {
        return Err(UPLOAD_INCOMPLETE.on("upload"));
    }
    let (id, key) = row.int("id").zip(row.text("key")).ok_or_else(|| INTERNAL.error().cause("an upload without id"))?;
    Ok((id, key.to_string()))
}

/// Reads the header, and no more: a file may be larger than the memory there is.
async fn look_into(ctx: &Ctx, upload: i64, key: String, kind: &str) -> std::result::Result<File, Error> {
    let invalid = |why: &str| INVALID_MODEL.on("upload").cause(why);
    let info = ctx.cx.ports.blobs.head(&key).await.map_err(unavailable)?;
    let info = info.ok_or_else(|| invalid("there is no file"))?;
    if kind != "ckp" && info.size > MAX_LORA {
        return Err(MODEL_TOO_LARGE.on("upload").arg("1 GiB"));
    }
    let rest = info.size.checked_sub(LENGTH).ok_or_else(|| invalid("it is shorter than a header's length"))?;
    let start = part(ctx, &key, Range { first: 0, last: LENGTH - 1 }).await?;
    let length = safetensors::header_length(&start, rest).map_err(invalid)?;
    let header = part(ctx, &key, Range { first: LENGTH, last: LENGTH + length - 1 }).await?;
    let tensors = safetensors::check(&header, rest - length).map_err(invalid)?;
    if kind == "lora" && !tensors.lora {
        return Err(invalid("it has no tensor of a LoRA"));
    }
    let size = i64::try_from(info.size).map_err(|e| INTERNAL.error().cause(e))?;
    Ok(File { upload, key, size, sha256: info.sha256 })
}

async fn part(ctx: &Ctx, key: &str, range: Range) -> std::result::Result<Bytes, Error> {
    let blob = ctx.cx.ports.blobs.get(key, Some(range)).await.map_err(unavailable)?;
    let blob = blob.ok_or_else(|| INVALID_MODEL.on("upload").cause("the file is gone"))?;
    blob.body.read().await.map_err(unavailable)
}
