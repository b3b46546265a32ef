//! One's own account.

use serde_json::json;
use tests::{Edge, unique};

#[tokio::test]
async fn a_new_password_ends_all_other_sessions() {
    let edge = Edge::shared();
    let ann = edge.sign_up("ann").await;
    let elsewhere = edge.log_in(&ann.email, &ann.password).await;
    let token = elsewhere["token"].as_str().expect("a token");
    edge.get("/api/tags").bearer(token).send().await.expect(200);

    let new = unique("another password");
    let wrong = json!({"password": new, "current_password": "wrong password"});
    ann.patch("/api/account", &wrong).send().await.refused(403, "wrong_password");
    let right = json!({"password": new, "current_password": ann.password});
    ann.patch("/api/account", &right).send().await.expect(200);

    ann.get("/api/tags").send().await.expect(200);
    edge.get("/api/tags").bearer(token).send().await.refused(401, "invalid_token");
    let old = json!({"email": ann.email, "password": ann.password});
    edge.post("/api/sessions", &old).send().await.refused(401, "invalid_credentials");
    edge.log_in(&ann.email, &new).await;
}

#[tokio::test]
async fn an_account_shows_its_user_and_session() {
    let ann = Edge::shared().sign_up("ann").await;
    let account = ann.get("/api/account").send().await.expect(200).json();
    let shown = (&account["id"], &account["email"], &account["session_id"]);
    assert_eq!(shown, (&json!(ann.id), &json!(ann.email), &ann.session["id"]));
    assert!(account.get("password").is_none());
    let v0 = ann.get("/api/account?profile=v0").send().await.expect(200).json();
    assert_eq!(v0["sessionId"], ann.session["id"]);
}
