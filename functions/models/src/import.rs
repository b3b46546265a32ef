//! `POST /api/models/import`. The first transaction finds the upload, the second makes it a model; between them the
//! header of its file is read and checked. The second transaction requires again what the first one found.

use domain::Error;
use domain::messages::{INTERNAL, INVALID_MODEL, MODEL_TOO_LARGE};
use ports::Range;
use protocol::runner::MAX_ADAPTER_BYTES;
use store::{FirstOrRepeat, watch};
use web::axum::body::Bytes;
use web::blob_response::unavailable;
use web::{Json, Reply, RequestCtx, Result};

use crate::model::{NewModel, UploadRef, unknown_upload};
use crate::safetensors::{self, LENGTH};
use crate::sql::{self, MODELS, Upload};

/// The file of an upload, checked.
pub struct ModelFile {
    pub upload: Upload,
    /// Bytes.
    pub size: i64,
    /// Lower-case hex, where the object store knows it.
    pub sha256: Option<String>,
}

pub async fn create(ctx: RequestCtx, body: Json<NewModel>) -> Result {
    // A repeat finds no upload: the first request deleted it.
    let mut tx = ctx.write_once(&body.hash)?;
    let new = body.read()?;
    let found = match new.upload_ref()? {
        UploadRef::Id(id) => sql::upload_by_id(&mut tx, id),
        UploadRef::Url(url) => sql::upload_by_key(&mut tx, ctx.own_file(&url).ok_or_else(unknown_upload)?),
    };
    let outcome = match tx.run_once().await? {
        FirstOrRepeat::First(outcome) => outcome,
        FirstOrRepeat::Repeat(stored) => return Ok(Reply::repeat(stored).map_location(location)),
    };
    let file = check_file(&ctx, Upload::read(&outcome, found)?, &new.kind).await?;

    let mut tx = ctx.write_once(&body.hash)?;
    sql::insert(&mut tx, &new, &file);
    let reply = ctx.created(tx, &MODELS).await?;
    ctx.publish(format!("uploads/{}", file.upload.id), watch::gone(ctx.runtime.now.0));
    Ok(reply.map_location(location))
}

/// The address of a model, which is not below the address that created it.
fn location(created: String) -> String {
    created.replace("/models/import/", "/models/")
}

/// Checks a file by its header. No more is read: the file may be larger than the memory of the isolate.
async fn check_file(ctx: &RequestCtx, upload: Upload, kind: &str) -> std::result::Result<ModelFile, Error> {
    let invalid = |reason: &str| INVALID_MODEL.on("upload").cause(reason);
    let info = ctx.runtime.blobs.head(&upload.key).await.map_err(unavailable)?;
    let info = info.ok_or_else(|| invalid("there is no file"))?;
    if kind != "ckp" && info.size > MAX_ADAPTER_BYTES {
        return Err(MODEL_TOO_LARGE.on("upload").arg("1 GiB"));
    }
    let rest = info.size.checked_sub(LENGTH).ok_or_else(|| invalid("it is shorter than a header's length"))?;
    let start = read_range(ctx, &upload.key, Range { first: 0, last: LENGTH - 1 }).await?;
    let length = safetensors::header_length(&start, rest).map_err(invalid)?;
    let header = read_range(ctx, &upload.key, Range { first: LENGTH, last: LENGTH + length - 1 }).await?;
    let tensors = safetensors::check(&header, rest - length).map_err(invalid)?;
    if kind == "lora" && !tensors.lora {
        return Err(invalid("it has no tensor of a LoRA"));
    }
    let size = i64::try_from(info.size).map_err(|e| INTERNAL.error().cause(e))?;
    Ok(ModelFile { upload, size, sha256: info.sha256 })
}

async fn read_range(ctx: &RequestCtx, key: &str, range: Range) -> std::result::Result<Bytes, Error> {
    let blob = ctx.runtime.blobs.get(key, Some(range)).await.map_err(unavailable)?;
    let blob = blob.ok_or_else(|| INVALID_MODEL.on("upload").cause("the file is gone"))?;
    blob.body.read().await.map_err(unavailable)
}
