//! Large files in parts, as S3's multipart uploads: begin, put each part, complete. Bytes pass through and are never
//! held. Beginning is one transaction. A part takes one, which checks the caller before the body is read. Completing
//! takes two, with the object store between them.

use domain::messages::{BODY_TOO_LARGE, INTERNAL, UPLOAD_COMPLETE, UPLOAD_INCOMPLETE};
use domain::{Error, id, phrases};
use futures_util::StreamExt;
use ports::{BlobBody, BlobError, Part};
use serde_json::json;
use store::{Property, Shape, Tx};
use web::axum::extract::Request;
use web::blob_response::unavailable;
use web::{Json, JsonUpTo, PathId, PathParams, Reply, RequestCtx, Result};

use crate::api::{is_row_of, log_failed_removal};
use crate::model::{MAX_PART, MAX_PARTS, NewMultipartUpload, PartList};
use crate::sql::{self, UPLOADS};

/// A body with room for `MAX_PARTS`.
type PartListBody = JsonUpTo<PartList, 4_194_304>;

/// The reply to a part.
pub const STORED_PART: Shape = Shape::Object(&[
    Property::new("number", Shape::Int, "As in the address."),
    Property::new("etag", Shape::Text, "Of the part."),
]);

pub async fn begin(ctx: RequestCtx, body: Json<NewMultipartUpload>) -> Result {
    let mut tx = ctx.write_once(&body.hash)?;
    let new = body.read()?;
    let key = format!("up/{}.bin", ctx.runtime.token());
    let blobs = &ctx.runtime.blobs;
    let multipart = blobs.begin(&key, &new.content_type).await?;
    sql::insert_multipart(&mut tx, &key, &new.content_type, &multipart);
    let reply = ctx.created(tx, &UPLOADS).await;
    if !is_row_of(&reply, &key) {
        log_failed_removal(blobs.abort(&key, &multipart).await, &key);
    }
    reply
}

/// Takes the whole request: the caller and the headers are checked before the body is read.
pub async fn put_part(ctx: RequestCtx, params: PathParams, request: Request) -> Result {
    let id = params.id("id")?;
    let destination = destination(ctx.write_to(&UPLOADS, id)?, id).await?;
    let number = part_number(&params)?;
    let multipart = destination.unfinished()?;
    let body = BlobBody::Stream(
        request.into_body().into_data_stream().map(|chunk| chunk.map_err(BlobError::parts)).boxed(),
        content_length(&ctx)?,
    );
    let stored = ctx.runtime.blobs.put_part(&destination.key, multipart, number, body).await;
    let Part { number, etag } = stored.map_err(|error| match error {
        BlobError::Parts(source) => UPLOAD_INCOMPLETE.on("number").cause(source),
        other => unavailable(other),
    })?;
    Ok(Reply::Item(json!({"number": number, "etag": etag}).to_string()))
}

pub async fn complete(ctx: RequestCtx, PathId(id): PathId, body: PartListBody) -> Result {
    let tx = ctx.write_to(&UPLOADS, id)?;
    let parts = body.read()?.into_parts()?;
    let destination = destination(tx, id).await?;
    let multipart = destination.unfinished()?;
    let blobs = &ctx.runtime.blobs;
    let info = match blobs.complete(&destination.key, multipart, &parts).await {
        // An earlier request may have joined the parts and died before it changed the row.
        Err(BlobError::Parts(source)) => match blobs.head(&destination.key).await? {
            Some(info) => info,
            None => return Err(UPLOAD_INCOMPLETE.on("parts").cause(source).into()),
        },
        other => other?,
    };
    let size = i64::try_from(info.size).map_err(|e| INTERNAL.error().cause(e))?;
    let mut tx = ctx.write_to(&UPLOADS, id)?;
    sql::complete(&mut tx, id, size);
    ctx.updated(tx, &UPLOADS, id).await
}

/// Where the object store keeps an upload.
struct Destination {
    key: String,
    /// The object store's id of the multipart upload; None once it is complete.
    multipart: Option<String>,
}

impl Destination {
    /// The id of the multipart upload; `upload_complete` when there is none any more.
    fn unfinished(&self) -> std::result::Result<&str, Error> {
        self.multipart.as_deref().ok_or_else(|| UPLOAD_COMPLETE.error())
    }
}

/// The destination of an upload that the transaction lets the caller write to.
async fn destination(mut tx: Tx, id: i64) -> std::result::Result<Destination, Error> {
    let found = sql::destination(&mut tx, id);
    let outcome = tx.run().await?;
    let row = outcome.row(found).ok_or_else(|| INTERNAL.error().cause("an upload vanished in its transaction"))?;
    Ok(Destination {
        key: row.text("key").unwrap_or_default().to_string(),
        multipart: row.text("multipart").map(str::to_string),
    })
}

/// The number of the part in the address, from 1 to `MAX_PARTS`.
fn part_number(params: &PathParams) -> std::result::Result<u16, Error> {
    let number = params.text("number").and_then(id::parse).filter(|number| *number <= MAX_PARTS);
    let number = number.and_then(|number| u16::try_from(number).ok());
    number.ok_or_else(|| Error::invalid("number", phrases::WHOLE_NUMBER.with([1, MAX_PARTS])))
}

/// Bytes of the body, as announced; at most `MAX_PART`.
fn content_length(ctx: &RequestCtx) -> std::result::Result<u64, Error> {
    match ctx.header("content-length").parse() {
        Ok(length) if length > MAX_PART => Err(BODY_TOO_LARGE.error().arg("100 MB")),
        Ok(length) => Ok(length),
        Err(_) => Err(Error::missing("Content-Length")),
    }
}
