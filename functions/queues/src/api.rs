//! The handlers. Each is one transaction on behalf of nobody; `Queue` has checked the sender.

use serde_json::{Map, Value, json};
use web::{Json, JsonUpTo, Reply, RequestCtx, Result};

use crate::access::Queue;
use crate::model::{Ack, Message, NewBatch, NewMessage, Pull, REQUEST_BYTES};
use crate::sql;

const STALE: &str = "The lease has expired, was acknowledged before, or is unknown.";

pub async fn pull(ctx: RequestCtx, Queue(queue): Queue, body: Json<Pull>) -> Result {
    let mut tx = ctx.anonymous();
    tx.push(sql::dead_letter(queue));
    let leased = tx.push(sql::lease(queue, &body.read()?));
    let backlog = tx.push(sql::backlog(queue));
    let outcome = tx.run().await?;
    let metrics = sql::metrics(outcome.row(backlog));
    let reply = json!({
        "message_backlog_count": metrics.get("backlog_count"),
        "messages": sql::messages(outcome.rows(leased)),
        "metadata": {"metrics": metrics},
    });
    Ok(Reply::Item(reply.to_string()))
}

pub async fn ack(ctx: RequestCtx, Queue(queue): Queue, body: Json<Ack>) -> Result {
    let ack = body.read()?;
    let mut tx = ctx.anonymous();
    tx.push(sql::end_expired_leases(queue, &ack));
    let valid = tx.push(sql::valid_leases(queue, &ack));
    let acked = tx.push(sql::remove(queue, &ack));
    let retried = tx.push(sql::retry(queue, &ack));
    tx.push(sql::dead_letter(queue));
    let outcome = tx.run().await?;
    let valid: Vec<&str> = outcome.rows(valid).iter().filter_map(|row| row.text("lease_id")).collect();
    let stale = ack.lease_ids().filter(|lease| !valid.contains(&lease.as_str()));
    let warnings: Map<String, Value> = stale.map(|lease| (lease.clone(), json!(STALE))).collect();
    let (acked, retried) = (outcome.rows(acked).len(), outcome.rows(retried).len());
    Ok(Reply::Item(json!({"ackCount": acked, "retryCount": retried, "warnings": warnings}).to_string()))
}

pub async fn push(ctx: RequestCtx, Queue(queue): Queue, body: JsonUpTo<NewMessage, REQUEST_BYTES>) -> Result {
    send(&ctx, queue, &[body.read()?.message(0)?]).await
}

pub async fn push_batch(ctx: RequestCtx, Queue(queue): Queue, body: JsonUpTo<NewBatch, REQUEST_BYTES>) -> Result {
    send(&ctx, queue, &body.read()?.messages()?).await
}

async fn send(ctx: &RequestCtx, queue: &'static str, messages: &[Message]) -> Result {
    let mut tx = ctx.anonymous();
    for message in messages {
        tx.push(sql::insert(queue, message));
    }
    let backlog = tx.push(sql::backlog(queue));
    let outcome = tx.run().await?;
    Ok(Reply::Item(json!({"metadata": {"metrics": sql::metrics(outcome.row(backlog))}}).to_string()))
}
