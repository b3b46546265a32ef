//! API keys where tokens are: in every function, and gone from all of them at once.

use serde_json::{Value, json};
use tests::{Account, Edge, Watch, unique};

async fn make(by: &Account, scopes: &[&str]) -> (String, String) {
    let key = by.post("/api/keys", &json!({"name": unique("key"), "scopes": scopes})).send().await.expect(201);
    let text = key.json()["key"].as_str().expect("a new key shows its text").to_owned();
    (key.header("location").to_owned(), text)
}

#[tokio::test]
async fn a_key_opens_what_a_token_opens_until_it_is_revoked() {
    let ann = Edge::shared().sign_up("ann").await;
    let (path, key) = make(&ann, &["read", "tasks", "write"]).await;
    let paths = ["/api/tags", "/api/tasks", "/api/users", "/api/account", "/api/sessions", "/api/images", "/api/keys"];
    for path in paths {
        ann.edge.get(path).bearer(&key).send().await.expect(200);
        ann.edge.get(path).header("x-api-key", &key).send().await.expect(200);
    }
    let account = ann.edge.get("/api/account").header("token", &key).send().await.expect(200).json();
    assert_eq!((&account["id"], &account["session_id"]), (&json!(ann.id), &Value::Null));
    let tag = json!({"name": unique("tag")});
    ann.edge.post("/api/tags", &tag).bearer(&key).send().await.expect(201);
    let used = ann.get(&path).send().await.expect(200).json();
    assert!(used["last_used_at"].is_string() && used.get("key").is_none(), "{used}");

    ann.delete(&path).send().await.expect(204);
    for path in paths {
        ann.edge.get(path).bearer(&key).send().await.refused(401, "invalid_token");
        ann.edge.get(path).header("x-api-key", &key).send().await.refused(401, "invalid_token");
    }
    ann.edge.post("/api/tags", &tag).bearer(&key).send().await.refused(401, "invalid_token");
}

#[tokio::test]
async fn a_key_does_no_more_than_it_may() {
    let ann = Edge::shared().sign_up("ann").await;
    let (_, reads) = make(&ann, &["read"]).await;
    let (_, draws) = make(&ann, &["tasks"]).await;
    let tag = json!({"name": unique("tag")});
    let task = json!({"prompt": "a", "width": 64, "height": 64});
    ann.edge.post("/api/tags", &tag).bearer(&reads).send().await.refused(403, "missing_scope");
    ann.edge.post("/api/tasks", &task).bearer(&reads).send().await.refused(403, "missing_scope");
    ann.edge.post("/api/tags", &tag).bearer(&draws).send().await.refused(403, "missing_scope");
    ann.edge.get("/api/tags").bearer(&draws).send().await.refused(403, "missing_scope");
    let made = ann.edge.post("/api/tasks", &task).bearer(&draws).send().await.expect(201).json();
    let path = format!("/api/tasks/{}", made["id"]);
    let seen = ann.edge.get(&path).bearer(&reads).send().await.expect(200).json();
    assert_eq!(seen["user_id"], json!(ann.id));
    ann.delete(&path).send().await.expect(204);
}

#[tokio::test]
async fn sockets_open_with_keys_and_with_their_tickets() {
    let ann = Edge::shared().sign_up("ann").await;
    let (path, key) = make(&ann, &["read"]).await;
    let watched = format!("/api/users/{}", ann.id);
    let ticket = async || {
        let made = ann.edge.call("POST", "/api/tickets").bearer(&key).send().await.expect(201).json();
        format!("{watched}?ticket={}", made["ticket"].as_str().expect("a ticket"))
    };
    let frame = Watch::open(&ann.edge, &watched, Some(&key)).await.next().await.expect("a frame");
    assert_eq!(frame["email"], json!(ann.email));
    let once = ticket().await;
    assert_eq!(Watch::open(&ann.edge, &once, None).await.next().await.expect("a frame"), frame);
    assert_eq!(Watch::open(&ann.edge, &once, None).await.next().await, Err(4401));
    let unused = ticket().await;
    ann.delete(&path).send().await.expect(204);
    assert_eq!(Watch::open(&ann.edge, &unused, None).await.next().await, Err(4401), "revoked with its key");
    assert_eq!(Watch::open(&ann.edge, &watched, Some(&key)).await.next().await, Err(4401));
}

#[tokio::test]
async fn a_creation_said_twice_shows_one_key() {
    let ann = Edge::shared().sign_up("ann").await;
    let body = json!({"name": "twice"});
    let said = async || ann.post("/api/keys", &body).header("idempotency-key", "once").send().await.expect(201);
    let (first, again) = (said().await, said().await);
    assert_eq!(first.bytes, again.bytes);
    let key = again.json()["key"].as_str().expect("its text").to_owned();
    ann.edge.get("/api/account").bearer(&key).send().await.expect(200);
    assert_eq!(ann.get("/api/keys").send().await.expect(200).json()["total"], 1);
}
