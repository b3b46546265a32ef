//! `/api/tasks`: what was asked of the runners, from submission to result. A task is its owner's and the
//! administrators' to see. What runners do to it is in `callbacks`; the transitions are in `store::tasks`.

mod api;
mod model;
mod models;
mod store;
#[cfg(test)]
mod tests;

use web::{Access, App, Dialect, Op, Replies, Routes};

use crate::model::PATCH;
use crate::store::TASKS;

static CANCEL: Op = Op::other(
    "POST",
    "/api/tasks/{id}/cancel",
    "Cancel: waiting at once, running within one step",
    Replies::Item(&TASKS),
)
.secured();
static EVENTS: Op = Op::other(
    "GET",
    "/api/tasks/{id}/events",
    "Watch as server-sent events; Last-Event-ID resumes",
    Replies::Bytes("text/event-stream"),
);

pub fn routes() -> App {
    Routes::new("tasks", Dialect::Plain)
        .writes(Access::Tasks)
        .on(Op::list("/api/tasks", &TASKS, "List one's tasks; administrators see all"), api::list)
        .on(Op::create("/api/tasks", &TASKS, &domain::task::INFERENCE, "Submit a task"), api::create)
        .on(Op::read("/api/tasks/{id}", &TASKS, "Read a task, or watch it over a WebSocket"), api::read)
        .on(Op::update("/api/tasks/{id}", &TASKS, &PATCH, "Rename a task"), api::update)
        .on(Op::delete("/api/tasks/{id}", "Cancel if need be, then delete; pictures already made stay"), api::delete)
        .on(CANCEL, api::cancel)
        .on(EVENTS, api::events)
        .build()
}

edge::entry!(crate::routes);
