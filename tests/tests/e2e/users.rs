//! Signing up, and who sees and changes what of a user.

use serde_json::json;
use tests::{Edge, unique};

#[tokio::test]
async fn an_address_is_shown_to_its_owner_and_administrators() {
    let edge = Edge::shared();
    let (ann, bob, admin) = (edge.sign_up("ann").await, edge.sign_up("bob").await, edge.admin().await);
    let path = format!("/api/users/{}", ann.id);
    for (who, sees) in [(&ann, true), (&bob, false), (&admin, true)] {
        let user = who.get(&path).send().await.expect(200).json();
        assert_eq!((&user["name"], user["email"] == json!(ann.email)), (&json!(ann.name), sees), "{user}");
        assert!(user.get("password").is_none());
    }
    let anyone = edge.get(&path).send().await.expect(200);
    assert!(!anyone.text().contains(&ann.email));
}

#[tokio::test]
async fn an_address_signs_up_once() {
    let edge = Edge::shared();
    let ann = edge.sign_up("ann").await;
    let again = json!({"email": ann.email.to_uppercase(), "password": "some password", "name": "x"});
    edge.post("/api/users", &again).send().await.refused(409, "email_taken");
    let short = json!({"email": format!("{}@example.com", unique("x")), "password": "short", "name": "x"});
    let refused = edge.post("/api/users", &short).send().await.refused(400, "invalid_parameter");
    assert_eq!(refused.error()["param"], "password");
}

#[tokio::test]
async fn nobody_makes_themselves_an_administrator_or_deletes_another() {
    let edge = Edge::shared();
    let (ann, bob) = (edge.sign_up("ann").await, edge.sign_up("bob").await);
    let (me, other) = (format!("/api/users/{}", ann.id), format!("/api/users/{}", bob.id));
    ann.patch(&me, &json!({"admin": true})).send().await.refused(403, "forbidden");
    ann.patch(&other, &json!({"name": "x"})).send().await.refused(403, "forbidden");
    ann.delete(&other).send().await.refused(403, "forbidden");
    bob.delete(&other).send().await.expect(204);
    bob.get("/api/tags").send().await.refused(401, "invalid_token");
    ann.get(&other).send().await.refused(404, "not_found");
}
