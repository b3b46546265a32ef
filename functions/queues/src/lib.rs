//! `/client/v4`: the queue that hands hints to runners, in the HTTP pull protocol of Cloudflare Queues, so that one
//! runner works against this and against the platform's own. It knows nothing of tasks: bodies pass through unread.

mod access;
mod api;
mod model;
mod store;
#[cfg(test)]
mod tests;

use web::{App, Dialect, Op, Replies, Routes};

use crate::model::{ACK, BATCH, MESSAGE, PULL};

const PULLED: Replies = Replies::Object(200, "The leased messages, and how many the queue holds in all");
const ACKED: Replies =
    Replies::Object(200, "How many were acknowledged and given back; a warning for each stale lease");
const PUSHED: Replies = Replies::Object(200, "How many messages the queue holds");

pub fn routes() -> App {
    let post = |path, form, summary, replies| Op::other("POST", path, summary, replies).takes(form).machine();
    const BASE: &str = "/client/v4/accounts/{account}/queues/{queue}/messages";
    const PULL_PATH: &str = "/client/v4/accounts/{account}/queues/{queue}/messages/pull";
    const ACK_PATH: &str = "/client/v4/accounts/{account}/queues/{queue}/messages/ack";
    const BATCH_PATH: &str = "/client/v4/accounts/{account}/queues/{queue}/messages/batch";
    Routes::new("queues", Dialect::Cloudflare)
        .on(post(PULL_PATH, &PULL, "Lease messages", PULLED), api::pull)
        .on(post(ACK_PATH, &ACK, "Acknowledge messages, or give them back", ACKED), api::ack)
        .on(post(BASE, &MESSAGE, "Push a message", PUSHED), api::push)
        .on(post(BATCH_PATH, &BATCH, "Push messages", PUSHED), api::push_batch)
        .build()
}

edge::entry!(crate::routes);
