//! The queue over HTTP, in Cloudflare's words. The queue `training` is used, as no runner here pulls from it.

use std::process::Command;

use serde_json::{Value, json};
use tests::{Answer, DedicatedEdge, Edge, State, setting, unique};

const MESSAGES: &str = "/client/v4/accounts/local/queues/training/messages";

async fn call(edge: &Edge, what: &str, body: &Value) -> Answer {
    edge.post(&format!("{MESSAGES}{what}"), body).bearer(&setting("QUEUE_TOKEN")).send().await
}

async fn result(edge: &Edge, what: &str, body: &Value) -> Value {
    let json = call(edge, what, body).await.expect(200).json();
    assert_eq!((&json["success"], &json["errors"]), (&json!(true), &json!([])));
    json["result"].clone()
}

#[tokio::test]
async fn a_message_is_pushed_pulled_given_back_and_acknowledged() {
    let edge = Edge::shared();
    let text = unique("message");
    result(&edge, "", &json!({"body": text})).await;
    let pull = async || {
        let pulled = result(&edge, "/pull", &json!({"batch_size": 100, "visibility_timeout_ms": 600_000})).await;
        let messages = pulled["messages"].as_array().expect("messages").clone();
        messages.into_iter().find(|message| message["body"] == json!(text))
    };
    let message = pull().await.expect("the message that was pushed");
    assert_eq!((&message["attempts"], &message["metadata"]["CF-Content-Type"]), (&json!(1), &json!("text")));
    assert!(pull().await.is_none(), "it is leased");

    let retry = json!({"acks": [], "retries": [{"lease_id": message["lease_id"], "delay_seconds": 0}]});
    assert_eq!(result(&edge, "/ack", &retry).await["retryCount"], 1);
    let again = pull().await.expect("it was given back");
    assert_eq!((&again["id"], &again["attempts"]), (&message["id"], &json!(2)));

    let ack = json!({"acks": [{"lease_id": again["lease_id"]}, {"lease_id": message["lease_id"]}]});
    let acked = result(&edge, "/ack", &ack).await;
    assert_eq!(acked["ackCount"], 1);
    let stale = message["lease_id"].as_str().expect("a lease");
    assert!(acked["warnings"][stale].is_string(), "a stale lease is a warning: {acked}");
    assert!(pull().await.is_none());
}

#[tokio::test]
async fn only_the_queues_token_opens_it() {
    let edge = Edge::shared();
    let ann = edge.sign_up("ann").await;
    for call in [edge.post(&format!("{MESSAGES}/pull"), &json!({})), ann.post(&format!("{MESSAGES}/pull"), &json!({}))]
    {
        let refused = call.send().await.expect(401).json();
        assert_eq!((&refused["success"], refused["errors"][0]["code"].is_number()), (&json!(false), true));
    }
    let elsewhere = MESSAGES.replace("training", "nowhere");
    edge.post(&format!("{elsewhere}/pull"), &json!({})).bearer(&setting("QUEUE_TOKEN")).send().await.expect(404);
    let ahead = call(&edge, "/pull", &json!({"batch_size": 101})).await.expect(400).json();
    assert_eq!(ahead["success"], false);
}

#[test]
fn the_official_client_works_with_only_its_base_url_changed() {
    let state = State::new();
    let own = DedicatedEdge::start(&state, 5000, 0);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/node/cloudflare-queue.mjs");
    let mut client = Command::new(setting("NODE_BIN"));
    client.arg(script).env("CLOUDFLARE_BASE_URL", format!("{}/client/v4", own.edge.url));
    let status = client.env("CLOUDFLARE_API_TOKEN", setting("QUEUE_TOKEN")).status().expect("Node starts");
    assert!(status.success(), "the client found something else than Cloudflare's queue");
}
