//! The routes over in-memory SQLite. The queue goes by the database's clock, so time passes here by moving the rows.

use std::collections::HashSet;

use edge::native::{Kit, Reply};
use ports::Stmt;
use serde_json::{Value, json};

use crate::model::{Ack, Pull};
use crate::store;

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
async fn a_message_from_beginning_to_end() {
    let kit = kit();
    let pushed = result(&kit, "", json!({"body": "{\"task_id\":1}", "content_type": "text"})).await;
    assert_eq!(pushed["metadata"]["metrics"]["backlog_count"], 1);
    assert_eq!(pushed["metadata"]["metrics"]["backlog_bytes"], 13);

    let pulled = result(&kit, "/pull", json!({"visibility_timeout_ms": 1000})).await;
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
async fn an_expired_lease_shows_the_message_again_and_is_stale() {
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

/// Pulls what there is and says which bodies with which attempts came; the leases are left to run out.
async fn neglect(kit: &Kit, base: &str) -> Vec<(String, i64)> {
    let pulled =
        call(kit, &format!("{base}/pull"), json!({"batch_size": 100, "visibility_timeout_ms": 0})).await.json();
    let messages = pulled["result"]["messages"].as_array().unwrap();
    messages.iter().map(|m| (m["body"].as_str().unwrap().to_string(), m["attempts"].as_i64().unwrap())).collect()
}

#[tokio::test]
async fn a_message_that_is_never_acknowledged_becomes_a_dead_letter() {
    let kit = kit();
    let dead = BASE.replace("inference", "inference-dlq");
    let pushed = result(&kit, "", json!({"body": "貓"})).await;
    for attempt in 1..=4 {
        assert!(neglect(&kit, &dead).await.is_empty(), "attempt {attempt}");
        assert_eq!(neglect(&kit, BASE).await, [("貓".to_string(), attempt)]);
    }
    // Seen there at once, though nobody has asked for the queue it comes from.
    for attempt in 1..=9 {
        assert_eq!(neglect(&kit, &dead).await, [("貓".to_string(), attempt)], "and never leaves it");
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
async fn the_last_retry_asked_for_is_a_dead_letter_at_once() {
    let kit = kit();
    let dead = BASE.replace("inference", "inference-dlq");
    for body in ["given back", "done at last"] {
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
    // Its delay was for the next attempt, which there is not.
    assert_eq!(neglect(&kit, &dead).await, [("given back".to_string(), 1)]);
    assert!(neglect(&kit, BASE).await.is_empty());
}

#[tokio::test]
async fn a_lease_that_still_holds_is_no_dead_letter() {
    let kit = kit();
    result(&kit, "", json!({"body": "a"})).await;
    for _ in 1..=3 {
        neglect(&kit, BASE).await;
    }
    let last = pull(&kit, 1).await;
    assert_eq!(last[0]["attempts"], 4);
    assert!(pull(&kit, 1).await.is_empty());
    assert!(neglect(&kit, &BASE.replace("inference", "inference-dlq")).await.is_empty());
    assert_eq!(result(&kit, "/ack", json!({"acks": [{"lease_id": last[0]["lease_id"]}]})).await["ackCount"], 1);
}

#[tokio::test]
async fn the_backlog_is_what_there_is() {
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
        neglect(&kit, &training).await;
    }
    let differ = "SELECT count(*) FROM (SELECT queue, count(*) AS n, sum(length(CAST(body AS BLOB))) AS b \
                  FROM queue_messages GROUP BY queue) c FULL JOIN (SELECT * FROM queue_backlogs WHERE messages > 0) k \
                  ON k.queue = c.queue WHERE c.n IS NOT k.messages OR c.b IS NOT k.bytes";
    assert_eq!(kit.number(differ).await, 0);
    assert_eq!(kit.number("SELECT count(*) FROM queue_backlogs").await, 3);
    assert_eq!(kit.number("SELECT count(*) FROM queue_messages WHERE queue = 'training-dlq'").await, 3);
}

#[tokio::test]
async fn delayed_messages_are_not_seen_before() {
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
async fn bodies_survive_as_text_and_json() {
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
async fn queues_are_apart() {
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

#[tokio::test]
async fn only_holders_of_the_token_may_use_it() {
    let mut kit = kit();
    let ann = kit.user("ann").await;
    let runner = web::mint_runner(&kit.config, web::RunnerToken { server_id: 1, epoch: 1 }, kit.now()).unwrap();
    for path in ["", "/pull", "/ack", "/batch"].map(|what| format!("{BASE}{what}")) {
        let none = kit.post(&path, json!({"body": "x"})).send().await;
        assert_eq!((none.status, none.header("www-authenticate")), (401, "Bearer"));
        assert!(error(&none).starts_with("10401 unauthenticated: "));
        for token in [ann.token.as_str(), &runner, "queue-token-queue-toke", "queue-token-queue-token2", "x"] {
            let reply = kit.post(&path, json!({"body": "x"})).bearer(token).send().await;
            assert!(reply.status == 401 && error(&reply).starts_with("10401 invalid_token: "), "{token}");
        }
        let unread = kit.call("POST", &path).body("application/json", "{").send().await;
        assert_eq!(unread.status, 401, "settled before the body is read");
    }
    let unknown = kit.post(&BASE.replace("inference", "other"), json!({})).send().await;
    assert_eq!(unknown.status, 401, "nor does anyone learn which queues there are");
    kit.config.queue_token.clear();
    assert_eq!(kit.post(BASE, json!({"body": "x"})).bearer("").send().await.status, 401, "no token, no queue");
    assert_eq!(kit.number("SELECT count(*) FROM queue_messages").await, 0);
}

#[tokio::test]
async fn bad_requests_are_named_and_change_nothing() {
    let kit = kit();
    result(&kit, "", json!({"body": "a"})).await;
    let lease = pull(&kit, 1).await[0]["lease_id"].clone();
    let many = |n| (0..n).map(|_| json!({"body": "x", "lease_id": "x"})).collect::<Vec<_>>();
    for (what, body, code) in [
        ("/pull", json!([]), "malformed_json"),
        ("/pull", json!({"batch_size": 0}), "invalid_parameter: batch_size"),
        ("/pull", json!({"batch_size": 101}), "invalid_parameter: batch_size"),
        ("/pull", json!({"batch_size": "5"}), "invalid_parameter: batch_size"),
        ("/pull", json!({"batch_size": 1e300}), "invalid_parameter: batch_size"),
        ("/pull", json!({"visibility_timeout_ms": -1}), "invalid_parameter: visibility_timeout_ms"),
        ("/pull", json!({"visibility_timeout_ms": 43_200_001}), "invalid_parameter: visibility_timeout_ms"),
        ("/ack", json!({"acks": {"lease_id": lease}}), "invalid_parameter: acks"),
        ("/ack", json!({"acks": [lease]}), "invalid_parameter: acks"),
        ("/ack", json!({"acks": [{"lease_id": lease}, {}]}), "invalid_parameter: acks"),
        ("/ack", json!({"acks": many(101)}), "invalid_parameter: acks"),
        (
            "/ack",
            json!({"acks": [{"lease_id": lease}], "retries": [{"lease_id": lease, "delay_seconds": -1}]}),
            "invalid_parameter: retries",
        ),
        ("/ack", json!({"retries": [{"lease_id": lease, "delay_seconds": 43_201}]}), "invalid_parameter: retries"),
        ("", json!({}), "missing_parameter: body"),
        ("", json!({"body": null}), "missing_parameter: body"),
        ("", json!({"body": 7, "content_type": "text"}), "invalid_parameter: body"),
        ("", json!({"body": "x", "content_type": "bytes"}), "invalid_parameter: content_type"),
        ("", json!({"body": "x", "delay_seconds": 43_201}), "invalid_parameter: delay_seconds"),
        ("/batch", json!({}), "missing_parameter: messages"),
        ("/batch", json!({"messages": []}), "missing_parameter: messages"),
        ("/batch", json!({"messages": many(101)}), "invalid_parameter: messages"),
        ("/batch", json!({"messages": [{"body": "x"}, {}]}), "invalid_parameter: messages"),
        (
            "/batch",
            json!({"messages": [{"body": "x"}, {"body": 7, "content_type": "text"}]}),
            "invalid_parameter: body",
        ),
    ] {
        let reply = call(&kit, &format!("{BASE}{what}"), body.clone()).await;
        assert!(reply.status == 400 && error(&reply).starts_with(&format!("10400 {code}")), "{body} {}", reply.text());
    }
    for (what, body, status) in [
        ("/pull", b"{".to_vec(), 400),
        ("", b"{\"body\":\"\\ud800\"}".to_vec(), 400),
        ("/pull", vec![b' '; 10 << 20], 413),
        ("", vec![b' '; 10 << 20], 413),
        ("", serde_json::to_vec(&json!({"body": "x".repeat(128_001)})).unwrap(), 413),
        (
            "/batch",
            serde_json::to_vec(&json!({"messages": vec![json!({"body": "x".repeat(86_000)}); 3]})).unwrap(),
            413,
        ),
    ] {
        let call = kit.call("POST", &format!("{BASE}{what}")).body("application/json", body);
        assert_eq!(call.bearer(&kit.config.queue_token).send().await.status, status);
    }
    let get = kit.get(BASE).bearer(&kit.config.queue_token).send().await;
    assert_eq!((get.status, error(&get).starts_with("10405 method_not_allowed")), (405, true));
    assert_eq!(kit.number("SELECT count(*) FROM queue_messages WHERE lease_id IS NOT NULL AND attempts = 1").await, 1);
    assert_eq!(kit.number("SELECT count(*) FROM queue_messages").await, 1);

    let largest = json!({"messages": [{"body": "\u{1}".repeat(128_000)}, {"body": "\u{1}".repeat(128_000)}]});
    result(&kit, "/batch", largest).await;
    assert_eq!(pull(&kit, 5).await.len(), 2, "the largest that is allowed");
}

/// How the database would look for the rows of `queue_messages`.
async fn plan(kit: &Kit, stmt: Stmt) -> String {
    let explain = Stmt::new(format!("EXPLAIN QUERY PLAN {}", stmt.sql), stmt.args);
    let rows = kit.cx().ports.sql.run(vec![explain]).await.unwrap().remove(0);
    let steps = rows.iter().filter_map(|row| row.text("detail").map(str::to_string));
    steps.filter(|step| step.contains("queue_messages")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn nothing_takes_longer_the_more_messages_there_are() {
    let kit = kit();
    let ack = Ack { acks: vec!["x".into()], retries: vec![("y".into(), 1)] };
    let pull = Pull { batch_size: 1, visibility_ms: 1 };
    for (stmt, found) in [
        (store::lease("inference", &pull), "queue_messages_visible (queue=? AND visible_at<?)"),
        (store::bury("inference"), "queue_messages_exhausted (queue=?)"),
        (store::backlog("inference"), "queue_messages_age (queue=?)"),
        (store::expire("inference", &ack), "(lease_id=?)"),
        (store::held("inference", &ack), "(lease_id=?)"),
        (store::settle("inference", &ack), "(lease_id=?)"),
        (store::give_back("inference", &ack), "(lease_id=?)"),
    ] {
        let sql = stmt.sql.clone();
        let plan = plan(&kit, stmt).await;
        assert!(plan.contains(found) && !plan.contains("SCAN"), "{sql}\n{plan}");
    }
}

#[tokio::test]
async fn one_round_trip_each() {
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
