//! Points: who sees them, who gives them.

use domain::room::Audience;
use serde_json::{Value, json};
use testkit::{Account, assert_shape, rules};

use super::{kit, person, sign_up};
use crate::grants::BALANCE;

#[tokio::test]
async fn new_users_get_the_sign_up_points_once() {
    let mut kit = kit();
    kit.config.signup_points = 1000;
    let send = || kit.post("/api/users", person("ann")).header("idempotency-key", "k").send();
    let (first, again) = (send().await, send().await);
    assert_eq!((first.status, &first.json()["points"], &again.bytes), (201, &json!(1000), &first.bytes));
    assert_eq!(kit.get("/api/users/1").send().await.json()["points"], json!(null), "hidden from others");
    assert_eq!(sign_up(&kit, "ann").await.status, 409);
    assert_eq!(kit.number("SELECT balance FROM accounts WHERE id = 1").await, 1000);
    assert_eq!(kit.number("SELECT count(*) FROM grants WHERE kind = 'signup' AND granted_by IS NULL").await, 1);
    assert_eq!(kit.number("SELECT sum(balance) FROM accounts").await, 0);
}

#[tokio::test]
async fn watchers_of_a_user_are_told_of_given_points() {
    let kit = kit();
    let (ann, root) = (kit.user("ann").await, kit.admin("root").await);
    let path = format!("/api/users/{}", ann.id);
    kit.patch(&path, json!({"name": "an"})).by(&ann).send().await;
    let renamed = kit.published().await.remove(0).1;
    kit.batches();
    let given = kit.post(&format!("{path}/points"), json!({"points": 5})).by(&root).send().await;
    assert_eq!((given.status, kit.batches()), (201, 1), "{}", given.text());
    let published = kit.published().await;
    let [(room, event)] = published.as_slice() else { panic!("{published:?}") };
    let frame = |audience| event.frame(audience).and_then(|frame| frame.text("v1")).unwrap();
    assert_eq!(*room, format!("users/{}", ann.id));
    assert!(
        frame(Audience::Owner).contains(r#""points":100005"#) && frame(Audience::Public).contains(r#""points":null"#)
    );
    assert!(event.seq > renamed.seq, "a room drops what is not later");
}

#[tokio::test]
async fn points_are_seen_by_their_owner_and_administrators() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    let seen = |by: Option<&Account>| {
        let call = kit.get("/api/users?sort=name");
        let call = by.into_iter().fold(call, |call, by| call.by(by));
        async move {
            call.send().await.json()["list"].as_array().unwrap().iter().map(|u| u["points"].clone()).collect::<Vec<_>>()
        }
    };
    let (all, none) = (json!(100_000), Value::Null);
    assert_eq!(seen(None).await, [&none, &none, &none].map(Clone::clone));
    assert_eq!(seen(Some(&ann)).await, [&all, &none, &none].map(Clone::clone));
    assert_eq!(seen(Some(&root)).await, [&all, &all, &all].map(Clone::clone));
    assert_eq!(kit.get("/api/users/1?profile=v0").by(&ann).send().await.json()["points"], all);

    let path = format!("/api/users/{}/points", ann.id);
    assert_eq!(kit.get(&path).send().await.error(), "unauthenticated");
    assert_eq!(kit.get(&path).by(&bob).send().await.error(), "forbidden");
    assert_eq!(kit.get("/api/users/99/points").by(&bob).send().await.error(), "not_found");
    assert_eq!(kit.get("/api/users/99/points").by(&root).send().await.error(), "not_found");
    let (own, roots) = (kit.get(&path).by(&ann).send().await, kit.get(&path).by(&root).send().await);
    assert_eq!((own.status, &own.bytes), (200, &roots.bytes));
    assert_shape(&BALANCE, &own.json());
}

#[tokio::test]
async fn administrators_give_points() {
    let kit = kit();
    let (ann, root) = (kit.user("ann").await, kit.admin("root").await);
    let path = format!("/api/users/{}/points", ann.id);
    let end = kit.now().plus(5000).rfc3339();
    let give = |body: Value| kit.post(&path, body).by(&root);
    let made = give(json!({"points": 50, "reason": " 獎勵 ", "expiresAt": end})).send().await;
    let grant = json!({"id": 3, "user_id": ann.id, "kind": "grant", "points": 50, "remaining": 50, "reason": "獎勵",
        "granted_by": root.id, "expires_at": end, "created_at": "2026-11-20T00:00:00.000Z"});
    assert_eq!((made.status, made.json(), made.header("location")), (201, grant.clone(), ""));
    let later = kit.now().plus(9000).rfc3339();
    assert_eq!(give(json!({"points": 1, "expires_at": later})).send().await.status, 201);
    let shown = kit.get(&path).by(&ann).send().await.json();
    assert_eq!((&shown["points"], &shown["expires_at"]), (&json!(100_051), &json!(end)));
    assert_eq!((shown["grants"].as_array().unwrap().len(), &shown["grants"][1]), (3, &grant));

    kit.wait(5000);
    let shown = kit.get(&path).by(&ann).send().await.json();
    assert_eq!(
        (&shown["points"], &shown["expires_at"]),
        (&json!(100_001), &json!(later)),
        "what expired is not counted"
    );
    assert_eq!(shown["grants"][1]["remaining"], 0);
    assert_eq!(kit.get("/api/users/1").by(&ann).send().await.json()["points"], 100_001);
    kit.wait(4000);
    let v0 = kit.get(&format!("{path}?profile=v0")).by(&ann).send().await.json();
    assert_eq!((&v0["points"], &v0["expiresAt"], v0.get("expires_at")), (&json!(100_000), &json!(null), None));
    assert_eq!(
        (&v0["grants"][0]["user"]["user_name"], &v0["grants"][1]["grantedBy"]),
        (&json!("ann"), &json!(root.id))
    );
    assert_eq!(kit.number("SELECT sum(balance) FROM accounts").await, 0);
}

#[tokio::test]
async fn a_repeated_grant_is_given_once() {
    let kit = kit();
    let (ann, root) = (kit.user("ann").await, kit.admin("root").await);
    let path = format!("/api/users/{}/points", ann.id);
    let give = |points: i64| kit.post(&path, json!({"points": points})).header("idempotency-key", "k").by(&root);
    let (first, second) = (give(7).send().await, give(7).send().await);
    assert_eq!((first.status, second.status, &first.bytes), (201, 201, &second.bytes));
    assert_eq!(give(8).send().await.error(), "idempotency_key_reused:Idempotency-Key");
    let elsewhere = kit.post(&format!("/api/users/{}/points", root.id), json!({"points": 7}));
    assert_eq!(elsewhere.header("idempotency-key", "k").by(&root).send().await.status, 201, "another user");
    assert_eq!(kit.number("SELECT balance FROM accounts WHERE id = 1").await, 100_007);
}

#[tokio::test]
async fn bad_grants_and_grants_by_users_are_refused() {
    let kit = kit();
    let (ann, root) = (kit.user("ann").await, kit.admin("root").await);
    let path = format!("/api/users/{}/points", ann.id);
    rules::refuses_malformed_bodies(&kit, "POST", &path, &root).await;
    let refusals = [
        (json!({}), "400 missing_parameter:points"),
        (json!({"points": 0}), "400 invalid_parameter:points"),
        (json!({"points": -5}), "400 invalid_parameter:points"),
        (json!({"points": 1_000_000_001}), "400 invalid_parameter:points"),
        (json!({"points": 1e300}), "400 invalid_parameter:points"),
        (json!({"points": "5"}), "400 invalid_parameter:points"),
        (json!({"points": 5, "reason": "x".repeat(201)}), "400 invalid_parameter:reason"),
        (json!({"points": 5, "expires_at": "2026-11-20T00:00:00Z"}), "400 invalid_parameter:expires_at"),
        (json!({"points": 5, "expires_at": 5}), "400 invalid_parameter:expires_at"),
    ];
    rules::refuses_bodies(&kit, "POST", &path, &root, &refusals).await;
    let body = json!({"points": 5});
    assert_eq!(kit.post(&path, body.clone()).send().await.error(), "unauthenticated");
    assert_eq!(kit.post(&path, body.clone()).by(&ann).send().await.error(), "forbidden", "not to oneself either");
    assert_eq!(kit.post("/api/users/99/points", body.clone()).by(&ann).send().await.error(), "forbidden");
    assert_eq!(kit.post("/api/users/99/points", body.clone()).by(&root).send().await.error(), "not_found");
    let key = kit.key(&root, &["read", "tasks"]).await;
    assert_eq!(kit.post(&path, body.clone()).by(&key).send().await.error(), "missing_scope");
    assert_eq!(kit.patch(&path, body.clone()).by(&root).send().await.status, 405);
    assert_eq!(kit.post("/api/users/x/points", body).by(&root).send().await.status, 404);
    assert_eq!(kit.number("SELECT count(*) FROM entries WHERE kind <> 'grant' OR amount <> 100000").await, 0);
    kit.batches();
    kit.post(&path, json!({"points": 5})).header("idempotency-key", "k").by(&root).send().await;
    assert_eq!(kit.batches(), 1, "give");
    kit.get(&path).by(&root).send().await;
    assert_eq!(kit.batches(), 1, "read");
}
