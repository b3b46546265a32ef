//! Requests that are refused: without the token, or with a body that is none.

use serde_json::json;

use super::{BASE, call, error, kit, pull, result};

#[tokio::test]
async fn requests_need_the_queue_token() {
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
        assert_eq!(unread.status, 401, "refused before the body is read");
    }
    let unknown = kit.post(&BASE.replace("inference", "other"), json!({})).send().await;
    assert_eq!(unknown.status, 401, "the names of queues are not revealed");
    kit.config.queue_token.clear();
    assert_eq!(
        kit.post(BASE, json!({"body": "x"})).bearer("").send().await.status,
        401,
        "without a configured token nobody may use the queue"
    );
    assert_eq!(kit.number("SELECT count(*) FROM queue_messages").await, 0);
}

#[tokio::test]
async fn refused_requests_name_the_field_and_change_nothing() {
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
