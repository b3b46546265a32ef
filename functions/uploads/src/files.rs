//! `/files/{key}`: stored objects as they are. A key holds 128 random bits, so it is its own permission, and what it
//! names never changes, so it may be kept for ever.

use domain::file::{self, is_key};
use domain::messages::{NOT_FOUND, RANGE_NOT_SATISFIABLE};
use http::{Method, StatusCode, header};
use ports::BlobInfo;
use web::axum::body::Body;
use web::axum::response::Response;
use web::range::{self, Wanted};
use web::{Ctx, Dialect, Reply, Result, set, stored};

pub async fn serve(ctx: Ctx) -> Result {
    let key = ctx.parts.path.strip_prefix(file::PREFIX).filter(|key| is_key(key)).ok_or_else(|| NOT_FOUND.error())?;
    let blobs = &ctx.cx.ports.blobs;
    let (known, wanted) = (ctx.header("if-none-match"), ctx.header("range"));
    let head = ctx.parts.method == Method::HEAD;
    let mut range = None;
    if head || !known.is_empty() || !wanted.is_empty() {
        let info = blobs.head(key).await?.ok_or_else(|| NOT_FOUND.error())?;
        if matches(known, &info.etag) {
            return Ok(raw(respond(StatusCode::NOT_MODIFIED, &info, None, Body::empty())));
        }
        if head {
            return Ok(raw(respond(StatusCode::OK, &info, Some(info.size), Body::empty())));
        }
        let same = ctx.header("if-range").is_empty() || ctx.header("if-range") == format!("\"{}\"", info.etag);
        range = match range::parse(wanted, info.size) {
            Wanted::Part(range) if same => Some(range),
            Wanted::Outside if same => {
                let mut response = Dialect::Plain.render(Err(RANGE_NOT_SATISFIABLE.on("Range")), ctx.style);
                set(&mut response, header::CONTENT_RANGE, &format!("bytes */{}", info.size));
                return Ok(raw(response));
            }
            _ => None,
        };
    }
    let blob = blobs.get(key, range).await?.ok_or_else(|| NOT_FOUND.error())?;
    let body = stored::body(blob.body);
    let Some(range) = range else {
        return Ok(raw(respond(StatusCode::OK, &blob.info, Some(blob.info.size), body)));
    };
    let mut response = respond(StatusCode::OK, &blob.info, Some(blob.info.size), body);
    stored::partial(&mut response, range, blob.info.size);
    Ok(raw(response))
}

/// `If-None-Match`: one of the tags is this one, compared weakly.
fn matches(header: &str, etag: &str) -> bool {
    let tag = |item: &str| item.trim().trim_start_matches("W/").trim_matches('"') == etag;
    header.trim() == "*" || (!header.is_empty() && header.split(',').any(tag))
}

fn respond(status: StatusCode, info: &BlobInfo, length: Option<u64>, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let inline = info.content_type.starts_with("image/");
    set(&mut response, header::ETAG, &format!("\"{}\"", info.etag));
    set(&mut response, header::CACHE_CONTROL, "public, max-age=31536000, immutable");
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    if let Some(length) = length {
        set(&mut response, header::CONTENT_LENGTH, &length.to_string());
        set(&mut response, header::CONTENT_TYPE, &info.content_type);
        set(&mut response, header::CONTENT_DISPOSITION, if inline { "inline" } else { "attachment" });
        set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        // Opened as a page of its own it may run and load nothing.
        set(&mut response, header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox");
    }
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
