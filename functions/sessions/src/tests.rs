//! The routes over in-memory SQLite with the real migrations.

use serde_json::{Value, json};
use testkit::{Account, Kit, Reply, assert_shape, golden, rules};

use crate::sql::{self, NewSession, VerifiedUser};

const PASSWORD: &str = "correct horse 電池";
const DAY: i64 = 24 * 60 * 60 * 1000;

fn kit() -> Kit {
    Kit::new(crate::routes())
}

/// A user who can log in with `PASSWORD`.
async fn user(kit: &Kit, name: &str) -> Account {
    let account = kit.user(name).await;
    let phc = web::password::hash(&kit.runtime(), PASSWORD).unwrap();
    kit.sql("UPDATE users SET password = ?1 WHERE id = ?2", [phc.into(), account.id.into()]).await;
    account
}

fn new_session(id: &str) -> NewSession {
    NewSession { id: id.into(), name: "".into(), ip: "".into(), user_agent: "".into() }
}

async fn login(kit: &Kit, name: &str, password: &str) -> Reply {
    kit.post("/api/sessions", json!({"email": format!("{name}@example.com"), "password": password})).send().await
}

/// The account that authenticates with a session's token.
fn account(session: &Value) -> Account {
    Account {
        id: session["user_id"].as_i64().unwrap(),
        session_id: session["id"].as_str().unwrap().to_string(),
        token: session["token"].as_str().unwrap().to_string(),
    }
}

#[test]
fn openapi_is_fresh() {
    Kit::check_openapi(&crate::routes(), env!("CARGO_MANIFEST_DIR"));
}

#[tokio::test]
async fn replies_are_those_of_the_golden_file() {
    let kit = kit();
    let ann = kit.user("ann").await;
    kit.sql("UPDATE sessions SET name = '手機', ip = '203.0.113.7'", []).await;
    let one = format!("/api/sessions/{}", ann.session_id);
    golden::check(&kit, env!("CARGO_MANIFEST_DIR"), "sessions", &ann, &["/api/sessions", &one]).await;
}

#[tokio::test]
async fn a_session_from_beginning_to_end() {
    let kit = kit();
    let ann = user(&kit, "ann").await;
    let long = format!("browser {}", "x".repeat(600));
    let made = kit
        .post("/api/sessions", json!({"email": " Ann@Example.com", "password": PASSWORD, "name": "手機"}))
        .header("user-agent", &long)
        .header("cf-connecting-ip", "203.0.113.7")
        .send()
        .await;
    let session = made.json();
    let me = account(&session);
    assert_eq!((made.status, made.header("location")), (201, format!("/api/sessions/{}", me.session_id).as_str()));
    let mut shown = session.clone();
    shown.as_object_mut().unwrap().remove("token");
    assert_eq!(
        shown,
        json!({"id": me.session_id, "name": "手機", "user_id": ann.id, "ip": "203.0.113.7", "user_agent": long[..512],
            "created_at": "2026-11-20T00:00:00.000Z", "updated_at": "2026-11-20T00:00:00.000Z",
            "expires_at": "2026-12-20T00:00:00.000Z"})
    );
    let path = format!("/api/sessions/{}", me.session_id);
    assert_eq!(kit.get(&path).by(&me).send().await.json(), shown);

    kit.wait(DAY);
    let patched = kit.patch(&path, json!({"name": "桌機", "extend": true})).by(&me).send().await;
    assert_eq!((patched.status, patched.json()["name"].clone()), (200, json!("桌機")));
    assert_eq!(patched.json()["expires_at"], "2026-12-21T00:00:00.000Z");
    assert_eq!(patched.json()["updated_at"], "2026-11-21T00:00:00.000Z");

    assert_eq!(kit.delete(&path).by(&me).send().await.status, 204);
    assert_eq!(kit.get("/api/sessions").by(&me).send().await.error(), "invalid_token", "on the very next request");
    assert_eq!(kit.get(&path).by(&ann).send().await.status, 404);
}

#[tokio::test]
async fn unknown_addresses_and_wrong_passwords_get_the_same_reply() {
    let kit = kit();
    user(&kit, "ann").await;
    kit.user("unusable").await;
    let wrong = login(&kit, "ann", "not it").await;
    assert_eq!((wrong.status, wrong.error().as_str()), (401, "invalid_credentials"));
    for name in ["nobody", "unusable"] {
        let reply = login(&kit, name, PASSWORD).await;
        assert_eq!((reply.status, &reply.bytes, &reply.headers), (401, &wrong.bytes, &wrong.headers));
    }
    assert_eq!(kit.number("SELECT count(*) FROM sessions").await, 2);
}

#[tokio::test]
async fn wrong_passwords_are_limited() {
    let kit = kit();
    user(&kit, "ann").await;
    user(&kit, "bob").await;
    let from = |ip: &'static str, name: &str, password: &str| {
        let body = json!({"email": format!("{name}@example.com"), "password": password});
        kit.post("/api/sessions", body).header("cf-connecting-ip", ip)
    };
    for _ in 0..10 {
        assert_eq!(from("1.1.1.1", "ann", "wrong").send().await.status, 401);
        kit.wait(1000);
    }
    let refused = from("1.1.1.1", "ann", PASSWORD).send().await;
    assert_eq!((refused.status, refused.error().as_str()), (429, "too_many_requests"));
    assert_eq!(refused.header("retry-after"), "890");
    assert_eq!(from("1.1.1.1", "bob", PASSWORD).send().await.status, 201, "another account");
    assert_eq!(from("2.2.2.2", "ann", PASSWORD).send().await.status, 201, "another address");
    kit.wait(890_000);
    assert_eq!(from("1.1.1.1", "ann", PASSWORD).send().await.status, 201, "the window is over");
    for _ in 0..20 {
        assert_eq!(from("1.1.1.1", "ann", PASSWORD).send().await.status, 201, "good log-ins do not count");
    }
    kit.sql("UPDATE rate_limits SET n = 200 WHERE bucket = 'login:1.1.1.1'", []).await;
    assert_eq!(from("1.1.1.1", "bob", PASSWORD).send().await.status, 429, "many accounts from one address");
}

#[tokio::test]
async fn the_first_administrator_is_created_by_logging_in() {
    let mut kit = kit();
    kit.config.first_admin = Some(("Root@Example.com".into(), "first-password".into()));
    user(&kit, "ann").await;
    assert_eq!(login(&kit, "root", "first-passwore").await.error(), "invalid_credentials");
    assert_eq!(login(&kit, "ann", "first-password").await.error(), "invalid_credentials");
    let made = login(&kit, "root", "first-password").await;
    assert_eq!(made.status, 201, "{}", made.text());
    let root = account(&made.json());
    assert_eq!(kit.get("/api/sessions").by(&root).send().await.json()["total"], 2, "sees ann's too");
    assert_eq!(kit.number("SELECT count(*) FROM users WHERE admin = 1 AND email = 'root@example.com'").await, 1);
    assert_eq!(login(&kit, "root", "first-password").await.status, 201, "an account like any other from now on");

    let other = web::password::hash(&kit.runtime(), "changed-password").unwrap();
    kit.sql("UPDATE users SET password = ?1 WHERE admin = 1", [other.into()]).await;
    assert_eq!(login(&kit, "root", "first-password").await.status, 401, "only while there is none");
}

#[tokio::test]
async fn two_first_log_ins_at_once_both_succeed() {
    let kit = kit();
    // Both have asked, and seen no administrator, before either writes.
    for id in ["one", "two"] {
        let user = VerifiedUser::FirstAdmin { email: "root@example.com".into(), phc: format!("hash {id}") };
        let mut tx = store::Tx::system(&kit.runtime());
        sql::open(&mut tx, &user, &new_session(id), 500);
        assert!(tx.run().await.is_ok());
    }
    assert_eq!(kit.number("SELECT count(*) FROM users WHERE admin = 1 AND password = 'hash one'").await, 1);
    assert_eq!(kit.number("SELECT balance FROM accounts WHERE id = 1").await, 500, "the points of a new account, once");
    assert_eq!(kit.number("SELECT count(*) FROM sessions").await, 2);
}

#[tokio::test]
async fn whoever_took_the_first_administrators_address_loses_it() {
    let mut kit = kit();
    kit.config.first_admin = Some(("root@example.com".into(), "first-password".into()));
    let squatter = user(&kit, "root").await;
    let made = login(&kit, "root", "first-password").await;
    assert_eq!(made.status, 201);
    assert_eq!(made.json()["user_id"], squatter.id);
    assert_eq!(kit.get("/api/sessions").by(&squatter).send().await.error(), "invalid_token");
    assert_eq!(login(&kit, "root", PASSWORD).await.status, 401);
}

#[tokio::test]
async fn the_earlier_profile() {
    let kit = kit();
    let ann = user(&kit, "ann").await;
    let made = kit
        .post("/api/sessions?profile=v0", json!({"email": "ann@example.com", "password": PASSWORD}))
        .send()
        .await
        .json();
    assert_eq!(made["user"], json!({"id": ann.id, "user_name": "ann"}));
    assert!(made["userAgent"].is_string() && made["expiresAt"].is_string() && made.get("user_agent").is_none());
    let list = kit.get("/api/sessions?profile=v0").bearer(made["token"].as_str().unwrap()).send().await;
    assert_eq!((list.status, list.json()["list"][0]["user"].clone()), (200, made["user"].clone()));
    let ticket = kit.call("POST", "/api/tickets?profile=v0").by(&ann).send().await.json();
    assert!(ticket["expiresAt"].is_string());
}

#[tokio::test]
async fn lists_show_the_callers_sessions_and_administrators_all() {
    let kit = kit();
    let (ann, bob, root) = (user(&kit, "ann").await, kit.user("bob").await, kit.admin("root").await);
    kit.wait(1000);
    let phone = json!({"email": "ann@example.com", "password": PASSWORD, "name": "phone"});
    assert_eq!(kit.post("/api/sessions", phone).send().await.status, 201);
    let total = |query: &'static str, by: &Account| {
        let call = kit.get(query).by(by);
        async move { call.send().await.json()["total"].as_i64() }
    };
    assert_eq!(kit.get("/api/sessions").send().await.error(), "unauthenticated");
    assert_eq!(total("/api/sessions", &ann).await, Some(2));
    assert_eq!(total("/api/sessions", &bob).await, Some(1));
    assert_eq!(total("/api/sessions", &root).await, Some(4));
    assert_eq!(total("/api/sessions?user=1", &root).await, Some(2));
    assert_eq!(total("/api/sessions?user=1", &bob).await, Some(0));
    assert_eq!(total("/api/sessions?user=me", &ann).await, Some(2));
    assert_eq!(total("/api/sessions?search=PHONE", &ann).await, Some(1));
    for sort in ["createdAt", "date%2B", "expiresAt"] {
        let first = kit.get(&format!("/api/sessions?size=1&sort={sort}")).by(&root).send().await.json();
        let cursor = first["next_cursor"].as_str().unwrap();
        let rest = kit.get(&format!("/api/sessions?sort={sort}&cursor={cursor}")).by(&root).send().await.json();
        let rest: Vec<_> = rest["list"].as_array().unwrap().iter().map(|s| s["id"].clone()).collect();
        assert!(rest.len() == 3 && !rest.contains(&first["list"][0]["id"]), "{sort}");
    }
    for (query, error) in
        [("page=0", "invalid_parameter:page"), ("sort=x", "unknown_sort:sort"), ("user=x", "invalid_parameter:user")]
    {
        let reply = kit.get(&format!("/api/sessions?{query}")).by(&ann).send().await;
        assert_eq!((reply.status, reply.error().as_str()), (400, error));
    }
}

#[tokio::test]
async fn sessions_of_others_do_not_exist_for_the_caller() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    let path = format!("/api/sessions/{}", ann.session_id);
    let never = kit.get(&format!("/api/sessions/{}", "0".repeat(32))).by(&bob).send().await;
    assert_eq!(never.status, 404);
    assert_eq!(kit.get(&path).by(&bob).send().await.bytes, never.bytes);
    assert_eq!(kit.get(&path).send().await.bytes, never.bytes);
    assert_eq!(kit.patch(&path, json!({"name": "x"})).by(&bob).send().await.bytes, never.bytes);
    assert_eq!(kit.delete(&path).by(&bob).send().await.bytes, never.bytes);
    assert_eq!(kit.delete(&path).send().await.error(), "unauthenticated");
    for id in ["1", "x", "%00", &"A".repeat(32), &"f".repeat(33), "../users"] {
        let reply = kit.get(&format!("/api/sessions/{id}")).by(&ann).send().await;
        assert_eq!(reply.status, 404, "{id}");
    }
    assert_eq!(kit.get(&path).by(&ann).send().await.status, 200);
    assert_eq!(kit.delete(&path).by(&root).send().await.status, 204, "an administrator may end it");
    assert_eq!(kit.get(&path).by(&ann).send().await.error(), "invalid_token");
}

#[tokio::test]
async fn the_end_can_be_moved_within_a_year() {
    let kit = kit();
    user(&kit, "ann").await;
    let ann = account(&login(&kit, "ann", PASSWORD).await.json());
    kit.sql("DELETE FROM sessions WHERE ip = 'test'", []).await;
    let path = format!("/api/sessions/{}", ann.session_id);
    let end = |text: String| kit.patch(&path, json!({"expires_at": text})).by(&ann);
    let day = |n: i64| kit.now().plus(n * DAY).rfc3339();
    assert_eq!(end(day(365)).send().await.json()["expires_at"], day(365));
    for bad in [day(366), day(0), day(-1), "0001-01-01T00:00:00Z".into(), "9999-12-31T23:59:59Z".into(), "soon".into()]
    {
        assert_eq!(end(bad.clone()).send().await.error(), "invalid_parameter:expires_at", "{bad}");
    }
    assert_eq!(
        kit.patch(&path, json!({"extend": true})).by(&ann).send().await.json()["expires_at"],
        day(365),
        "never shortens"
    );
    assert_eq!(end(day(1)).send().await.json()["expires_at"], day(1), "an earlier end is an end");
    assert_eq!(kit.patch(&path, json!({})).by(&ann).send().await.error(), "nothing_to_change");
    let last = kit.now().plus(366 * DAY).rfc3339();
    for _ in 0..3 {
        kit.patch(&path, json!({"expires_at": day(300)})).by(&ann).send().await;
        kit.wait(200 * DAY);
    }
    assert_eq!(kit.get(&path).by(&ann).send().await.error(), "invalid_token");
    let rows =
        kit.sql("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', expires_at / 1000.0, 'unixepoch') AS t FROM sessions", []);
    assert_eq!(rows.await.first().unwrap().text("t"), Some(last.as_str()), "as long as its token");
}

#[tokio::test]
async fn expired_sessions_are_refused_and_deleted() {
    let kit = kit();
    let ann = user(&kit, "ann").await;
    let me = account(&login(&kit, "ann", PASSWORD).await.json());
    kit.wait(30 * DAY);
    for who in [&ann, &me] {
        assert_eq!(kit.get("/api/sessions").by(who).send().await.error(), "invalid_token");
    }
    let again = login(&kit, "ann", PASSWORD).await;
    assert_eq!(again.status, 201);
    assert_eq!(kit.number("SELECT count(*) FROM sessions").await, 1);
}

#[tokio::test]
async fn a_log_in_fails_when_the_password_changes_meanwhile() {
    let kit = kit();
    let ann = user(&kit, "ann").await;
    let user = VerifiedUser::Existing { id: ann.id, phc: "the former".into() };
    let mut tx = store::Tx::system(&kit.runtime());
    sql::open(&mut tx, &user, &new_session("s"), 500);
    assert_eq!(tx.run().await.map(drop).unwrap_err().code(), "invalid_credentials");
    assert_eq!(kit.number("SELECT count(*) FROM sessions WHERE id = 's'").await, 0);
}

#[tokio::test]
async fn bad_requests_are_named_and_change_nothing() {
    let kit = kit();
    let ann = user(&kit, "ann").await;
    let path = format!("/api/sessions/{}", ann.session_id);
    for (method, path) in [("POST", "/api/sessions"), ("PATCH", path.as_str())] {
        rules::refuses_malformed_bodies(&kit, method, path, &ann).await;
    }
    let log_ins = [
        (json!({}), "400 missing_parameter:email"),
        (json!({"email": "ann", "password": "x"}), "400 invalid_parameter:email"),
        (json!({"email": "a@b.c"}), "400 missing_parameter:password"),
        (json!({"email": "a@b.c", "password": 1e99}), "400 invalid_parameter:password"),
        (json!({"email": "a@b.c", "password": ""}), "400 invalid_parameter:password"),
        (json!({"email": "a@b.c", "password": "x".repeat(257)}), "400 invalid_parameter:password"),
    ];
    rules::refuses_bodies(&kit, "POST", "/api/sessions", &ann, &log_ins).await;
    let changes = [
        (json!({"name": []}), "400 invalid_parameter:name"),
        (json!({"extend": 1}), "400 invalid_parameter:extend"),
        (json!({"expires_at": 1e20}), "400 invalid_parameter:expires_at"),
    ];
    rules::refuses_bodies(&kit, "PATCH", &path, &ann, &changes).await;
    let bad_key = kit.post("/api/sessions", json!({"email": "ann@example.com", "password": PASSWORD}));
    let bad_key = bad_key.header("idempotency-key", &"x".repeat(256)).send().await;
    assert_eq!(bad_key.refusal(), "400 invalid_idempotency_key:Idempotency-Key");
    let put = kit.call("PUT", "/api/sessions").send().await;
    assert_eq!((put.status, put.error().as_str()), (405, "method_not_allowed"));
    assert_eq!(kit.number("SELECT count(*) FROM sessions WHERE name = '' AND updated_at = created_at").await, 1);
    assert_eq!(kit.number("SELECT count(*) FROM rate_limits").await, 0, "no try is counted");
}

#[tokio::test]
async fn a_repeated_log_in_gets_the_first_response() {
    let kit = kit();
    user(&kit, "ann").await;
    let send = |name: &str| {
        let body = json!({"email": "ann@example.com", "password": PASSWORD, "name": name});
        kit.post("/api/sessions", body).header("idempotency-key", "k 1")
    };
    let first = send("a").send().await;
    assert_eq!(first.status, 201);
    kit.wait(60_000);
    let again = send("a").send().await;
    assert_eq!((again.status, &again.bytes, again.header("location")), (201, &first.bytes, first.header("location")));
    assert_eq!(send("b").send().await.status, 422);
    assert_eq!(kit.number("SELECT count(*) FROM sessions").await, 2);
    let rows = kit.sql("SELECT response, body_hash FROM idempotency", []).await;
    let stored = rows.first().unwrap();
    assert!(!stored.text("response").unwrap().contains("token"), "tokens are not stored");
    let plain =
        web::sha256_hex(json!({"email": "ann@example.com", "password": PASSWORD, "name": "a"}).to_string().as_bytes());
    assert_ne!(stored.text("body_hash"), Some(plain.as_str()), "nor hashes to guess passwords against");
}

#[tokio::test]
async fn a_ticket_works_once_and_ends_with_its_session() {
    let kit = kit();
    let ann = kit.user("ann").await;
    assert_eq!(kit.call("POST", "/api/tickets").send().await.error(), "unauthenticated");
    let made = kit.call("POST", "/api/tickets").by(&ann).send().await;
    assert_eq!((made.status, made.header("location")), (201, ""));
    assert_shape(&crate::TICKET_SHAPE, &made.json());
    let ticket = made.json()["ticket"].as_str().unwrap().to_string();
    assert_eq!(made.json()["expires_at"], kit.now().plus(30_000).rfc3339());
    assert_eq!(kit.number("SELECT count(*) FROM tickets WHERE length(id) = 64").await, 1, "hashed");
    let watch = |ticket: &str| {
        let path = format!("/api/sessions/{}?ticket={ticket}", ann.session_id);
        kit.get(&path).header("upgrade", "websocket")
    };
    assert!(watch(&ticket).send().await.join.unwrap().admit.is_ok());
    assert_eq!(kit.number("SELECT count(*) FROM tickets").await, 0, "used up");
    kit.call("POST", "/api/tickets").by(&ann).send().await;
    let path = format!("/api/sessions/{}", ann.session_id);
    assert_eq!(kit.delete(&path).by(&ann).send().await.status, 204);
    assert_eq!(kit.number("SELECT count(*) FROM tickets").await, 0, "deleted with the session");
}

#[tokio::test]
async fn tickets_of_keys_need_the_read_scope_and_end_with_the_key() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let (reads, writes) = (kit.key(&ann, &["read"]).await, kit.key(&ann, &["tasks", "write"]).await);
    let blind = kit.call("POST", "/api/tickets").by(&writes).send().await;
    assert_eq!((blind.status, blind.error().as_str()), (403, "missing_scope"), "a ticket is for reading");
    let ticket = async || {
        let made = kit.call("POST", "/api/tickets").by(&reads).send().await;
        made.json()["ticket"].as_str().unwrap_or_default().to_string()
    };
    // The code a socket is closed with; None when it is let in.
    let watch = async |ticket: String| {
        let path = format!("/api/sessions/{}?ticket={ticket}", ann.session_id);
        kit.get(&path).header("upgrade", "websocket").send().await.join.unwrap().admit.err()
    };
    kit.batches();
    let first = ticket().await;
    assert_eq!(kit.batches(), 1);
    assert_eq!(watch(first.clone()).await, None);
    assert_eq!(watch(first).await, Some(4401), "used up");
    let held = ticket().await;
    kit.sql("UPDATE keys SET expires_at = ?1 WHERE id = 1", [kit.now().0.into()]).await;
    assert_eq!(watch(held).await, Some(4401), "the key has ended");
    kit.sql("UPDATE keys SET expires_at = NULL", []).await;
    ticket().await;
    let unused = kit.number("SELECT count(*) FROM tickets WHERE key_id = 1 AND session_id IS NULL").await;
    assert_eq!(unused, 1);
    kit.sql("DELETE FROM keys WHERE id = 1", []).await;
    assert_eq!(kit.number("SELECT count(*) FROM tickets").await, 0, "deleted with the key");
    assert_eq!(kit.call("POST", "/api/tickets").by(&reads).send().await.error(), "invalid_token");
}

#[tokio::test]
async fn each_request_is_one_transaction_and_a_log_in_takes_two() {
    let kit = kit();
    let ann = user(&kit, "ann").await;
    let path = format!("/api/sessions/{}", ann.session_id);
    kit.batches();
    login(&kit, "ann", PASSWORD).await;
    assert_eq!(kit.batches(), 2, "log-in");
    login(&kit, "ann", "wrong").await;
    assert_eq!(kit.batches(), 1, "a wrong one");
    kit.get("/api/sessions").by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "list");
    kit.get(&path).by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "read");
    kit.patch(&path, json!({"name": "b"})).by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "update");
    kit.call("POST", "/api/tickets").by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "ticket");
    kit.delete(&path).by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "delete");
}

#[tokio::test]
async fn changes_are_published() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let path = format!("/api/sessions/{}", ann.session_id);
    kit.patch(&path, json!({"name": "b"})).by(&ann).send().await;
    kit.delete(&path).by(&ann).send().await;
    let published = kit.published().await;
    let room = format!("sessions/{}", ann.session_id);
    assert_eq!(published.iter().map(|(r, _)| r.as_str()).collect::<Vec<_>>(), [&room, &room]);
    assert!(
        published[0].1.owner.as_ref().unwrap().text("v1").unwrap().contains("\"name\":\"b\"")
            && published[0].1.public.is_none()
    );
    assert!(published[1].1.end && published[1].1.owner.is_none());
}

#[tokio::test]
async fn lists_read_no_more_than_they_show() {
    testkit::plans::check(&crate::routes(), &[]).await;
}
