//! Which queue a request is about, and that its sender may use it. Both are settled before a body is read.

use domain::messages::NOT_FOUND;
use web::axum::extract::{FromRequestParts, RawPathParams};
use web::axum::http::request::Parts;
use web::{Ctx, Failure};

/// The queues there are: a message of any other name would never be pulled.
const QUEUES: [&str; 4] = ["inference", "training", "inference-dlq", "training-dlq"];

/// The name of a queue, from the path of an authorised request.
pub struct Queue(pub &'static str);

impl<S: Send + Sync> FromRequestParts<S> for Queue {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Queue, Failure> {
        let ctx = Ctx::from_request_parts(parts, state).await?;
        ctx.shared_secret(&ctx.cx.config.queue_token)?;
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Failure(NOT_FOUND.error()))?;
        let asked = params.iter().find(|(name, _)| *name == "queue").map(|(_, value)| value);
        let known = QUEUES.into_iter().find(|name| asked == Some(name));
        known.map(Queue).ok_or_else(|| Failure(NOT_FOUND.error()))
    }
}
