//! `/api/tasks`: what was asked of the runners, from submission to result. A task is its owner's and the
//! administrators' to see. Submission is in `submit`, what runners do to a task in `callbacks`, the transitions in
//! `store::tasks`.

mod api;
mod model;
mod sql;
#[cfg(test)]
mod tests;

use web::{Access, App, Dialect, FormData, Operation, Replies, Routes};

use crate::model::{TaskForm, TaskPatch};
use crate::sql::TASKS;

const SUBMIT: &str = "Submit a task; of type `training`: the fields of POST /api/models, `type` as `model_type`";

const CANCEL: Operation = Operation::other(
    "POST",
    "/api/tasks/{id}/cancel",
    "Cancel: waiting at once, running within one step",
    Replies::Item(&TASKS),
)
.secured();
const EVENTS: Operation = Operation::other(
    "GET",
    "/api/tasks/{id}/events",
    "Watch as server-sent events; Last-Event-ID resumes",
    Replies::Bytes("text/event-stream"),
);

/// The operations.
pub fn routes() -> App {
    let delete = "Cancel if it has not ended, then delete; images already made stay";
    Routes::new("tasks", Dialect::Plain)
        .writes(Access::Tasks)
        .on(Operation::list("/api/tasks", &TASKS, "List one's tasks; administrators see all"), api::list)
        .on(Operation::create("/api/tasks", &TASKS, &TaskForm::FORM, SUBMIT), api::create)
        .on(Operation::read("/api/tasks/{id}", &TASKS, "Read a task, or watch it over a WebSocket"), api::read)
        .on(Operation::update("/api/tasks/{id}", &TASKS, &TaskPatch::FORM, "Rename a task"), api::update)
        .on(Operation::delete("/api/tasks/{id}", delete), api::delete)
        .on(CANCEL, api::cancel)
        .on(EVENTS, api::events)
        .build()
}

edge::entry!(crate::routes, KV);
