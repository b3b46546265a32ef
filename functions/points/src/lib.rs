//! `/user`: the points API. Tasks are submitted to named models, known by a number, and paid for with points. The task
//! is one of `/api/tasks`; `store::points_api` has its words in this API, `points_config` its price. The database keeps
//! the accounts (`store::ledger`).

mod api;
mod entries;
mod entry_texts;
mod model;
mod shapes;
mod sql;
mod task_no;
#[cfg(test)]
mod tests;

use store::points_api::POINTS_TASKS;
use web::{Access, App, Dialect, FormData, Operation, Replies, Routes};

use crate::entries::ENTRIES;
use crate::model::{RedeemForm, SubmitForm};

const SUBMIT: Operation = Operation::other(
    "POST",
    "/user/ai/tasks/submit",
    "Submit a task to a model; its points are taken at once, and returned if it is not completed",
    Replies::Json { status: 200, about: "The task's number", shape: &shapes::SUBMITTED },
)
.takes(&SubmitForm::FORM)
.secured()
.once();
const CANCEL: Operation = Operation::other(
    "POST",
    "/user/ai/tasks/{taskNo}/cancel",
    "Cancel: queued at once, processing within one step; the points are returned. An addition to the original API",
    Replies::Item(&POINTS_TASKS),
)
.secured();
const BALANCE: Operation = Operation::other(
    "GET",
    "/user/points/consumption/balance",
    "Points that can be spent now",
    Replies::Json { status: 200, about: "The balance; times are those of Shanghai", shape: &shapes::BALANCE },
)
.secured();
const REDEEM: Operation = Operation::other(
    "POST",
    "/user/points/redeem",
    "Redeem a code for points",
    Replies::Json { status: 200, about: "The points; times are those of Shanghai", shape: &shapes::REDEEMED },
)
.takes(&RedeemForm::FORM)
.secured()
.once()
.needs(Access::Write);
const NOTIFICATIONS: Operation = Operation::other(
    "GET",
    "/user/notifications",
    "The balance and the number of running tasks; over a WebSocket, then each task that ends",
    Replies::Json {
        status: 200,
        about: "Later frames have type `task`: taskNo, taskId, status, resultUrl, errorMessage, balance, seq",
        shape: &shapes::NOTIFICATION_SNAPSHOT,
    },
)
.secured();

/// The operations.
pub fn routes() -> App {
    let read = "Read a task, or watch it over a WebSocket";
    let entries = Operation::list("/user/points/consumption/list", &ENTRIES, "List what points came from and went to");
    Routes::new("points", Dialect::Coded)
        .writes(Access::Tasks)
        .on(SUBMIT, api::submit)
        .on(Operation::list("/user/ai/tasks/list", &POINTS_TASKS, "List one's tasks").secured(), api::list)
        .on(Operation::read("/user/ai/tasks/{taskNo}", &POINTS_TASKS, read).secured(), api::read)
        .on(CANCEL, api::cancel)
        .on(BALANCE, api::balance)
        .on(entries.secured(), api::entries)
        .on(REDEEM, api::redeem)
        .on(NOTIFICATIONS, api::notifications)
        .build()
}

edge::entry!(crate::routes);
