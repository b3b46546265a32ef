//! The routes over in-memory SQLite with the real migrations; tasks change as the database sees it.

mod delivering;

use edge::native::{Account, Kit};
use serde_json::{Value, json};

fn kit() -> Kit {
    Kit::new(crate::routes())
}

async fn webhook(kit: &Kit, by: &Account, body: Value) -> Value {
    kit.wait(1);
    let made = kit.post("/api/webhooks", body).by(by).send().await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()
}

#[test]
fn openapi_is_fresh() {
    Kit::check_openapi(&crate::routes(), env!("CARGO_MANIFEST_DIR"));
}

#[tokio::test]
async fn a_webhook_from_beginning_to_end() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let body = json!({"url": "https://example.com/hook", "events": ["task.failed", "task.succeeded", "task.failed"]});
    let made = kit.post("/api/webhooks", body).by(&ann).send().await;
    assert_eq!((made.status, made.header("location")), (201, "/api/webhooks/1"));
    let mut made = made.json();
    let secret = made.as_object_mut().unwrap().remove("secret").unwrap();
    let expected = json!({"id": 1, "url": "https://example.com/hook", "events": ["task.failed", "task.succeeded"],
        "active": true, "failing": false, "standing": true, "version": 1, "user_id": ann.id,
        "created_at": "2026-11-20T00:00:00.000Z", "updated_at": "2026-11-20T00:00:00.000Z"});
    assert_eq!(made, expected);
    assert_eq!(kit.get("/api/webhooks/1").by(&ann).send().await.json(), expected);
    let shown = kit.get("/api/webhooks/1/secret").by(&ann).send().await.json();
    assert_eq!(shown, json!({"secret": secret, "version": 1}));
    assert!(domain::webhook::Secret::parse(secret.as_str().unwrap()).is_some());
    let reader = kit.key(&ann, &["read"]).await;
    assert_eq!(kit.get("/api/webhooks/1").by(&reader).send().await.status, 200);
    assert_eq!(kit.get("/api/webhooks/1/secret").by(&reader).send().await.error(), "missing_scope");

    kit.wait(5000);
    let changed = kit.patch("/api/webhooks/1", json!({"events": ["task.created"]})).by(&ann).send().await.json();
    assert_eq!((&changed["events"], &changed["url"]), (&json!(["task.created"]), &expected["url"]));
    assert_eq!(changed["updated_at"], "2026-11-20T00:00:05.000Z");
    let rotated = kit.post("/api/webhooks/1/rotate", json!({})).by(&ann).send().await.json();
    assert_eq!(rotated["version"], 2);
    assert!(rotated["secret"].is_string() && rotated["secret"] != secret);

    assert_eq!(kit.delete("/api/webhooks/1").by(&ann).send().await.status, 204);
    let never = kit.get("/api/webhooks/9").by(&ann).send().await;
    assert_eq!((never.status, &kit.get("/api/webhooks/1").by(&ann).send().await.bytes), (404, &never.bytes));
    let all = webhook(&kit, &ann, json!({"url": "https://example.com/"})).await;
    assert_eq!(all["events"].as_array().unwrap().len(), domain::webhook::EVENTS.len(), "all when none is said");
}

#[tokio::test]
async fn the_earlier_profile() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let made =
        kit.post("/api/webhooks?profile=v0", json!({"url": "https://example.com/"})).by(&ann).send().await.json();
    assert_eq!((&made["id"], &made["user"]["user_name"]), (&json!("1"), &json!("ann")));
    let now = kit.get("/api/webhooks/1/secret").by(&ann).send().await.json();
    assert_eq!(made["secret"], now["secret"]);
    let list = kit.get("/api/webhooks?profile=v0").by(&ann).send().await.json();
    assert!(list["list"][0]["createdAt"].is_string() && list["list"][0].get("secret").is_none());
}

#[tokio::test]
async fn webhooks_are_their_owners_and_administrators() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    webhook(&kit, &ann, json!({"url": "https://a.example.com/", "events": ["task.failed"]})).await;
    kit.sql("INSERT INTO tasks (name, type, status, params, user_id, finished_at, created_at, updated_at) VALUES ('t', 'inference', 'waiting', '{}', 1, NULL, 0, 0)", []).await;
    kit.sql("UPDATE tasks SET status = 'error', error_code = 'x', finished_at = 1", []).await;
    let never = kit.get("/api/webhooks/9").by(&bob).send().await;
    for (method, path) in [
        ("GET", "/api/webhooks/1"),
        ("PATCH", "/api/webhooks/1"),
        ("DELETE", "/api/webhooks/1"),
        ("GET", "/api/webhooks/1/secret"),
        ("POST", "/api/webhooks/1/rotate"),
        ("GET", "/api/webhooks/1/deliveries"),
        ("POST", "/api/webhooks/1/deliveries/1/replay"),
    ] {
        let call = || kit.call(method, path).json(json!({"active": false}));
        let reply = call().by(&bob).send().await;
        assert_eq!((reply.status, &reply.bytes), (404, &never.bytes), "{method} {path}");
        let reply = call().send().await;
        assert!(matches!(reply.status, 401 | 404), "{method} {path}: {}", reply.text());
    }
    for (who, total) in [(&ann, 1), (&bob, 0), (&root, 1)] {
        assert_eq!(kit.get("/api/webhooks").by(who).send().await.json()["total"], total);
    }
    assert_eq!(kit.get("/api/webhooks").send().await.status, 401);
    assert_eq!(kit.get("/api/webhooks/1/secret").by(&root).send().await.error(), "forbidden");
    assert_eq!(kit.post("/api/webhooks/1/rotate", json!({})).by(&root).send().await.error(), "forbidden");
    assert_eq!(kit.number("SELECT version FROM webhooks").await, 1);
    assert_eq!(kit.get("/api/webhooks/1/deliveries").by(&root).send().await.json()["total"], 1);
    // Another webhook's delivery, under one's own webhook.
    webhook(&kit, &bob, json!({"url": "https://b.example.com/"})).await;
    let foreign = kit.post("/api/webhooks/2/deliveries/1/replay", json!({})).by(&bob).send().await;
    assert_eq!(foreign.bytes, never.bytes);
    assert_eq!(kit.get("/api/webhooks/2/deliveries").by(&bob).send().await.json()["total"], 0);
    assert_eq!(kit.patch("/api/webhooks/1", json!({"active": false})).by(&root).send().await.json()["active"], false);
}

#[tokio::test]
async fn lists_and_filters() {
    let kit = kit();
    let ann = kit.user("ann").await;
    for url in ["https://a.example.com/x", "https://b.example.com/y"] {
        webhook(&kit, &ann, json!({"url": url})).await;
    }
    kit.patch("/api/webhooks/2", json!({"active": false})).by(&ann).send().await;
    for (query, total) in [
        ("active=true", 1),
        ("active=false", 1),
        ("search=b.ex", 1),
        ("user=me", 2),
        ("user=9", 0),
        ("standing=false", 0),
    ] {
        let reply = kit.get(&format!("/api/webhooks?{query}")).by(&ann).send().await;
        assert_eq!(reply.json()["total"], total, "{query}");
    }
    let order = |json: Value| json["list"].as_array().unwrap().iter().map(|w| w["id"].clone()).collect::<Vec<_>>();
    assert_eq!(order(kit.get("/api/webhooks").by(&ann).send().await.json()), [2, 1]);
    assert_eq!(order(kit.get("/api/webhooks?sort=date%2B").by(&ann).send().await.json()), [1, 2]);
    assert_eq!(kit.get("/api/webhooks?sort=x").by(&ann).send().await.error(), "unknown_sort:sort");
    let bad = kit.get("/api/webhooks/1/deliveries?status=lost").by(&ann).send().await;
    assert_eq!(bad.error(), "invalid_parameter:status");
}

#[tokio::test]
async fn bad_requests_are_named_and_change_nothing() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let url = "https://example.com/";
    for (body, error) in [
        (json!({}), "missing_parameter:url"),
        (json!({"url": null}), "missing_parameter:url"),
        (json!({"url": 7}), "invalid_parameter:url"),
        (json!({"url": ""}), "invalid_parameter:url"),
        (json!({"url": "http://localhost/"}), "invalid_parameter:url"),
        (json!({"url": "http://127.0.0.1:8080/"}), "invalid_parameter:url"),
        (json!({"url": "http://169.254.169.254/"}), "invalid_parameter:url"),
        (json!({"url": "http://a:b@example.com/"}), "invalid_parameter:url"),
        (json!({"url": "ftp://example.com/"}), "invalid_parameter:url"),
        (json!({"url": format!("https://example.com/{}", "x".repeat(3000))}), "invalid_parameter:url"),
        (json!({"url": url, "events": []}), "invalid_parameter:events"),
        (json!({"url": url, "events": "task.failed"}), "invalid_parameter:events"),
        (json!({"url": url, "events": ["task.exploded"]}), "invalid_parameter:events"),
        (json!({"url": url, "events": vec!["task.failed"; 99]}), "invalid_parameter:events"),
        (json!([]), "malformed_json"),
    ] {
        let reply = kit.post("/api/webhooks", body.clone()).by(&ann).send().await;
        assert_eq!((reply.status, reply.error().as_str()), (400, error), "{body}");
    }
    for (body, status) in [("", 400), ("{\"url\":\"\\ud800\"}", 400), (&"[".repeat(70_000), 413)] {
        let reply = kit.call("POST", "/api/webhooks").body("application/json", body).by(&ann).send().await;
        assert_eq!(reply.status, status);
    }
    assert_eq!(kit.number("SELECT count(*) FROM webhooks").await, 0);
    webhook(&kit, &ann, json!({"url": url})).await;
    assert_eq!(kit.patch("/api/webhooks/1", json!({})).by(&ann).send().await.error(), "nothing_to_change");
    let inside = kit.patch("/api/webhooks/1", json!({"url": "http://[::1]/"})).by(&ann).send().await;
    assert_eq!(inside.error(), "invalid_parameter:url");
    for path in
        ["/api/webhooks/0/secret", "/api/webhooks/x/deliveries", "/api/webhooks/1/deliveries/9007199254740992/replay"]
    {
        let method = if path.ends_with("replay") { "POST" } else { "GET" };
        assert_eq!(kit.call(method, path).by(&ann).send().await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn fifty_a_user() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    kit.sql(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) \
         INSERT INTO webhooks (user_id, url, events, standing, created_at, updated_at) \
         SELECT 1, 'https://example.com/' || i, '[]', i <= 49, 0, 0 FROM n",
        [],
    )
    .await;
    let body = || json!({"url": "https://example.com/"});
    let last = || kit.post("/api/webhooks", body()).by(&ann).header("idempotency-key", "k");
    assert_eq!(last().send().await.status, 201, "those of single tasks are not counted");
    let refused = kit.post("/api/webhooks", body()).by(&ann).send().await;
    assert_eq!((refused.status, refused.error().as_str()), (409, "webhook_limit"));
    assert_eq!(last().send().await.status, 201, "a repeat is no further one");
    assert_eq!(kit.post("/api/webhooks", body()).by(&bob).send().await.status, 201);
    assert_eq!(kit.number("SELECT count(*) FROM webhooks").await, 102);
}

#[tokio::test]
async fn creating_again_with_the_same_key_replays() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let call =
        || kit.post("/api/webhooks", json!({"url": "https://example.com/"})).by(&ann).header("idempotency-key", "k");
    let first = call().send().await;
    kit.post("/api/webhooks/1/rotate", json!({})).by(&ann).send().await;
    let again = call().send().await;
    assert_eq!((first.status, &first.bytes), (again.status, &again.bytes));
    let kept = kit.sql("SELECT response FROM idempotency", []).await;
    assert!(!kept.first().unwrap().text("response").unwrap().contains("whsec_"), "secrets are not stored");
    let other =
        kit.post("/api/webhooks", json!({"url": "https://example.com/2"})).by(&ann).header("idempotency-key", "k");
    assert_eq!(other.send().await.status, 422);
}

#[tokio::test]
async fn one_round_trip_each() {
    let kit = kit();
    let ann = kit.user("ann").await;
    webhook(&kit, &ann, json!({"url": "https://example.com/"})).await;
    kit.sql("INSERT INTO tasks (name, type, status, params, user_id, created_at, updated_at) VALUES ('t', 'inference', 'waiting', '{}', 1, 0, 0)", []).await;
    kit.batches();
    for (method, path) in [
        ("GET", "/api/webhooks"),
        ("POST", "/api/webhooks"),
        ("GET", "/api/webhooks/1"),
        ("PATCH", "/api/webhooks/1"),
        ("POST", "/api/webhooks/1/rotate"),
        ("GET", "/api/webhooks/1/secret"),
        ("GET", "/api/webhooks/1/deliveries"),
        ("POST", "/api/webhooks/1/deliveries/1/replay"),
        ("DELETE", "/api/webhooks/1"),
    ] {
        let body = json!({"url": "https://example.com/"});
        let reply = kit.call(method, path).json(body).header("idempotency-key", "k").by(&ann).send().await;
        assert!(reply.status < 300, "{method} {path}: {}", reply.text());
        assert_eq!(kit.batches(), 1, "{method} {path}");
    }
}

#[tokio::test]
async fn without_a_key_of_the_deployment_nothing_is_signed() {
    let mut kit = kit();
    let ann = kit.user("ann").await;
    kit.config.runner_key = "short".into();
    let refused = kit.post("/api/webhooks", json!({"url": "https://example.com/"})).by(&ann).send().await;
    assert_eq!((refused.status, refused.error().as_str()), (503, "unavailable"));
}
