//! `/files/{key}`: stored objects, byte for byte. A key holds 128 random bits, so whoever has it may read the object.
//! The object of a key never changes, so caches may keep it for ever.

use domain::file_url;
use domain::messages::{NOT_FOUND, RANGE_NOT_SATISFIABLE};
use ports::BlobInfo;
use web::axum::body::Body;
use web::axum::http::{Method, StatusCode, header};
use web::axum::response::Response;
use web::range::{self, Wanted};
use web::{Dialect, Reply, RequestCtx, Result, blob_response, set};

pub async fn serve(ctx: RequestCtx) -> Result {
    let key = ctx.path().strip_prefix(file_url::PREFIX).filter(|key| file_url::is_key(key));
    let key = key.ok_or_else(|| NOT_FOUND.error())?;
    let blobs = &ctx.runtime.blobs;
    let (if_none_match, wanted) = (ctx.header("if-none-match"), ctx.header("range"));
    let head = ctx.head.method == Method::HEAD;
    let mut range = None;
    if head || !if_none_match.is_empty() || !wanted.is_empty() {
        let info = blobs.head(key).await?.ok_or_else(|| NOT_FOUND.error())?;
        if matches(if_none_match, &info.etag) {
            return Ok(raw(respond(StatusCode::NOT_MODIFIED, &info, Body::empty())));
        }
        if head {
            return Ok(raw(whole(&info, Body::empty())));
        }
        let unchanged = ctx.header("if-range").is_empty() || ctx.header("if-range") == quoted(&info.etag);
        range = match range::parse(wanted, info.size) {
            Wanted::Part(range) if unchanged => Some(range),
            Wanted::Outside if unchanged => {
                let mut response = Dialect::Plain.render(Err(RANGE_NOT_SATISFIABLE.on("Range")), ctx.style);
                set(&mut response, header::CONTENT_RANGE, &format!("bytes */{}", info.size));
                return Ok(raw(response));
            }
            _ => None,
        };
    }
    let blob = blobs.get(key, range).await?.ok_or_else(|| NOT_FOUND.error())?;
    let mut response = whole(&blob.info, blob_response::body(blob.body));
    if let Some(range) = range {
        blob_response::partial(&mut response, range, blob.info.size);
    }
    Ok(raw(response))
}

/// Reports whether `If-None-Match` has this tag, by weak comparison (RFC 9110 §13.1.2).
fn matches(header: &str, etag: &str) -> bool {
    let tag = |item: &str| item.trim().trim_start_matches("W/").trim_matches('"') == etag;
    header.trim() == "*" || (!header.is_empty() && header.split(',').any(tag))
}

fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

/// A response with the headers that caches keep.
fn respond(status: StatusCode, info: &BlobInfo, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    set(&mut response, header::ETAG, &quoted(&info.etag));
    set(&mut response, header::CACHE_CONTROL, "public, max-age=31536000, immutable");
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    response
}

/// A response with all headers of the whole object.
fn whole(info: &BlobInfo, body: Body) -> Response {
    let mut response = respond(StatusCode::OK, info, body);
    let inline = info.content_type.starts_with("image/");
    set(&mut response, header::CONTENT_LENGTH, &info.size.to_string());
    set(&mut response, header::CONTENT_TYPE, &info.content_type);
    set(&mut response, header::CONTENT_DISPOSITION, if inline { "inline" } else { "attachment" });
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // Opened as a page of its own it may run and load nothing.
    set(&mut response, header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox");
    response
}

fn raw(response: Response) -> Reply {
    Reply::Raw(Box::new(response))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly() {
        for (header, hit) in
            [("\"a\"", true), ("W/\"a\"", true), ("\"b\", \"a\"", true), ("*", true), ("", false), ("\"b\"", false)]
        {
            assert_eq!(matches(header, "a"), hit, "{header}");
        }
    }
}
