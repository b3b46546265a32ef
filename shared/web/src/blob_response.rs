//! Responses whose body is a stored object.

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

/// The store's failure, as an error that another try may avoid.
pub fn unavailable(error: BlobError) -> Error {
    UNAVAILABLE.error().retry_after(1).cause(error)
}

/// The body of a response, passed on as it comes.
pub fn body(body: BlobBody) -> Body {
    match body {
        BlobBody::Bytes(bytes) => Body::from(bytes),
        BlobBody::Stream(stream, _) => Body::from_stream(stream.map_err(unavailable)),
    }
}

/// Marks a response as this range of an object of `size` bytes.
pub fn partial(response: &mut Response, range: Range, size: u64) {
    let Range { first, last } = range;
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    set(response, header::CONTENT_LENGTH, &(last - first + 1).to_string());
    set(response, header::CONTENT_RANGE, &format!("bytes {first}-{last}/{size}"));
}
