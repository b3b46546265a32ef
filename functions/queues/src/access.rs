//! The queue of a request, and the check that its sender may use it. Both come before the body is read.

use domain::messages::NOT_FOUND;
use web::axum::extract::FromRequestParts;
use web::axum::http::request::Parts;
use web::{Failure, PathParams, RequestCtx};

/// The queues there are: a message of any other name would never be pulled.
const QUEUES: [&str; 4] = ["inference", "training", "inference-dlq", "training-dlq"];

/// The name of a queue, from the path of an authorised request.
pub struct Queue(pub &'static str);

impl<S: Send + Sync> FromRequestParts<S> for Queue {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Queue, Failure> {
        let ctx = RequestCtx::from_request_parts(parts, state).await?;
        ctx.require_secret(&ctx.runtime.config.queue_token)?;
        let path = PathParams::from_request_parts(parts, state).await?;
        let known = QUEUES.into_iter().find(|name| path.text("queue") == Some(name));
        known.map(Queue).ok_or_else(|| NOT_FOUND.error().into())
    }
}
