//! `/user`: the points task API. Tasks are submitted to named models, known by a number, and paid for with points. The
//! task itself is the one of `/api/tasks`; what it is called here stands in `store::points`, what it costs in
//! `points_config`, and the keeping of accounts in the database (`store::ledger`).

mod api;
mod model;
mod store;
#[cfg(test)]
mod tests;

use ::store::points::POINTS;
use web::{Access, App, Dialect, Op, Replies, Routes};

use crate::model::{REDEEM, SUBMIT};
use crate::store::ENTRIES;

static SUBMITTED: Op = Op {
    body: Some(&SUBMIT),
    secured: true,
    idempotent: true,
    ..Op::other(
        "POST",
        "/user/ai/tasks/submit",
        "Submit a task to a model; its points are taken at once, and given back should it not be completed",
        Replies::Object(200, "taskNo and status"),
    )
};
static CANCEL: Op = Op::other(
    "POST",
    "/user/ai/tasks/{taskNo}/cancel",
    "Cancel: queued at once, processing within one step; points come back. An addition to the original API",
    Replies::Item(&POINTS),
)
.secured();
static BALANCE: Op = Op::other(
    "GET",
    "/user/points/consumption/balance",
    "Points that can be spent now",
    Replies::Object(200, "userId, balance, and expireTime: when the first of them expire"),
)
.secured();
static REDEEMED: Op = Op {
    body: Some(&REDEEM),
    secured: true,
    idempotent: true,
    access: Some(Access::Write),
    ..Op::other(
        "POST",
        "/user/points/redeem",
        "Redeem a code for points",
        Replies::Object(200, "points, expireTime: when these expire, and balance"),
    )
};
static NOTIFICATIONS: Op = Op::other(
    "GET",
    "/user/notifications",
    "How one stands; over a WebSocket, then each task that ends",
    Replies::Object(200, "type `snapshot`: userId, balance, running; type `task`: taskNo, taskId, status, resultUrl, errorMessage, balance; and seq"),
)
.secured();

pub fn routes() -> App {
    let read = "Read a task, or watch it over a WebSocket";
    Routes::new("points", Dialect::Coded)
        .writes(Access::Tasks)
        .on(SUBMITTED, api::submit)
        .on(Op::list("/user/ai/tasks/list", &POINTS, "List one's tasks").secured(), api::list)
        .on(Op::read("/user/ai/tasks/{taskNo}", &POINTS, read).secured(), api::read)
        .on(CANCEL, api::cancel)
        .on(BALANCE, api::balance)
        .on(
            Op::list("/user/points/consumption/list", &ENTRIES, "Where points came from and went").secured(),
            api::entries,
        )
        .on(REDEEMED, api::redeem)
        .on(NOTIFICATIONS, api::notifications)
        .build()
}

edge::entry!(crate::routes);
