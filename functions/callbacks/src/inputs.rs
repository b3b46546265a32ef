//! `GET /callbacks/in/{task}/{attempt}/{index}`: an image to start from, or the mask after the last of them, for the
//! runner that holds the task. A runner never calls an address that a user chose. The edge does, under
//! `domain::url_policy`.

use domain::messages::{IMAGE_UNREACHABLE, INVALID_IMAGE, NOT_FOUND};
use domain::url_policy::{MAX_REDIRECTS, check, follow};
use domain::{Error, file_url};
use media::ImageFormat;
use ports::{FetchRequest, Runtime};
use protocol::runner::input_path;
use store::{Tx, args};
use web::axum::body::{Body, Bytes};
use web::axum::http::header;
use web::axum::response::Response;
use web::blob_response::unavailable;
use web::{PathParams, Reply, RequestCtx, Result, set};

use crate::leased_file;

/// Bytes of the largest image.
const MAX_BYTES: usize = 20 << 20;

/// Milliseconds for each hop: all hops together take no longer than a lease.
const TIMEOUT_MS: u32 = 8_000;

/// The image of this number in the task's list; the mask comes after the last of them.
const URL: &str = "SELECT origin, iif(:index = json_array_length(params, '$.from_images'), \
    json_extract(params, '$.mask'), json_extract(params, '$.from_images[' || CAST(:index AS INTEGER) || ']')) AS url \
    FROM tasks WHERE id = :task_id";

pub async fn get(ctx: RequestCtx, params: PathParams) -> Result {
    let path = |task, attempt, index: i64| input_path(task, attempt, index as usize);
    let query = |tx: &mut Tx, task_id, index| tx.exec(URL, args! { task_id, index });
    let found = leased_file::read(&ctx, params, path, query).await?;
    let text = |column| found.first().and_then(|row| row.text(column));
    let url = text("url").ok_or_else(|| NOT_FOUND.error())?;
    let origins = [ctx.runtime.config.public_url.as_str(), text("origin").unwrap_or_default()];
    let image = match file_url::key(url, &origins) {
        Some(key) => stored(&ctx.runtime, key).await?,
        None => fetched(&ctx.runtime, url).await?,
    };
    let format = ImageFormat::of(&image).ok_or_else(|| INVALID_IMAGE.error())?;
    let mut response = Response::new(Body::from(image));
    set(&mut response, header::CONTENT_TYPE, format.media_type());
    Ok(Reply::Raw(Box::new(response)))
}

fn unreachable(why: impl ToString) -> Error {
    IMAGE_UNREACHABLE.error().cause(why)
}

/// One of our own files.
async fn stored(runtime: &Runtime, key: &str) -> std::result::Result<Bytes, Error> {
    let blob = runtime.blobs.get(key, None).await.map_err(unavailable)?;
    let blob = blob.ok_or_else(|| unreachable("the file is gone"))?;
    if blob.info.size > MAX_BYTES as u64 {
        return Err(unreachable("the file is too large"));
    }
    blob.body.read().await.map_err(unavailable)
}

/// An image from outside. Each hop is checked before it is taken.
async fn fetched(runtime: &Runtime, url: &str) -> std::result::Result<Bytes, Error> {
    let mut url = url.to_string();
    for _ in 0..=MAX_REDIRECTS {
        let address = check(&url, &runtime.config.fetch_allow).map_err(|refusal| unreachable(refusal.text()))?;
        let request = FetchRequest {
            method: "GET",
            url: address.as_str().into(),
            headers: vec![
                ("accept", "image/png, image/jpeg, image/webp".to_string()),
                ("user-agent", "easel".to_string()),
            ],
            body: Bytes::new(),
            timeout_ms: TIMEOUT_MS,
            max_bytes: MAX_BYTES,
        };
        let response = runtime.fetch.send(request).await.map_err(unreachable)?;
        match response.status {
            200 if response.complete => return Ok(response.body),
            200 => return Err(unreachable("the image is too large")),
            301 | 302 | 303 | 307 | 308 => {
                let next = follow(&address, response.header("location"));
                url = next.ok_or_else(|| unreachable("a redirect to nowhere"))?.into();
            }
            status => return Err(unreachable(format!("the answer was {status}"))),
        }
    }
    Err(unreachable("too many redirects"))
}
