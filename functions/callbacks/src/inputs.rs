//! `GET /callbacks/in/{task}/{attempt}/{index}`: a picture to start from, or the mask behind the last of them, as the
//! runner that holds the task gets it. The runner never calls an address of a user's choosing; the edge does, under the rules of `domain::outbound`.

use domain::messages::{IMAGE_UNREACHABLE, INVALID_IMAGE, NOT_FOUND};
use domain::outbound::{MAX_REDIRECTS, check, follow};
use domain::runner::input_path;
use domain::{Error, file};
use ports::{Cx, Outgoing};
use web::axum::body::{Body, Bytes};
use web::axum::response::Response;
use web::stored::unavailable;
use web::{Ctx, Reply, Result, axum};

use crate::held::{self, Path};

/// Bytes of a picture.
const LIMIT: usize = 20 << 20;

/// For each hop, in milliseconds: all of them together take no longer than a lease.
const TIMEOUT_MS: u32 = 8_000;

/// By the number of the picture in the task's list; the mask comes after the last of them.
const URL: &str = "SELECT origin, iif(?4 = json_array_length(params, '$.from_images'), json_extract(params, '$.mask'), \
    json_extract(params, '$.from_images[' || CAST(?4 AS INTEGER) || ']')) AS url FROM tasks WHERE id = ?3";

pub async fn get(ctx: Ctx, path: Path) -> Result {
    let found = held::read(&ctx, path, input_path, URL).await?;
    let row = found.first();
    let url = row.and_then(|row| row.text("url")).ok_or_else(|| NOT_FOUND.error())?;
    let origins = [ctx.cx.config.public_url.as_str(), row.and_then(|row| row.text("origin")).unwrap_or_default()];
    let picture = match file::key(url, &origins) {
        Some(key) => stored(&ctx.cx, key).await?,
        None => fetched(&ctx.cx, url).await?,
    };
    let kind = kind(&picture).ok_or_else(|| INVALID_IMAGE.error())?;
    let mut response = Response::new(Body::from(picture));
    response.headers_mut().insert("content-type", axum::http::HeaderValue::from_static(kind));
    Ok(Reply::Raw(Box::new(response)))
}

fn unreachable(why: impl ToString) -> Error {
    IMAGE_UNREACHABLE.error().cause(why.to_string())
}

/// One of our own files.
async fn stored(cx: &Cx, key: &str) -> std::result::Result<Bytes, Error> {
    let blob = cx.ports.blobs.get(key, None).await.map_err(unavailable)?;
    let blob = blob.ok_or_else(|| unreachable("the file is gone"))?;
    if blob.info.size > LIMIT as u64 {
        return Err(unreachable("the file is too large"));
    }
    blob.body.read().await.map_err(unavailable)
}

/// A picture from outside; every hop is judged before it is taken.
async fn fetched(cx: &Cx, url: &str) -> std::result::Result<Bytes, Error> {
    let mut url = url.to_string();
    for _ in 0..=MAX_REDIRECTS {
        check(&url, &cx.config.fetch_allow).map_err(|refusal| unreachable(refusal.text()))?;
        let headers =
            vec![("accept", "image/png, image/jpeg, image/webp".to_string()), ("user-agent", "easel".to_string())];
        let body = Bytes::new();
        let request =
            Outgoing { method: "GET", url: url.clone(), headers, body, timeout_ms: TIMEOUT_MS, max_bytes: LIMIT };
        let answer = cx.ports.fetch.send(request).await.map_err(unreachable)?;
        match answer.status {
            200 if answer.whole => return Ok(answer.body),
            200 => return Err(unreachable("the picture is too large")),
            301 | 302 | 303 | 307 | 308 => {
                url = follow(&url, answer.header("location")).ok_or_else(|| unreachable("a redirect to nowhere"))?;
            }
            status => return Err(unreachable(format!("the answer was {status}"))),
        }
    }
    Err(unreachable("too many redirects"))
}

/// The media type, by how the file begins; None for anything runners do not read.
fn kind(file: &[u8]) -> Option<&'static str> {
    match file {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}
