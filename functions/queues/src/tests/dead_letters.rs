//! Messages that were delivered too often.

use serde_json::{Value, json};

use super::{BASE, call, kit, let_expire, pull, result, wait};

#[tokio::test]
async fn a_message_that_is_never_acknowledged_goes_to_the_dead_letter_queue() {
    let kit = kit();
    let dead = BASE.replace("inference", "inference-dlq");
    let pushed = result(&kit, "", json!({"body": "貓"})).await;
    for attempt in 1..=4 {
        assert!(let_expire(&kit, &dead).await.is_empty(), "attempt {attempt}");
        assert_eq!(let_expire(&kit, BASE).await, [("貓".to_string(), attempt)]);
    }
    // It is seen there at once, though nobody pulled from the queue it comes from.
    for attempt in 1..=9 {
        assert_eq!(
            let_expire(&kit, &dead).await,
            [("貓".to_string(), attempt)],
            "it never leaves the dead letter queue"
        );
    }
    let left = result(&kit, "/pull", json!({})).await;
    assert_eq!((&left["messages"], &left["message_backlog_count"]), (&json!([]), &json!(0)));
    let there = call(&kit, &format!("{dead}/pull"), json!({})).await.json()["result"].take();
    let (metrics, message) = (&there["metadata"]["metrics"], &there["messages"][0]);
    assert_eq!((&metrics["backlog_count"], &metrics["backlog_bytes"]), (&json!(1), &json!(3)));
    assert_eq!(metrics["oldest_message_timestamp_ms"], message["timestamp_ms"]);
    assert!(
        pushed["metadata"]["metrics"]["oldest_message_timestamp_ms"] == message["timestamp_ms"],
        "as it was pushed"
    );
    let ack = json!({"acks": [{"lease_id": message["lease_id"]}]});
    assert_eq!(call(&kit, &format!("{dead}/ack"), ack).await.json()["result"]["ackCount"], 1);
    assert_eq!(kit.number("SELECT count(*) FROM queue_messages").await, 0);
}

#[tokio::test]
async fn the_last_retry_goes_to_the_dead_letter_queue_at_once() {
    let kit = kit();
    let dead = BASE.replace("inference", "inference-dlq");
    for body in ["returned", "acknowledged"] {
        result(&kit, "", json!({"body": body})).await;
    }
    for attempt in 1..=4 {
        let pulled = pull(&kit, 5).await;
        assert_eq!(pulled[0]["attempts"], attempt);
        let leases: Vec<Value> =
            pulled.iter().map(|m| json!({"lease_id": m["lease_id"], "delay_seconds": 60})).collect();
        let body =
            if attempt < 4 { json!({"retries": leases}) } else { json!({"acks": [leases[1]], "retries": [leases[0]]}) };
        let settled = result(&kit, "/ack", body).await;
        assert_eq!(settled["warnings"], json!({}));
        wait(&kit, if attempt < 4 { 60_000 } else { 0 }).await;
    }
    // The delay was for the next attempt in its queue, which does not come.
    assert_eq!(let_expire(&kit, &dead).await, [("returned".to_string(), 1)]);
    assert!(let_expire(&kit, BASE).await.is_empty());
}

#[tokio::test]
async fn a_message_with_a_valid_lease_stays_in_its_queue() {
    let kit = kit();
    result(&kit, "", json!({"body": "a"})).await;
    for _ in 1..=3 {
        let_expire(&kit, BASE).await;
    }
    let last = pull(&kit, 1).await;
    assert_eq!(last[0]["attempts"], 4);
    assert!(pull(&kit, 1).await.is_empty());
    assert!(let_expire(&kit, &BASE.replace("inference", "inference-dlq")).await.is_empty());
    assert_eq!(result(&kit, "/ack", json!({"acks": [{"lease_id": last[0]["lease_id"]}]})).await["ackCount"], 1);
}
