//! `POST /api/models/import`. The first transaction finds the upload, the second makes it a model; between them the
//! header of its file is read and checked. The second transaction requires again what the first one found.

use domain::Error;
use domain::messages::{INTERNAL, INVALID_MODEL, MODEL_TOO_LARGE};
use protocol::runner::{MAX_ADAPTER_BYTES, MAX_CHECKPOINT_BYTES};
use store::model_file::{self, Refusal};
use store::{FirstOrRepeat, watch};
use web::blob_response::unavailable;
use web::{Json, Reply, RequestCtx, Result};

use crate::model::{NewModel, UploadRef, unknown_upload};
use crate::sql::{self, Upload};

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
    tx.answer(sql::inserted(tx.scope, &file));
    let reply = ctx.created_answer(tx).await?;
    ctx.publish(format!("uploads/{}", file.upload.id), watch::gone(ctx.runtime.now.0));
    Ok(reply.map_location(location))
}

/// The address of a model, which is not below the address that created it.
fn location(created: String) -> String {
    created.replace("/models/import/", "/models/")
}

/// Checks the file of an upload by its header and its size.
async fn check_file(ctx: &RequestCtx, upload: Upload, kind: &str) -> std::result::Result<ModelFile, Error> {
    let invalid = |reason: &str| INVALID_MODEL.on("upload").cause(reason);
    let file = model_file::check(&*ctx.runtime.blobs, &upload.key).await.map_err(|refusal| match refusal {
        Refusal::Invalid(reason) => invalid(reason),
        Refusal::Store(error) => unavailable(error),
    })?;
    let (largest, limit) = if kind == "ckp" { (MAX_CHECKPOINT_BYTES, "8 GiB") } else { (MAX_ADAPTER_BYTES, "1 GiB") };
    if file.size > largest {
        return Err(MODEL_TOO_LARGE.on("upload").arg(limit));
    }
    if kind == "lora" && !file.tensors.lora {
        return Err(invalid("it has no tensor of a LoRA"));
    }
    let size = i64::try_from(file.size).map_err(|e| INTERNAL.error().cause(e))?;
    Ok(ModelFile { upload, size, sha256: file.sha256 })
}
