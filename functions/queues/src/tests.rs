//! The routes over in-memory SQLite. The queue goes by the database's clock, so time passes here by moving the rows.

mod dead_letters;
mod refusals;

use std::collections::HashSet;

use serde_json::{Value, json};
use store::{Query, Tx};
use testkit::{Kit, Reply, assert_shape};

use crate::model::{Ack, Done, Pull, Retry};
use crate::shape::{ACKED, PULLED, PUSHED};
use crate::sql;

const BASE: &str = "/client/v4/accounts/0123/queues/inference/messages";

fn kit() -> Kit {
    Kit::new(crate::routes())
}

async fn call(kit: &Kit, path: &str, body: Value) -> Reply {
    kit.post(path, body).bearer(&kit.config.queue_token).send().await
}

/// The result of a call that must succeed.
async fn result(kit: &Kit, what: &str, body: Value) -> Value {
    let reply = call(kit, &format!("{BASE}{what}"), body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let mut json = reply.json();
    assert_eq!((&json["success"], &json["errors"], &json["messages"]), (&json!(true), &json!([]), &json!([])));
    json["result"].take()
}

async fn pull(kit: &Kit, batch_size: i64) -> Vec<Value> {
    let mut pulled = result(kit, "/pull", json!({"batch_size": batch_size})).await;
    serde_json::from_value(pulled["messages"].take()).unwrap()
}

async fn wait(kit: &Kit, milliseconds: i64) {
    kit.sql("UPDATE queue_messages SET visible_at = visible_at - ?1", [milliseconds.into()]).await;
}

fn bodies(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|m| m["body"].as_str().unwrap()).collect()
}

/// The code and the words of Cloudflare's error envelope.
fn error(reply: &Reply) -> String {
    let json = reply.json();
    assert_eq!((&json["success"], &json["result"], &json["messages"]), (&json!(false), &json!(null), &json!([])));
    format!("{} {}", json["errors"][0]["code"], json["errors"][0]["message"].as_str().unwrap())
}

#[test]
fn openapi_is_fresh() {
    Kit::check_openapi(&crate::routes(), env!("CARGO_MANIFEST_DIR"));
}

#[tokio::test]
async fn a_message_is_pushed_pulled_and_acknowledged() {
    let kit = kit();
    let pushed = result(&kit, "", json!({"body": "{\"task_id\":1}", "content_type": "text"})).await;
    assert_shape(&PUSHED, &pushed);
    assert_eq!(pushed["metadata"]["metrics"]["backlog_count"], 1);
    assert_eq!(pushed["metadata"]["metrics"]["backlog_bytes"], 13);

    let pulled = result(&kit, "/pull", json!({"visibility_timeout_ms": 1000})).await;
    assert_shape(&PULLED, &pulled);
    assert_eq!(pulled["message_backlog_count"], 1);
    let message = &pulled["messages"][0];
    let (id, lease) = (message["id"].as_str().unwrap(), message["lease_id"].as_str().unwrap());
    assert!([id, lease].iter().all(|hex| hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit())));
    assert_eq!((&message["attempts"], &message["body"]), (&json!(1), &json!("{\"task_id\":1}")));
    assert_eq!(message["metadata"], json!({"CF-Content-Type": "text"}));
    assert_eq!(message["timestamp_ms"], pulled["metadata"]["metrics"]["oldest_message_timestamp_ms"]);
    assert_eq!(pull(&kit, 5).await, Vec::<Value>::new(), "leased to one at a time");

    let acked = result(&kit, "/ack", json!({"acks": [{"lease_id": lease}]})).await;
    assert_eq!(acked, json!({"ackCount": 1, "retryCount": 0, "warnings": {}}));
    let again = result(&kit, "/ack", json!({"acks": [{"lease_id": lease}]})).await;
    assert_shape(&ACKED, &again);
    assert_eq!((&again["ackCount"], again["warnings"][lease].is_string()), (&json!(0), true));
    assert_eq!(result(&kit, "/pull", json!({})).await["message_backlog_count"], 0);
}

#[tokio::test]
async fn messages_come_in_order_and_to_one_consumer_each() {
    let kit = kit();
    let messages: Vec<Value> = (0..12).map(|i| json!({"body": i.to_string()})).collect();
    result(&kit, "/batch", json!({"messages": messages})).await;
    let first = pull(&kit, 2).await;
    assert_eq!(bodies(&first), ["0", "1"]);
    let second = result(&kit, "/pull", json!({})).await;
    assert_eq!(second["message_backlog_count"], 12, "leased ones count");
    assert_eq!(second["messages"].as_array().unwrap().len(), 5, "the default");
    let third = pull(&kit, 100).await;
    assert_eq!(bodies(&third), ["7", "8", "9", "10", "11"]);
    let leases = first.iter().chain(&third).chain(second["messages"].as_array().unwrap());
    assert_eq!(leases.map(|m| m["lease_id"].as_str().unwrap()).collect::<HashSet<_>>().len(), 12);
}

#[tokio::test]
async fn an_expired_lease_is_stale_and_its_message_visible_again() {
    let kit = kit();
    result(&kit, "", json!({"body": "a"})).await;
    let first = pull(&kit, 1).await;
    wait(&kit, 29_000).await;
    assert!(pull(&kit, 1).await.is_empty());
    wait(&kit, 1_000).await;
    // Stale from the moment it ran out, not only once someone else holds the message.
    let late = result(&kit, "/ack", json!({"acks": [{"lease_id": first[0]["lease_id"]}]})).await;
    assert_eq!((&late["ackCount"], late["warnings"].as_object().unwrap().len()), (&json!(0), 1));

    let second = pull(&kit, 1).await;
    assert_eq!((&second[0]["attempts"], &second[0]["id"]), (&json!(2), &first[0]["id"]));
    assert_ne!(second[0]["lease_id"], first[0]["lease_id"]);
    let retried = result(&kit, "/ack", json!({"retries": [{"lease_id": first[0]["lease_id"]}]})).await;
    assert_eq!((&retried["retryCount"], retried["warnings"].as_object().unwrap().len()), (&json!(0), 1));
    assert_eq!(result(&kit, "/ack", json!({"acks": [{"lease_id": second[0]["lease_id"]}]})).await["ackCount"], 1);
}

#[tokio::test]
async fn a_retry_waits_for_its_delay() {
    let kit = kit();
    for body in ["a", "b", "c"] {
        result(&kit, "", json!({"body": body})).await;
    }
    let leases: Vec<Value> = pull(&kit, 3).await.iter().map(|m| m["lease_id"].clone()).collect();
    let settled = json!({
        "acks": [{"lease_id": leases[0]}, {"lease_id": leases[0]}, {"lease_id": "unknown"}],
        "retries": [{"lease_id": leases[1]}, {"lease_id": leases[2], "delay_seconds": 10}],
    });
    let settled = result(&kit, "/ack", settled).await;
    assert_eq!((&settled["ackCount"], &settled["retryCount"]), (&json!(1), &json!(2)));
    assert_eq!(settled["warnings"].as_object().unwrap().keys().collect::<Vec<_>>(), ["unknown"]);
    assert_eq!(bodies(&pull(&kit, 3).await), ["b"]);
    // Its lease has ended with the retry, though the message is hidden.
    let again = result(&kit, "/ack", json!({"acks": [{"lease_id": leases[2]}]})).await;
    assert_eq!((&again["ackCount"], kit.number("SELECT count(*) FROM queue_messages").await), (&json!(0), 2));
    wait(&kit, 10_000).await;
    assert_eq!(bodies(&pull(&kit, 3).await), ["c"]);
}

/// Pulls with leases that expire at once. Returns the bodies and attempts.
async fn let_expire(kit: &Kit, base: &str) -> Vec<(String, i64)> {
    let pulled =
        call(kit, &format!("{base}/pull"), json!({"batch_size": 100, "visibility_timeout_ms": 0})).await.json();
    let messages = pulled["result"]["messages"].as_array().unwrap();
    messages.iter().map(|m| (m["body"].as_str().unwrap().to_string(), m["attempts"].as_i64().unwrap())).collect()
}

#[tokio::test]
async fn the_backlog_counts_what_the_queue_holds() {
    let kit = kit();
    let training = BASE.replace("inference", "training");
    for body in ["a", "bb", "貓"] {
        result(&kit, "", json!({"body": body})).await;
        call(&kit, &training, json!({"body": body})).await;
    }
    result(&kit, "", json!({"body": [1]})).await;
    let leases: Vec<Value> = pull(&kit, 2).await.iter().map(|m| json!({"lease_id": m["lease_id"]})).collect();
    result(&kit, "/ack", json!({"acks": [leases[0]], "retries": [leases[1]]})).await;
    for _ in 0..5 {
        let_expire(&kit, &training).await;
    }
    let differ = "SELECT count(*) FROM (SELECT queue, count(*) AS n, sum(length(CAST(body AS BLOB))) AS b \
                  FROM queue_messages GROUP BY queue) c FULL JOIN (SELECT * FROM queue_backlogs WHERE messages > 0) k \
                  ON k.queue = c.queue WHERE c.n IS NOT k.messages OR c.b IS NOT k.bytes";
    assert_eq!(kit.number(differ).await, 0);
    assert_eq!(kit.number("SELECT count(*) FROM queue_backlogs").await, 3);
    assert_eq!(kit.number("SELECT count(*) FROM queue_messages WHERE queue = 'training-dlq'").await, 3);
}

#[tokio::test]
async fn delayed_messages_are_invisible_until_their_time() {
    let kit = kit();
    let messages =
        json!([{"body": "early", "delay_seconds": 0}, {"body": "late", "delay_seconds": 60}, {"body": "standing"}]);
    result(&kit, "/batch", json!({"messages": messages, "delay_seconds": 30})).await;
    assert_eq!(bodies(&pull(&kit, 5).await), ["early"]);
    wait(&kit, 30_000).await;
    assert_eq!(bodies(&pull(&kit, 5).await), ["early", "standing"]);
    result(&kit, "", json!({"body": "later", "delay_seconds": 43_200})).await;
    wait(&kit, 30_000).await;
    assert_eq!(bodies(&pull(&kit, 5).await), ["early", "late", "standing"]);
}

#[tokio::test]
async fn bodies_are_returned_as_text_or_base64_of_json() {
    let kit = kit();
    for text in ["", " 貓 ", "\"quoted\\\"", "a\u{0}b\n", "{\"x\":1}"] {
        result(&kit, "", json!({"body": text})).await;
        let message = &pull(&kit, 1).await[0];
        assert_eq!((&message["body"], &message["metadata"]["CF-Content-Type"]), (&json!(text), &json!("text")));
    }
    for (body, content_type, base64) in [
        (json!({"x": [1, 2]}), None, "eyJ4IjpbMSwyXX0="),
        (json!("text"), Some("json"), "InRleHQi"),
        (json!(7), None, "Nw=="),
        (json!(false), Some("json"), "ZmFsc2U="),
    ] {
        result(&kit, "", json!({"body": body, "content_type": content_type})).await;
        let message = &pull(&kit, 1).await[0];
        assert_eq!((&message["body"], &message["metadata"]["CF-Content-Type"]), (&json!(base64), &json!("json")));
    }
}

#[tokio::test]
async fn queues_are_separate() {
    let kit = kit();
    let training = BASE.replace("inference", "training");
    assert_eq!(call(&kit, &training, json!({"body": "t"})).await.status, 200);
    assert!(pull(&kit, 5).await.is_empty());
    let pulled = call(&kit, &format!("{training}/pull"), json!({})).await.json();
    let lease = &pulled["result"]["messages"][0]["lease_id"];
    let foreign = result(&kit, "/ack", json!({"acks": [{"lease_id": lease}], "retries": [{"lease_id": lease}]})).await;
    assert_eq!((&foreign["ackCount"], &foreign["retryCount"]), (&json!(0), &json!(0)));
    let own = call(&kit, &format!("{training}/ack"), json!({"acks": [{"lease_id": lease}]})).await.json();
    assert_eq!(own["result"]["ackCount"], 1);
    for unknown in ["other", "Inference", "inference%00", "%E8%B2%93", "-dlq", "inference-dlq-dlq"] {
        let reply = call(&kit, &BASE.replace("inference", unknown), json!({"body": "x"})).await;
        assert_eq!(
            (reply.status, error(&reply).as_str()),
            (404, "10404 not_found: There is no such object."),
            "{unknown}"
        );
    }
}

/// SQLite's plan for the rows of `queue_messages`.
async fn plan(kit: &Kit, query: Query) -> String {
    let mut tx = Tx::system(&kit.runtime());
    let explained = tx.push(query.wrap(|sql| format!("EXPLAIN QUERY PLAN {sql}"), []));
    let outcome = tx.run().await.unwrap();
    let steps = outcome.rows(explained).iter().filter_map(|row| row.text("detail").map(str::to_string));
    steps.filter(|step| step.contains("queue_messages")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index() {
    let kit = kit();
    let ack = Ack {
        acks: vec![Done { lease_id: "x".into() }],
        retries: vec![Retry { lease_id: "y".into(), delay_seconds: 1 }],
    };
    let pull = Pull { batch_size: 1, visibility_timeout_ms: 1 };
    for (query, found) in [
        (sql::lease("inference", &pull), "queue_messages_visible (queue=? AND visible_at<?)"),
        (sql::dead_letter("inference"), "queue_messages_exhausted (queue=?)"),
        (sql::backlog("inference"), "queue_messages_age (queue=?)"),
        (sql::end_expired_leases("inference", &ack), "(lease_id=?)"),
        (sql::valid_leases("inference", &ack), "(lease_id=?)"),
        (sql::remove("inference", &ack), "(lease_id=?)"),
        (sql::retry("inference", &ack), "(lease_id=?)"),
    ] {
        let plan = plan(&kit, query.clone()).await;
        assert!(plan.contains(found) && !plan.contains("SCAN"), "{query:?}\n{plan}");
    }
}

#[tokio::test]
async fn each_request_is_one_transaction() {
    let kit = kit();
    kit.batches();
    for (what, body) in [
        ("", json!({"body": "a"})),
        ("/batch", json!({"messages": vec![json!({"body": "b"}); 100]})),
        ("/pull", json!({"batch_size": 100})),
        ("/ack", json!({"acks": [{"lease_id": "x"}], "retries": [{"lease_id": "y"}]})),
    ] {
        result(&kit, what, body).await;
        assert_eq!(kit.batches(), 1, "{what}");
    }
}
