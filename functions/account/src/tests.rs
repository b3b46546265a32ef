//! The routes over in-memory SQLite with the real migrations.

use serde_json::{Value, json};
use testkit::{Account, Kit, golden, rules};

const PASSWORD: &str = "correct horse 電池";

fn kit() -> Kit {
    Kit::new(crate::routes())
}

/// A user who knows their password.
async fn user(kit: &Kit, name: &str) -> Account {
    let account = kit.user(name).await;
    let phc = web::password::hash(&kit.runtime(), PASSWORD).unwrap();
    kit.sql("UPDATE users SET password = ?1 WHERE id = ?2", [phc.into(), account.id.into()]).await;
    account
}

#[test]
fn openapi_is_fresh() {
    Kit::check_openapi(&crate::routes(), env!("CARGO_MANIFEST_DIR"));
}

#[tokio::test]
async fn replies_are_those_of_the_golden_file() {
    let kit = kit();
    let ann = kit.user("ann").await;
    golden::check(&kit, env!("CARGO_MANIFEST_DIR"), "account", &ann, &["/api/account"]).await;
}

#[tokio::test]
async fn the_account_is_read_and_changed() {
    let kit = kit();
    let ann = kit.user("ann").await;
    kit.user("bob").await;
    let expected = json!({"id": 1, "name": "ann", "email": "ann@example.com", "admin": false,
        "points": 100_000, "session_id": ann.session_id,
        "created_at": "2026-11-20T00:00:00.000Z", "updated_at": "2026-11-20T00:00:00.000Z"});
    assert_eq!(kit.get("/api/account").by(&ann).send().await.json(), expected);
    let v0 = kit.get("/api/account?profile=v0").by(&ann).send().await.json();
    assert_eq!((v0["sessionId"].clone(), v0.get("session_id")), (json!(ann.session_id), None));

    kit.wait(1000);
    let patched = kit.patch("/api/account", json!({"name": " 安 ", "email": "AN@example.com"})).by(&ann).send().await;
    assert_eq!(patched.status, 200, "{}", patched.text());
    assert_eq!(
        (patched.json()["name"].clone(), patched.json()["email"].clone()),
        (json!("安"), json!("an@example.com"))
    );
    assert_eq!(patched.json()["updated_at"], "2026-11-20T00:00:01.000Z");
    assert_eq!(kit.number("SELECT count(*) FROM users WHERE name = 'bob' AND email = 'bob@example.com'").await, 1);
}

#[tokio::test]
async fn the_account_needs_a_credential_of_an_existing_user() {
    let kit = kit();
    let ann = kit.user("ann").await;
    assert_eq!(kit.get("/api/account").send().await.error(), "unauthenticated");
    assert_eq!(kit.patch("/api/account", json!({"name": "x"})).send().await.error(), "unauthenticated");
    assert_eq!(kit.get("/api/account").bearer("x").send().await.error(), "invalid_token");
    kit.sql("DELETE FROM users", []).await;
    for reply in [
        kit.get("/api/account").by(&ann).send().await,
        kit.patch("/api/account", json!({"name": "x"})).by(&ann).send().await,
        kit.patch("/api/account", json!({"password": "new-password", "current_password": "-"})).by(&ann).send().await,
    ] {
        assert_eq!((reply.status, reply.error().as_str()), (401, "invalid_token"), "the token of a deleted user");
    }
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions() {
    let kit = kit();
    let ann = user(&kit, "ann").await;
    let copy = "INSERT INTO sessions \
        SELECT 'other', user_id, name, ip, user_agent, created_at, updated_at, expires_at FROM sessions";
    kit.sql(copy, []).await;
    let change = |body: Value| kit.patch("/api/account", body).by(&ann);
    let wrong = change(json!({"name": "x", "password": "new-password", "current_password": "wrong"})).send().await;
    assert_eq!((wrong.status, wrong.error().as_str()), (403, "wrong_password:current_password"));
    assert_eq!(kit.number("SELECT count(*) FROM users WHERE name = 'ann'").await, 1);
    let done = change(json!({"password": "new-password", "currentPassword": PASSWORD})).send().await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(kit.number("SELECT count(*) FROM sessions").await, 1);
    assert_eq!(kit.get("/api/account").by(&ann).send().await.status, 200, "this one stays");
    let old = change(json!({"password": "newer-password", "current_password": PASSWORD})).send().await;
    assert_eq!(old.error(), "wrong_password:current_password");
}

#[tokio::test]
async fn a_password_change_fails_when_the_password_changed_meanwhile() {
    let kit = kit();
    let ann = user(&kit, "ann").await;
    let changes = store::users::UserChanges { password: Some(("later", "the former")), ..Default::default() };
    let mut tx = store::Tx::system(&kit.runtime());
    store::users::change(&mut tx, ann.id, &changes, None);
    assert_eq!(tx.run().await.map(drop).unwrap_err().code(), "forbidden");
    assert_eq!(kit.number("SELECT count(*) FROM sessions").await, 1, "nothing else changed either");
}

#[tokio::test]
async fn guesses_of_the_current_password_are_limited() {
    let kit = kit();
    let ann = user(&kit, "ann").await;
    let guess = || kit.patch("/api/account", json!({"password": "new-password", "current_password": "guess"})).by(&ann);
    for _ in 0..20 {
        assert_eq!(guess().send().await.status, 403);
    }
    let refused = guess().send().await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "900"));
    let right = json!({"password": "new-password", "current_password": PASSWORD});
    assert_eq!(kit.patch("/api/account", right.clone()).by(&ann).send().await.status, 429);
    kit.wait(15 * 60 * 1000);
    assert_eq!(kit.patch("/api/account", right).by(&ann).send().await.status, 200);
}

#[tokio::test]
async fn bad_requests_are_named_and_change_nothing() {
    let kit = kit();
    let ann = user(&kit, "ann").await;
    kit.user("bob").await;
    rules::refuses_malformed_bodies(&kit, "PATCH", "/api/account", &ann).await;
    let refusals = [
        (json!({}), "400 nothing_to_change"),
        (json!({"admin": true, "id": 2, "points": 9}), "400 nothing_to_change"),
        (json!({"current_password": "x"}), "400 nothing_to_change"),
        (json!({"name": ""}), "400 invalid_parameter:name"),
        (json!({"name": {}}), "400 invalid_parameter:name"),
        (json!({"email": "bob"}), "400 invalid_parameter:email"),
        (json!({"password": "long-enough"}), "400 missing_parameter:current_password"),
        (json!({"name": "x", "password": "long-enough"}), "400 missing_parameter:current_password"),
        (json!({"password": "short", "current_password": "x"}), "400 invalid_parameter:password"),
    ];
    rules::refuses_bodies(&kit, "PATCH", "/api/account", &ann, &refusals).await;
    let taken = kit.patch("/api/account", json!({"email": "bob@example.com"})).by(&ann).send().await;
    assert_eq!((taken.status, taken.error().as_str()), (409, "email_taken:email"));
    assert_eq!(kit.delete("/api/account").by(&ann).send().await.status, 405);
    assert_eq!(kit.number("SELECT count(*) FROM users WHERE updated_at = created_at AND admin = 0").await, 2);
}

#[tokio::test]
async fn an_api_key_reads_and_changes_the_account_without_a_session() {
    let kit = kit();
    let ann = user(&kit, "ann").await;
    let key = kit.key(&ann, &["read", "write"]).await;
    kit.batches();
    let account = kit.get("/api/account").by(&key).send().await;
    assert_eq!((account.json()["id"].clone(), account.json()["session_id"].clone()), (json!(ann.id), json!(null)));
    let renamed = kit.patch("/api/account", json!({"name": "安"})).by(&key).send().await;
    assert_eq!(
        (renamed.status, &renamed.json()["name"], &renamed.json()["session_id"]),
        (200, &json!("安"), &json!(null))
    );
    assert_eq!(kit.batches(), 2, "one each");
    let alone = kit.patch("/api/account", json!({"password": "new-password"})).by(&key).send().await;
    assert_eq!(alone.error(), "missing_parameter:current_password", "a key alone changes no password");
    let change = json!({"password": "new-password", "current_password": PASSWORD});
    assert_eq!(kit.patch("/api/account", change).by(&key).send().await.status, 200);
    assert_eq!(
        kit.get("/api/account").by(&ann).send().await.error(),
        "invalid_token",
        "every session ends, for none is the caller's"
    );
    assert_eq!(kit.get("/api/account").by(&key).send().await.status, 200, "keys stay");
    let blind = kit.key(&ann, &["tasks", "write"]).await;
    assert_eq!(kit.get("/api/account").by(&blind).send().await.error(), "missing_scope");
}

#[tokio::test]
async fn each_request_is_one_transaction_and_a_new_password_takes_two() {
    let kit = kit();
    let ann = user(&kit, "ann").await;
    kit.batches();
    kit.get("/api/account").by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "read");
    kit.patch("/api/account", json!({"name": "b"})).by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "update");
    kit.patch("/api/account", json!({"password": "new-password", "current_password": PASSWORD})).by(&ann).send().await;
    assert_eq!(kit.batches(), 2, "a new password");
}

#[tokio::test]
async fn changes_are_published_to_watchers_of_the_user() {
    let kit = kit();
    let ann = kit.user("ann").await;
    kit.patch("/api/account", json!({"name": "b"})).by(&ann).send().await;
    let published = kit.published().await;
    assert_eq!(published.iter().map(|(room, _)| room.as_str()).collect::<Vec<_>>(), ["users/1"]);
    assert!(published[0].1.owner.as_ref().unwrap().text("v1").unwrap().contains("\"name\":\"b\""));
}
