//! Stored objects on their way out.

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::Response;
use domain::Error;
use domain::messages::UNAVAILABLE;
use futures_util::TryStreamExt;
use ports::{BlobBody, BlobError, Range};

use crate::reply::{Failure, set};

impl From<BlobError> for Failure {
    fn from(error: BlobError) -> Failure {
        Failure(unavailable(error))
    }
}

/// The store did not do it, and may do it soon.
pub fn unavailable(error: BlobError) -> Error {
    UNAVAILABLE.error().retry_after(1).cause(format!("{error:?}"))
}

/// Passed on as it comes.
pub fn body(body: BlobBody) -> Body {
    match body {
        BlobBody::Bytes(bytes) => Body::from(bytes),
        BlobBody::Stream(stream, _) => Body::from_stream(stream.map_err(unavailable)),
    }
}

/// Says that the body is this part of an object of `size` bytes.
pub fn partial(response: &mut Response, range: Range, size: u64) {
    let Range { first, last } = range;
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    set(response, header::CONTENT_LENGTH, &(last - first + 1).to_string());
    set(response, header::CONTENT_RANGE, &format!("bytes {first}-{last}/{size}"));
}
