//! The number of a task in a path, and the numbers of new tasks.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::{Millis, task_number};
use web::{PathParams, axum};

/// The task number `{taskNo}`; empty, which is no task's, when the path has none. It refuses nothing, so that handlers
/// answer 401 before 404.
pub struct TaskNo(pub String);

impl<S: Send + Sync> FromRequestParts<S> for TaskNo {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<TaskNo, Self::Rejection> {
        let params = PathParams::from_request_parts(parts, state).await.ok();
        let sent = params.as_ref().and_then(|params| params.text("taskNo"));
        Ok(TaskNo(sent.filter(|text| task_number::is_number(text)).unwrap_or_default().to_string()))
    }
}

/// A number for a task submitted now; `random` is 32 hex digits.
pub fn draw(now: Millis, random: &str) -> String {
    let random = random.get(24..).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    task_number::number(now, random.unwrap_or_default())
}
