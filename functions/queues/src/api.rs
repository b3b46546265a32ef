//! The handlers. Each is one database batch; who may call them is settled by `Queue`.

use ::store::Batch;
use ::store::queue::push as insert;
use serde_json::{Map, Value, json};
use web::{Ctx, Json, JsonUpTo, Reply, Result};

use crate::access::Queue;
use crate::model::{Ack, Message, Pull, REQUEST_BYTES};
use crate::store;

type Push = JsonUpTo<REQUEST_BYTES>;

const STALE: &str = "This lease has expired, was settled before, or never was.";

pub async fn pull(ctx: Ctx, Queue(queue): Queue, body: Json) -> Result {
    let pull = Pull::read(&body.value)?;
    let mut batch = Batch::new();
    batch.push(store::bury(queue));
    let leased = batch.push(store::lease(queue, &pull));
    let backlog = batch.push(store::backlog(queue));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    let metrics = store::metrics(outcome.rows(backlog));
    let reply = json!({
        "message_backlog_count": metrics["backlog_count"],
        "messages": store::messages(outcome.rows(leased)),
        "metadata": {"metrics": metrics},
    });
    Ok(Reply::Item(reply.to_string()))
}

pub async fn ack(ctx: Ctx, Queue(queue): Queue, body: Json) -> Result {
    let ack = Ack::read(&body.value)?;
    let mut batch = Batch::new();
    batch.push(store::expire(queue, &ack));
    let held = batch.push(store::held(queue, &ack));
    let acked = batch.push(store::settle(queue, &ack));
    let retried = batch.push(store::give_back(queue, &ack));
    batch.push(store::bury(queue));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    let held: Vec<&str> = outcome.rows(held).iter().filter_map(|row| row.text("lease_id")).collect();
    let asked = ack.acks.iter().chain(ack.retries.iter().map(|(lease, _)| lease));
    let stale = asked.filter(|lease| !held.contains(&lease.as_str()));
    let warnings: Map<String, Value> = stale.map(|lease| (lease.clone(), json!(STALE))).collect();
    let (acked, retried) = (outcome.rows(acked).len(), outcome.rows(retried).len());
    Ok(Reply::Item(json!({"ackCount": acked, "retryCount": retried, "warnings": warnings}).to_string()))
}

pub async fn push(ctx: Ctx, Queue(queue): Queue, body: Push) -> Result {
    send(&ctx, queue, &[Message::read(&body.value)?]).await
}

pub async fn push_batch(ctx: Ctx, Queue(queue): Queue, body: Push) -> Result {
    send(&ctx, queue, &Message::read_batch(&body.value)?).await
}

async fn send(ctx: &Ctx, queue: &'static str, messages: &[Message]) -> Result {
    let mut batch = Batch::new();
    batch.extend(messages.iter().map(|m| insert(queue, &m.body, m.content_type, m.delay_ms)));
    let backlog = batch.push(store::backlog(queue));
    let outcome = batch.run(&*ctx.cx.ports.sql).await?;
    Ok(Reply::Item(json!({"metadata": {"metrics": store::metrics(outcome.rows(backlog))}}).to_string()))
}
