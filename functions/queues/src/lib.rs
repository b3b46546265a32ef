//! `/client/v4`: the queue that hands hints to runners, in the HTTP pull protocol of Cloudflare Queues, so that one
//! runner works against this and against Cloudflare's own. It knows nothing of tasks: bodies pass through unread.

mod access;
mod api;
mod model;
mod shape;
mod sql;
#[cfg(test)]
mod tests;

use web::{App, Dialect, FormData, Operation, Replies, Routes};

use crate::model::{Ack, NewBatch, NewMessage, Pull};
use crate::shape::{ACKED, PULLED, PUSHED};

const PULL: Operation = Operation::other(
    "POST",
    "/client/v4/accounts/{account}/queues/{queue}/messages/pull",
    "Lease messages",
    Replies::Json { status: 200, about: "The leased messages, and the size of the queue", shape: &PULLED },
)
.takes(&Pull::FORM)
.machine();

const ACK: Operation = Operation::other(
    "POST",
    "/client/v4/accounts/{account}/queues/{queue}/messages/ack",
    "Acknowledge messages, or return them for a retry",
    Replies::Json { status: 200, about: "The numbers of messages, and stale leases", shape: &ACKED },
)
.takes(&Ack::FORM)
.machine();

const REPLY_TO_PUSH: Replies = Replies::Json { status: 200, about: "The size of the queue", shape: &PUSHED };

const PUSH: Operation =
    Operation::other("POST", "/client/v4/accounts/{account}/queues/{queue}/messages", "Push a message", REPLY_TO_PUSH)
        .takes(&NewMessage::FORM)
        .machine();

const PUSH_BATCH: Operation = Operation::other(
    "POST",
    "/client/v4/accounts/{account}/queues/{queue}/messages/batch",
    "Push messages",
    REPLY_TO_PUSH,
)
.takes(&NewBatch::FORM)
.machine();

/// The operations.
pub fn routes() -> App {
    Routes::new("queues", Dialect::Cloudflare)
        .on(PULL, api::pull)
        .on(ACK, api::ack)
        .on(PUSH, api::push)
        .on(PUSH_BATCH, api::push_batch)
        .build()
}

edge::entry!(crate::routes);
