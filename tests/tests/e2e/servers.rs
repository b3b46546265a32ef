//! Runners' registrations, as administrators see them.

use serde_json::json;
use tests::{Edge, Runner, unique};

#[tokio::test]
async fn administrators_see_runners_and_nobody_else_does() {
    let edge = Edge::shared();
    let (ann, admin) = (edge.sign_up("ann").await, edge.admin().await);
    let runner = Runner::register(&edge).await;
    let path = format!("/api/servers/{}", runner.id);
    let beat = json!({"status": "working", "models": ["tiny"]});
    edge.post(&format!("{path}/heartbeat"), &beat).bearer(&runner.token).send().await.expect(200);
    let seen = admin.get(&path).send().await.expect(200);
    assert_eq!(seen.json()["name"], json!(runner.name));
    for secret in [runner.by.secret.text(), runner.token.clone()] {
        assert!(!seen.text().contains(&secret), "a secret is shown once");
    }
    ann.get(&path).send().await.refused(404, "not_found");
    ann.get("/api/servers").send().await.refused(403, "forbidden");
    edge.get("/api/servers").send().await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn tokens_of_users_and_runners_are_not_taken_for_each_other() {
    let edge = Edge::shared();
    let (ann, runner) = (edge.sign_up("ann").await, Runner::register(&edge).await);
    let beat = json!({"status": "idle", "models": []});
    let path = format!("/api/servers/{}/heartbeat", runner.id);
    ann.post(&path, &beat).send().await.refused(401, "invalid_token");
    edge.get("/api/account").bearer(&runner.token).send().await.refused(401, "invalid_token");
    let body = json!({"name": unique("r"), "type": "inference", "gpu": "", "memory": 0, "version": "", "models": []});
    ann.post("/api/servers/register", &body).send().await.refused(401, "invalid_token");
}

#[tokio::test]
async fn registering_again_ends_the_earlier_registration() {
    let edge = Edge::shared();
    let first = Runner::register(&edge).await;
    let second = Runner::register_as(&edge, &first.name).await;
    assert_eq!(first.id, second.id);
    let beat = json!({"status": "idle", "models": []});
    let path = format!("/api/servers/{}/heartbeat", first.id);
    edge.post(&path, &beat).bearer(&first.token).send().await.expect(401);
    edge.post(&path, &beat).bearer(&second.token).send().await.expect(200);
    first.try_claim(1).await.refused(401, "invalid_signature");
}
