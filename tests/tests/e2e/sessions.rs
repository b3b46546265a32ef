//! Logging in and out, and that every function hears of it at once.

use serde_json::json;
use tests::{Edge, unique};

#[tokio::test]
async fn a_log_out_is_effective_in_every_function_on_the_next_request() {
    let ann = Edge::shared().sign_up("ann").await;
    let paths = ["/api/tags", "/api/tasks", "/api/users", "/api/account", "/api/sessions"];
    for path in paths {
        ann.get(path).send().await.expect(200);
    }
    let session = ann.session["id"].as_str().expect("a session has an id");
    ann.delete(&format!("/api/sessions/{session}")).send().await.expect(204);
    for path in paths {
        ann.get(path).send().await.refused(401, "invalid_token");
    }
    ann.post("/api/tags", &json!({"name": unique("tag")})).send().await.refused(401, "invalid_token");
}

#[tokio::test]
async fn sessions_are_seen_by_their_user_and_administrators() {
    let edge = Edge::shared();
    let (ann, bob, admin) = (edge.sign_up("ann").await, edge.sign_up("bob").await, edge.admin().await);
    let path = format!("/api/sessions/{}", ann.session["id"].as_str().expect("an id"));
    assert!(ann.session.get("password").is_none());
    let mine = ann.get("/api/sessions").send().await.expect(200).json();
    assert_eq!((&mine["total"], &mine["list"][0]["user_id"]), (&json!(1), &json!(ann.id)));
    assert!(mine["list"][0].get("token").is_none(), "a token is shown once");
    bob.get(&path).send().await.refused(404, "not_found");
    bob.delete(&path).send().await.refused(404, "not_found");
    admin.get(&path).send().await.expect(200);
    edge.get("/api/sessions").send().await.refused(401, "unauthenticated");
    let renamed = ann.patch(&path, &json!({"name": "phone"})).send().await.expect(200).json();
    assert_eq!(renamed["name"], "phone");
}

#[tokio::test]
async fn a_wrong_address_and_a_wrong_password_look_the_same() {
    let edge = Edge::shared();
    let ann = edge.sign_up("ann").await;
    let try_in = async |email: &str| {
        let body = json!({"email": email, "password": "not the password"});
        edge.post("/api/sessions", &body).send().await.refused(401, "invalid_credentials")
    };
    let (known, unknown) = (try_in(&ann.email).await, try_in(&format!("{}@example.org", unique("no"))).await);
    assert_eq!(known.bytes, unknown.bytes);
}

#[tokio::test]
async fn tokens_travel_in_two_headers_and_cannot_be_bent() {
    let ann = Edge::shared().sign_up("ann").await;
    ann.edge.get("/api/account").header("token", ann.token()).send().await.expect(200);
    let (head, tag) = ann.token().rsplit_once('.').expect("a JWT");
    for bent in [format!("{head}."), format!("{head}.{}", tag.to_lowercase()), "x.y.z".into(), "null".into()] {
        ann.edge.get("/api/account").bearer(&bent).send().await.refused(401, "invalid_token");
        ann.edge.get("/api/tags").bearer(&bent).send().await.refused(401, "invalid_token");
    }
}
