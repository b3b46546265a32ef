//! What a handler returns, before any envelope: a page, an item, a creation, an end, or an error. The dialect gives it
//! its outward form.

use std::sync::{Arc, Mutex};

use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use domain::Error;
use store::Page;

pub type Result<T = Reply> = std::result::Result<T, Failure>;

pub enum Reply {
    Page(Page),
    /// A JSON object.
    Item(String),
    /// A JSON object that is new, and its address; empty when it has none.
    Created {
        item: String,
        location: String,
    },
    /// Done, with nothing to say.
    Done,
    /// Not in any envelope: files, event streams, upgrades.
    Raw(Box<Response>),
}

/// An error on its way out of a handler; `?` turns a `domain::Error` into it.
#[derive(Debug)]
pub struct Failure(pub Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure(error)
    }
}

impl From<ports::SqlError> for Failure {
    fn from(error: ports::SqlError) -> Failure {
        Failure(store::failure(error))
    }
}

/// Sets a header of a reply in no envelope, if it can be one.
pub fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// How an outcome travels from the handler to the dialect: inside an otherwise empty response.
#[derive(Clone)]
pub(crate) struct Carried(Arc<Mutex<Option<std::result::Result<Reply, Error>>>>);

impl Carried {
    fn response(outcome: std::result::Result<Reply, Error>) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(Carried(Arc::new(Mutex::new(Some(outcome)))));
        response
    }

    /// The outcome, if this response carries one; otherwise the response as it is.
    pub(crate) fn unpack(mut response: Response) -> std::result::Result<Reply, Error> {
        let carried = response.extensions_mut().remove::<Carried>();
        carried
            .and_then(|c| c.0.lock().ok().and_then(|mut outcome| outcome.take()))
            .unwrap_or_else(|| Ok(Reply::Raw(Box::new(response))))
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        Carried::response(Ok(self))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        Carried::response(Err(self.0))
    }
}
