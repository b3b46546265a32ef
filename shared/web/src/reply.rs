//! The result of a handler, before any envelope: a page, an item, a creation, an end, or an error. The dialect gives it
//! its outward form.

use std::sync::{Arc, Mutex};

use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use domain::Error;
use store::Page;
use store::idempotency::Stored;

/// The result of a handler.
pub type Result<T = Reply> = std::result::Result<T, Failure>;

/// A success.
pub enum Reply {
    /// A page of a list.
    Page(Page),
    /// A JSON object.
    Item(String),
    /// A new object.
    Created {
        /// A JSON object.
        item: String,
        /// Its address, empty when it has none.
        location: String,
    },
    /// Done, with nothing to say.
    Done,
    /// Not in any envelope: files, event streams, upgrades.
    Raw(Box<Response>),
}

impl Reply {
    /// The stored response to the request that this one repeats.
    pub fn repeat(stored: Stored) -> Reply {
        Reply::Created { item: stored.body, location: stored.location }
    }

    /// The reply with its JSON object rewritten.
    pub fn map_item(self, rewrite: impl FnOnce(&str) -> std::result::Result<String, Error>) -> Result {
        Ok(match self {
            Reply::Item(item) => Reply::Item(rewrite(&item)?),
            Reply::Created { item, location } => Reply::Created { item: rewrite(&item)?, location },
            other => other,
        })
    }

    /// The reply with another location.
    pub fn map_location(self, rewrite: impl FnOnce(String) -> String) -> Reply {
        match self {
            Reply::Created { item, location } => Reply::Created { item, location: rewrite(location) },
            other => other,
        }
    }
}

/// An error on its way out of a handler; `?` turns a `domain::Error` into it.
#[derive(Debug)]
pub struct Failure(pub Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        failure.0
    }
}

/// Sets a header of a reply in no envelope, if it can be one.
pub fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Carries a handler's result to the dialect, inside an otherwise empty response.
#[derive(Clone)]
pub(crate) struct Outcome(Arc<Mutex<Option<std::result::Result<Reply, Error>>>>);

impl Outcome {
    fn response(outcome: std::result::Result<Reply, Error>) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(Outcome(Arc::new(Mutex::new(Some(outcome)))));
        response
    }

    /// The result that this response carries; otherwise the response as it is.
    pub(crate) fn unpack(mut response: Response) -> std::result::Result<Reply, Error> {
        let outcome = response.extensions_mut().remove::<Outcome>();
        outcome
            .and_then(|outcome| outcome.0.lock().ok().and_then(|mut result| result.take()))
            .unwrap_or_else(|| Ok(Reply::Raw(Box::new(response))))
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        Outcome::response(Ok(self))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        Outcome::response(Err(self.0))
    }
}
