//! The routes over in-memory SQLite with the real migrations; tasks change as the database sees it.

mod delivery;

use protocol::webhook::{EVENTS, Secret};
use serde_json::{Value, json};
use testkit::rules::{self, CreatedBy, Resource, SeenBy};
use testkit::{Account, Kit, golden};

/// A waiting task of the first user.
const TASK: &str = "INSERT INTO tasks (name, type, status, params, user_id, created_at, updated_at) \
    VALUES ('t', 'inference', 'waiting', '{}', 1, 0, 0)";

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
async fn webhooks_keep_the_rules_of_every_resource() {
    let resource = Resource {
        path: "/api/webhooks",
        create: &|n| json!({"url": format!("https://example.com/{n}")}),
        change: Some(json!({"active": false})),
        seen_by: SeenBy::OwnerAlone,
        created_by: CreatedBy::Users,
    };
    resource.check(&kit()).await;
}

#[tokio::test]
async fn replies_are_those_of_the_golden_file() {
    let kit = kit();
    let ann = kit.user("ann").await;
    webhook(&kit, &ann, json!({"url": "https://example.com/hook", "events": ["task.created", "model.ready"]})).await;
    // The database draws an event's id at random, so this one is inserted.
    kit.sql(
        "INSERT INTO events (event_id, type, ended, user_id, task_id, body, created_at) \
         VALUES ('evt_1', 'task.created', 0, ?1, 3, '{}', ?2)",
        [ann.id.into(), kit.now().0.into()],
    )
    .await;
    let log = r#"[{"time":"2026-11-20T00:00:00.000Z","status":500,"error":"the answer was 500"}]"#;
    kit.sql("UPDATE deliveries SET log = ?1", [log.into()]).await;
    let paths = ["/api/webhooks", "/api/webhooks/1", "/api/webhooks/1/deliveries"];
    golden::check(&kit, env!("CARGO_MANIFEST_DIR"), "webhooks", &ann, &paths).await;
}

#[tokio::test]
async fn watchers_are_told_of_a_new_secret_and_not_what_it_is() {
    let kit = kit();
    let ann = kit.user("ann").await;
    webhook(&kit, &ann, json!({"url": "https://example.com/hook"})).await;
    kit.published().await;
    kit.batches();
    kit.post("/api/webhooks/1/rotate", json!({})).by(&ann).send().await;
    assert_eq!(kit.batches(), 1);
    let published = kit.published().await;
    let [(room, event)] = published.as_slice() else { panic!("{published:?}") };
    let frame = event.owner.as_ref().and_then(|frame| frame.text("v1")).unwrap();
    assert!(room == "webhooks/1" && frame.contains(r#""version":2"#) && !frame.contains("whsec_"), "{frame}");
    assert!(event.public.is_none() && event.seq > kit.now().0);
}

#[tokio::test]
async fn a_webhook_is_created_changed_rotated_and_deleted() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let body = json!({"url": "https://example.com/hook", "events": ["task.failed", "task.succeeded", "task.failed"]});
    let made = kit.post("/api/webhooks", body).by(&ann).send().await;
    assert_eq!((made.status, made.header("location")), (201, "/api/webhooks/1"));
    let mut made = made.json();
    testkit::assert_shape(&crate::WITH_SECRET, &made);
    let secret = made.as_object_mut().unwrap().remove("secret").unwrap();
    let expected = json!({"id": 1, "url": "https://example.com/hook", "events": ["task.failed", "task.succeeded"],
        "active": true, "failing": false, "standing": true, "version": 1, "user_id": ann.id,
        "created_at": "2026-11-20T00:00:00.000Z", "updated_at": "2026-11-20T00:00:00.000Z"});
    assert_eq!(made, expected);
    assert_eq!(kit.get("/api/webhooks/1").by(&ann).send().await.json(), expected);
    let shown = kit.get("/api/webhooks/1/secret").by(&ann).send().await.json();
    assert_eq!(shown, json!({"secret": secret, "version": 1}));
    testkit::assert_shape(&crate::SECRET, &shown);
    assert!(Secret::parse(secret.as_str().unwrap()).is_some());
    let reader = kit.key(&ann, &["read"]).await;
    assert_eq!(kit.get("/api/webhooks/1").by(&reader).send().await.status, 200);
    assert_eq!(kit.get("/api/webhooks/1/secret").by(&reader).send().await.error(), "missing_scope");

    kit.wait(5000);
    let changed = kit.patch("/api/webhooks/1", json!({"events": ["task.created"]})).by(&ann).send().await.json();
    assert_eq!((&changed["events"], &changed["url"]), (&json!(["task.created"]), &expected["url"]));
    assert_eq!(changed["updated_at"], "2026-11-20T00:00:05.000Z");
    let rotated = kit.post("/api/webhooks/1/rotate", json!({})).by(&ann).send().await.json();
    testkit::assert_shape(&crate::WITH_SECRET, &rotated);
    assert_eq!(rotated["version"], 2);
    assert!(rotated["secret"].is_string() && rotated["secret"] != secret);

    assert_eq!(kit.delete("/api/webhooks/1").by(&ann).send().await.status, 204);
    let never = kit.get("/api/webhooks/9").by(&ann).send().await;
    assert_eq!((never.status, &kit.get("/api/webhooks/1").by(&ann).send().await.bytes), (404, &never.bytes));
    let all = webhook(&kit, &ann, json!({"url": "https://example.com/"})).await;
    assert_eq!(all["events"].as_array().unwrap().len(), EVENTS.len(), "all when they are omitted");
}

#[tokio::test]
async fn v0_replies_carry_the_secret_too() {
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
async fn only_owners_and_administrators_see_a_webhook_and_only_owners_its_secret() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    webhook(&kit, &ann, json!({"url": "https://a.example.com/", "events": ["task.failed"]})).await;
    kit.sql(TASK, []).await;
    kit.sql("UPDATE tasks SET status = 'error', error_code = 'x', finished_at = 1", []).await;
    let never = kit.get("/api/webhooks/9").by(&bob).send().await;
    for (method, path) in [
        ("GET", "/api/webhooks/1/secret"),
        ("POST", "/api/webhooks/1/rotate"),
        ("GET", "/api/webhooks/1/deliveries"),
        ("POST", "/api/webhooks/1/deliveries/1/replay"),
    ] {
        let call = || kit.call(method, path).json(json!({"active": false}));
        let reply = call().by(&bob).send().await;
        assert_eq!((reply.status, &reply.bytes), (404, &never.bytes), "{method} {path}");
        assert_eq!(call().send().await.refusal(), "401 unauthenticated", "{method} {path}");
    }
    assert_eq!(kit.get("/api/webhooks").by(&root).send().await.json()["total"], 1);
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
async fn lists_are_filtered_and_sorted() {
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
    assert_eq!(kit.get("/api/webhooks").by(&ann).send().await.column("id"), ["2", "1"]);
    assert_eq!(kit.get("/api/webhooks?sort=date%2B").by(&ann).send().await.column("id"), ["1", "2"]);
    let bad = kit.get("/api/webhooks/1/deliveries?status=lost").by(&ann).send().await;
    assert_eq!(bad.error(), "invalid_parameter:status");
}

#[tokio::test]
async fn refused_requests_name_the_field_and_change_nothing() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let url = "https://example.com/";
    let refusals = [
        (json!({}), "400 missing_parameter:url"),
        (json!({"url": null}), "400 missing_parameter:url"),
        (json!({"url": 7}), "400 invalid_parameter:url"),
        (json!({"url": ""}), "400 invalid_parameter:url"),
        (json!({"url": "http://localhost/"}), "400 invalid_parameter:url"),
        (json!({"url": "http://127.0.0.1:8080/"}), "400 invalid_parameter:url"),
        (json!({"url": "http://169.254.169.254/"}), "400 invalid_parameter:url"),
        (json!({"url": "http://a:b@example.com/"}), "400 invalid_parameter:url"),
        (json!({"url": "ftp://example.com/"}), "400 invalid_parameter:url"),
        (json!({"url": format!("https://example.com/{}", "x".repeat(3000))}), "400 invalid_parameter:url"),
        (json!({"url": url, "events": []}), "400 invalid_parameter:events"),
        (json!({"url": url, "events": "task.failed"}), "400 invalid_parameter:events"),
        (json!({"url": url, "events": ["task.exploded"]}), "400 invalid_parameter:events"),
        (json!({"url": url, "events": vec!["task.failed"; 99]}), "400 invalid_parameter:events"),
    ];
    rules::refuses_bodies(&kit, "POST", "/api/webhooks", &ann, &refusals).await;
    rules::refuses_malformed_bodies(&kit, "POST", "/api/webhooks", &ann).await;
    assert_eq!(kit.number("SELECT count(*) FROM webhooks").await, 0);
    webhook(&kit, &ann, json!({"url": url})).await;
    let refusals = [
        (json!({"url": "http://[::1]/"}), "400 invalid_parameter:url"),
        (json!({"events": []}), "400 invalid_parameter:events"),
        (json!({"active": "no"}), "400 invalid_parameter:active"),
    ];
    rules::refuses_bodies(&kit, "PATCH", "/api/webhooks/1", &ann, &refusals).await;
    for path in
        ["/api/webhooks/0/secret", "/api/webhooks/x/deliveries", "/api/webhooks/1/deliveries/9007199254740992/replay"]
    {
        let method = if path.ends_with("replay") { "POST" } else { "GET" };
        assert_eq!(kit.call(method, path).by(&ann).send().await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_user_has_at_most_fifty_webhooks() {
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
    assert_eq!(last().send().await.status, 201, "webhooks of single tasks are not counted");
    let refused = kit.post("/api/webhooks", body()).by(&ann).send().await;
    assert_eq!((refused.status, refused.error().as_str()), (409, "webhook_limit"));
    assert_eq!(last().send().await.status, 201, "a repeat is no further one");
    assert_eq!(kit.post("/api/webhooks", body()).by(&bob).send().await.status, 201);
    assert_eq!(kit.number("SELECT count(*) FROM webhooks").await, 102);
}

#[tokio::test]
async fn a_repeated_creation_gets_the_first_secret_which_is_not_stored() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let create =
        || kit.post("/api/webhooks", json!({"url": "https://example.com/"})).by(&ann).header("idempotency-key", "k");
    let first = create().send().await;
    kit.post("/api/webhooks/1/rotate", json!({})).by(&ann).send().await;
    let again = create().send().await;
    assert_eq!((first.status, &first.bytes), (again.status, &again.bytes));
    let stored = kit.sql("SELECT response FROM idempotency", []).await;
    assert!(!stored.first().unwrap().text("response").unwrap().contains("whsec_"));
}

#[tokio::test]
async fn the_sixth_rotation_in_a_day_waits_for_the_first_to_end() {
    let kit = kit();
    let ann = kit.user("ann").await;
    webhook(&kit, &ann, json!({"url": "https://example.com/"})).await;
    let rotate = || kit.post("/api/webhooks/1/rotate", json!({})).by(&ann).send();
    for version in 2..=6 {
        assert_eq!(rotate().await.json()["version"], version);
        kit.wait(3_600_000);
    }
    let refused = rotate().await;
    assert_eq!((refused.refusal().as_str(), refused.header("retry-after")), ("429 too_many_requests", "68400"));
    assert_eq!(kit.number("SELECT version FROM webhooks").await, 6);
    kit.wait(19 * 3_600_000);
    assert_eq!(rotate().await.json()["version"], 7);
    assert_eq!(rotate().await.status, 429);
}

#[tokio::test]
async fn each_operation_on_secrets_and_deliveries_is_one_transaction() {
    let kit = kit();
    let ann = kit.user("ann").await;
    webhook(&kit, &ann, json!({"url": "https://example.com/"})).await;
    kit.sql(TASK, []).await;
    kit.batches();
    for (method, path) in [
        ("POST", "/api/webhooks/1/rotate"),
        ("GET", "/api/webhooks/1/secret"),
        ("GET", "/api/webhooks/1/deliveries"),
        ("POST", "/api/webhooks/1/deliveries/1/replay"),
    ] {
        let reply = kit.call(method, path).by(&ann).send().await;
        assert!(reply.status < 300, "{method} {path}: {}", reply.text());
        assert_eq!(kit.batches(), 1, "{method} {path}");
    }
}

#[tokio::test]
async fn without_a_runner_key_there_are_no_secrets() {
    let mut kit = kit();
    let ann = kit.user("ann").await;
    kit.config.runner_key = "short".into();
    let refused = kit.post("/api/webhooks", json!({"url": "https://example.com/"})).by(&ann).send().await;
    assert_eq!((refused.status, refused.error().as_str()), (503, "unavailable"));
}

#[tokio::test]
async fn lists_read_no_more_than_they_show() {
    // Deliveries are listed of one webhook alone, which has an index.
    testkit::plans::check(&crate::routes(), &["deliveries"]).await;
}
