//! Points from the administrators' side: what accounts begin with, grants, redeem codes, the price list.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Account, Edge, unique};

/// The tests' deployment gives every new account so many (SIGNUP_POINTS).
const WELCOME: i64 = 1000;

async fn points(who: &Account) -> i64 {
    who.get("/api/account").send().await.expect(200).json()["points"].as_i64().expect("one's own points")
}

#[tokio::test]
async fn an_account_begins_with_points_that_others_do_not_see() {
    let edge = Edge::shared();
    let (ann, bob, admin) = (edge.sign_up("ann").await, edge.sign_up("bob").await, edge.admin().await);
    assert_eq!(points(&ann).await, WELCOME);
    let path = format!("/api/users/{}", ann.id);
    for (who, sees) in [(&ann, json!(WELCOME)), (&bob, Value::Null), (&admin, json!(WELCOME))] {
        assert_eq!(who.get(&path).send().await.expect(200).json()["points"], sees);
    }
    bob.get(&format!("{path}/points")).send().await.refused(403, "forbidden");
    bob.post(&format!("{path}/points"), &json!({"points": 5})).send().await.refused(403, "forbidden");
}

#[tokio::test]
async fn twenty_clicks_give_points_once() {
    let edge = Edge::shared();
    let (ann, admin) = (edge.sign_up("ann").await, edge.admin().await);
    let (path, key) = (format!("/api/users/{}/points", ann.id), unique("key"));
    let body = json!({"points": 70, "reason": "獎勵", "expires_at": "2999-01-01T00:00:00Z"});
    let give = || admin.post(&path, &body).header("idempotency-key", &key).send();
    let answers = join_all((0..20).map(|_| give())).await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.bytes), (201, &answers[0].bytes), "{}", answer.text());
    }
    assert_eq!(points(&ann).await, WELCOME + 70);
    let shown = ann.get(&path).send().await.expect(200).json();
    assert_eq!((&shown["points"], &shown["expires_at"]), (&json!(WELCOME + 70), &json!("2999-01-01T00:00:00.000Z")));
    let grant = &shown["grants"][0];
    assert_eq!((&grant["points"], &grant["reason"], &grant["kind"]), (&json!(70), &json!("獎勵"), &json!("grant")));
    assert_eq!(shown["grants"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_code_for_two_is_redeemed_by_two_of_six_at_once() {
    let edge = Edge::shared();
    let admin = edge.admin().await;
    let body = json!({"points": 25, "max_uses": 2, "grant_days": 1, "note": unique("note")});
    let made = admin.post("/api/redeem-codes", &body).send().await.expect(201).json();
    let code = made["codes"][0]["code"].as_str().expect("a code").to_owned();
    let mut users = Vec::new();
    for _ in 0..6 {
        users.push(edge.sign_up("user").await);
    }
    let sent = json!({"code": code.to_lowercase()});
    // Everyone tries twice.
    let tries = users.iter().chain(&users).map(|user| user.post("/user/points/redeem", &sent).send());
    let answers = join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 2);
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 404 | 409)));
    let mut sums = 0;
    for user in &users {
        sums += points(user).await;
    }
    assert_eq!(sums, 6 * WELCOME + 2 * 25);

    let path = format!("/api/redeem-codes/{}", made["id"]);
    let shown = admin.get(&path).send().await.expect(200).json();
    assert_eq!((&shown["uses"], &shown["usable"], shown.get("code")), (&json!(2), &json!(false), None));
    users[0].get(&path).send().await.refused(404, "not_found");
    users[0].post("/api/redeem-codes", &body).send().await.refused(403, "forbidden");
    admin.delete(&path).send().await.expect(204);
    assert_eq!(users[0].post("/user/points/redeem", &sent).send().await.status, 404);
}

#[tokio::test]
async fn the_price_list_is_kept_by_administrators() {
    let edge = Edge::shared();
    let (ann, admin) = (edge.sign_up("ann").await, edge.admin().await);
    let list = edge.get("/api/points-config?standard=true").send().await.expect(200).json();
    assert_eq!(list["total"], 3, "of each type one is standard");
    for standard in list["list"].as_array().into_iter().flatten() {
        let path = format!("/api/points-config/{}", standard["id"]);
        admin.patch(&path, &json!({"enabled": false})).send().await.refused(409, "standard_price");
        admin.delete(&path).send().await.refused(409, "standard_price");
    }
    let name = unique("model");
    let body = json!({"model_name": name, "points_cost": 3, "task_type": "text_to_image", "aspect_ratio": "2:3",
        "size": 64, "defaults": {"num_inference_steps": 4}});
    ann.post("/api/points-config", &body).send().await.refused(403, "forbidden");
    let id = admin.make("/api/points-config", &body).await;
    admin.post("/api/points-config", &body).send().await.refused(409, "name_taken");
    let path = format!("/api/points-config/{id}");
    let bad = json!({"defaults": {"num_inference_steps": 0}});
    admin.patch(&path, &bad).send().await.refused(400, "invalid_parameter");
    let changed = admin.patch(&path, &json!({"points_cost": 4})).send().await.expect(200).json();
    assert_eq!((&changed["points_cost"], &changed["defaults"]), (&json!(4), &json!({"num_inference_steps": 4})));
    let found = edge.get(&format!("/api/points-config?search={name}")).send().await.expect(200).json();
    assert_eq!(found["list"], json!([changed]));
    admin.delete(&path).send().await.expect(204);
    edge.get(&path).send().await.refused(404, "not_found");
}
