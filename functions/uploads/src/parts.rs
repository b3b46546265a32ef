//! Large files in parts, which pass through without being held. Beginning is one batch; a part asks the database whose
//! upload it is before a byte is taken, and completing also writes the result: the object store stands between.

use domain::messages::{
    BODY_TOO_LARGE, INTERNAL, INVALID_PARAMETER, MISSING_PARAMETER, UPLOAD_COMPLETE, UPLOAD_INCOMPLETE,
};
use domain::{Error, error::Arg, id};
use futures_util::StreamExt;
use ports::{BlobBody, BlobError};
use serde_json::json;
use store::list as lists;
use web::axum::extract::Request;
use web::stored::unavailable;
use web::{Ctx, Json, JsonUpTo, PathId, Reply, Result};

use crate::api::{forget, names};
use crate::model::{self, MAX_PART, MAX_PARTS, NewParts};
use crate::store::{self as table, UPLOADS};

/// Room for the most parts there can be.
type Completion = JsonUpTo<4_194_304>;

pub async fn begin(ctx: Ctx, body: Json) -> Result {
    let (scope, batch) = ctx.writing()?;
    let new = NewParts::read(&body.value)?;
    let key = format!("up/{}.bin", ctx.cx.token());
    let blobs = &ctx.cx.ports.blobs;
    let upload = blobs.begin(&key, &new.content_type).await?;
    let insert = table::insert_parts(scope, &key, &new.content_type, &upload);
    let reply = ctx.create(scope, batch, &body.hash, insert, lists::inserted(&UPLOADS, scope), []).await;
    if !names(&reply, &key) {
        forget(blobs.abort(&key, &upload).await, &key);
    }
    reply
}

pub async fn put(ctx: Ctx, PathId(id): PathId, request: Request) -> Result {
    let place = place(&ctx, id).await?;
    let number = ctx.path().rsplit('/').next().and_then(id::parse).filter(|n| *n <= MAX_PARTS);
    let number = number.and_then(|n| u16::try_from(n).ok()).ok_or_else(|| {
        let phrase =
            |en: &str, hant: &str, hans: &str| Arg::Phrase { en: en.into(), hant: hant.into(), hans: hans.into() };
        let range = phrase("a whole number from 1 to 10000", " 1 到 10000 的整數", " 1 到 10000 的整数");
        INVALID_PARAMETER.on("number").arg("number").phrase(range)
    })?;
    let upload = place.upload.ok_or_else(|| UPLOAD_COMPLETE.error())?;
    let length: u64 = ctx
        .header("content-length")
        .parse()
        .map_err(|_| MISSING_PARAMETER.on("Content-Length").arg("Content-Length"))?;
    if length > MAX_PART {
        return Err(BODY_TOO_LARGE.error().arg("100 MB").into());
    }
    let stream = request.into_body().into_data_stream();
    let stream = stream.map(|chunk| chunk.map_err(|e| BlobError::Parts(e.to_string()))).boxed();
    let body = BlobBody::Stream(stream, length);
    let part = ctx.cx.ports.blobs.put_part(&place.key, &upload, number, body).await.map_err(refused)?;
    Ok(Reply::Item(json!({"number": part.number, "etag": part.etag}).to_string()))
}

pub async fn complete(ctx: Ctx, PathId(id): PathId, body: Completion) -> Result {
    let parts = model::parts(&body.value)?;
    let place = place(&ctx, id).await?;
    let upload = place.upload.ok_or_else(|| UPLOAD_COMPLETE.error())?;
    let blobs = &ctx.cx.ports.blobs;
    let info = match blobs.complete(&place.key, &upload, &parts).await {
        // Put together before, by a request that did not live to write it down.
        Err(BlobError::Parts(why)) => match blobs.head(&place.key).await? {
            Some(info) => info,
            None => return Err(UPLOAD_INCOMPLETE.on("parts").cause(why).into()),
        },
        other => other?,
    };
    let size = i64::try_from(info.size).map_err(|e| INTERNAL.error().cause(e))?;
    let (scope, batch) = ctx.writing()?;
    ctx.change((scope, batch), &UPLOADS, id, [table::complete(scope, id, size)]).await
}

struct Place {
    key: String,
    /// None once it is complete.
    upload: Option<String>,
}

/// Where the parts of the caller's upload go.
async fn place(ctx: &Ctx, id: i64) -> std::result::Result<Place, Error> {
    let (scope, mut batch) = ctx.writing()?;
    batch.extend(lists::writable(&UPLOADS, scope, id));
    let found = batch.push(table::place(scope, id));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    let row = outcome.rows(found).first().ok_or_else(|| INTERNAL.error().cause("an upload vanished in its batch"))?;
    Ok(Place {
        key: row.text("key").unwrap_or_default().to_string(),
        upload: row.text("multipart").map(str::to_string),
    })
}

fn refused(error: BlobError) -> Error {
    match error {
        BlobError::Parts(why) => UPLOAD_INCOMPLETE.on("number").cause(why),
        other => unavailable(other),
    }
}
