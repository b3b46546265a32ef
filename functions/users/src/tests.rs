//! The routes over in-memory SQLite with the real migrations.

mod grants;

use serde_json::{Value, json};
use testkit::{Account, Kit, Reply, golden, rules};

const PASSWORD: &str = "correct horse 電池";

fn kit() -> Kit {
    Kit::new(crate::routes())
}

fn person(name: &str) -> Value {
    json!({"email": format!("{name}@example.com"), "password": PASSWORD, "name": name})
}

async fn sign_up(kit: &Kit, name: &str) -> Reply {
    kit.post("/api/users", person(name)).send().await
}

/// A user who knows their password.
async fn user(kit: &Kit, name: &str) -> Account {
    let account = kit.user(name).await;
    let phc = web::password::hash(&kit.runtime(), PASSWORD).unwrap();
    kit.sql("UPDATE users SET password = ?1 WHERE id = ?2", [phc.into(), account.id.into()]).await;
    account
}

async fn password_of(kit: &Kit, id: i64) -> String {
    let rows = kit.sql("SELECT password FROM users WHERE id = ?1", [id.into()]).await;
    rows.first().and_then(|row| row.text("password")).unwrap_or_default().to_string()
}

#[test]
fn openapi_is_fresh() {
    Kit::check_openapi(&crate::routes(), env!("CARGO_MANIFEST_DIR"));
}

#[tokio::test]
async fn replies_are_those_of_the_golden_file() {
    let kit = kit();
    let ann = kit.user("ann").await;
    kit.user("bob").await;
    let paths = ["/api/users", "/api/users/1", "/api/users/1/points"];
    golden::check(&kit, env!("CARGO_MANIFEST_DIR"), "users", &ann, &paths).await;
}

#[tokio::test]
async fn a_user_from_beginning_to_end() {
    let kit = kit();
    let root = kit.admin("root").await;
    let made = kit
        .post("/api/users", json!({"email": " Ann@Example.com ", "password": PASSWORD, "name": " 安 "}))
        .send()
        .await;
    assert_eq!((made.status, made.header("location")), (201, "/api/users/2"));
    let expected = json!({"id": 2, "name": "安", "email": "ann@example.com", "admin": false, "points": 0,
        "created_at": "2026-11-20T00:00:00.000Z", "updated_at": "2026-11-20T00:00:00.000Z"});
    assert_eq!(made.json(), expected, "who signs up sees their own address");
    let phc = password_of(&kit, 2).await;
    assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && web::password::verify(Some(&phc), PASSWORD));

    let mut anyones = expected.clone();
    anyones["email"] = Value::Null;
    anyones["points"] = Value::Null;
    assert_eq!(kit.get("/api/users/2").send().await.json(), anyones);
    assert_eq!(kit.get("/api/users/2").by(&root).send().await.json(), expected);

    kit.wait(5000);
    let patched = kit.patch("/api/users/2", json!({"name": "Ann", "admin": true})).by(&root).send().await;
    assert_eq!((patched.status, patched.json()["name"].clone()), (200, json!("Ann")));
    assert_eq!(
        (patched.json()["admin"].clone(), patched.json()["email"].clone()),
        (json!(true), expected["email"].clone())
    );
    assert_eq!(patched.json()["updated_at"], "2026-11-20T00:00:05.000Z");

    assert_eq!(kit.delete("/api/users/2").by(&root).send().await.status, 204);
    let never = kit.get("/api/users/999").send().await;
    assert_eq!(never.status, 404);
    assert_eq!(kit.get("/api/users/2").send().await.bytes, never.bytes);
}

#[tokio::test]
async fn v0_shows_camel_case_keys() {
    let kit = kit();
    sign_up(&kit, "ann").await;
    let list = kit.get("/api/users?profile=v0&pageSize=1").send().await.json();
    assert_eq!(list["pageSize"], 1);
    assert!(list["list"][0]["createdAt"].is_string() && list["list"][0].get("created_at").is_none());
    assert_eq!(kit.get("/api/users/1?profile=v0").send().await.json(), list["list"][0]);
}

#[tokio::test]
async fn addresses_are_seen_and_searched_by_their_owner_and_administrators() {
    let kit = kit();
    let (ann, root) = (kit.user("ann").await, kit.admin("root").await);
    kit.user("bob").await;
    let shown = |by: Option<&Account>| {
        let call = kit.get("/api/users?sort=name");
        let call = by.map(|by| kit.get("/api/users?sort=name").by(by)).unwrap_or(call);
        async move {
            let json = call.send().await.json();
            json["list"].as_array().unwrap().iter().map(|u| u["email"].is_string()).collect::<Vec<_>>()
        }
    };
    assert_eq!(shown(None).await, [false, false, false]);
    assert_eq!(shown(Some(&ann)).await, [true, false, false]);
    assert_eq!(shown(Some(&root)).await, [true, true, true]);
    let total = |query: &str, by: &Account| {
        let call = kit.get(&format!("/api/users?{query}")).by(by);
        async move { call.send().await.json()["total"].as_i64() }
    };
    assert_eq!(total("search=example.com", &ann).await, Some(1));
    assert_eq!(total("search=example.com", &root).await, Some(3));
    assert_eq!(total("search=BOB", &ann).await, Some(1), "by name");
    assert_eq!(total("admin=true", &ann).await, Some(1));
    assert_eq!(total("user=me,3", &ann).await, Some(2));
    assert_eq!(total("date=2025", &ann).await, Some(0));
}

#[tokio::test]
async fn an_address_belongs_to_one_user() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let taken = sign_up(&kit, "Ann").await;
    assert_eq!((taken.status, taken.error().as_str()), (409, "email_taken:email"));
    assert_eq!(sign_up(&kit, "bob").await.status, 201);
    let path = format!("/api/users/{}", ann.id);
    let patch = kit.patch(&path, json!({"email": "BOB@example.com"})).by(&ann).send().await;
    assert_eq!((patch.status, patch.error().as_str()), (409, "email_taken:email"));
    let own = kit.patch(&path, json!({"email": "ann@example.com"})).by(&ann).send().await;
    assert_eq!(own.status, 200, "your own address is not taken");
    let moved = kit.patch(&path, json!({"email": "Ann2@example.com"})).by(&ann).send().await;
    assert_eq!(moved.json()["email"], "ann2@example.com");
}

#[tokio::test]
async fn sign_up_can_be_closed() {
    let mut kit = kit();
    kit.config.signup_open = false;
    let (ann, root) = (kit.user("ann").await, kit.admin("root").await);
    let refused = sign_up(&kit, "bob").await;
    assert_eq!((refused.status, refused.error().as_str()), (403, "signup_closed"));
    assert_eq!(kit.post("/api/users", person("bob")).by(&ann).send().await.error(), "signup_closed");
    assert_eq!(kit.number("SELECT count(*) FROM users").await, 2);
    assert_eq!(kit.post("/api/users", person("bob")).by(&root).send().await.status, 201);
}

#[tokio::test]
async fn sign_ups_are_limited_per_address() {
    let kit = kit();
    let root = kit.admin("root").await;
    let from = |ip: &str, name: &str| kit.post("/api/users", person(name)).header("cf-connecting-ip", ip);
    assert_eq!(from("1.1.1.1", "a").send().await.status, 201);
    kit.sql("UPDATE rate_limits SET n = 100 WHERE bucket = 'signup:1.1.1.1'", []).await;
    kit.wait(60_000);
    let refused = from("1.1.1.1", "b").send().await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "3540"));
    assert_eq!(from("2.2.2.2", "b").send().await.status, 201);
    assert_eq!(from("1.1.1.1", "c").by(&root).send().await.status, 201, "administrators are not limited");
    kit.wait(3_540_000);
    assert_eq!(from("1.1.1.1", "d").send().await.status, 201);
}

#[tokio::test]
async fn only_administrators_make_administrators() {
    let kit = kit();
    let (ann, root) = (kit.user("ann").await, kit.admin("root").await);
    let mut boss = person("boss");
    boss["admin"] = json!(true);
    assert_eq!(kit.post("/api/users", boss.clone()).send().await.error(), "forbidden");
    assert_eq!(kit.post("/api/users", boss.clone()).by(&ann).send().await.error(), "forbidden");
    let path = format!("/api/users/{}", ann.id);
    assert_eq!(kit.patch(&path, json!({"admin": true})).by(&ann).send().await.error(), "forbidden");
    assert_eq!(kit.number("SELECT count(*) FROM users WHERE admin = 1").await, 1);
    assert_eq!(kit.post("/api/users", boss).by(&root).send().await.json()["admin"], true);
    assert_eq!(kit.patch(&path, json!({"admin": true})).by(&root).send().await.json()["admin"], true);
}

#[tokio::test]
async fn the_last_administrator_cannot_be_demoted_or_deleted() {
    let kit = kit();
    let root = kit.admin("root").await;
    let path = format!("/api/users/{}", root.id);
    let demote = kit.patch(&path, json!({"admin": false, "name": "nobody"})).by(&root).send().await;
    assert_eq!((demote.status, demote.error().as_str()), (409, "last_admin"));
    assert_eq!(kit.delete(&path).by(&root).send().await.error(), "last_admin");
    assert_eq!(kit.number("SELECT count(*) FROM users WHERE admin = 1 AND name = 'root'").await, 1);
    let second = kit.admin("second").await;
    assert_eq!(kit.patch(&path, json!({"admin": false})).by(&root).send().await.status, 200);
    assert_eq!(kit.delete(&path).by(&root).send().await.status, 204, "no longer an administrator");
    assert_eq!(kit.delete(&format!("/api/users/{}", second.id)).by(&second).send().await.status, 409);
    let ann = kit.user("ann").await;
    kit.sql("UPDATE users SET admin = 0", []).await;
    let gone = kit.delete(&format!("/api/users/{}", ann.id)).by(&ann).send().await;
    assert_eq!(gone.status, 204, "without administrators, anyone may go");
}

#[tokio::test]
async fn only_the_user_and_administrators_change_a_user() {
    let kit = kit();
    let (ann, bob) = (user(&kit, "ann").await, kit.user("bob").await);
    let path = format!("/api/users/{}", ann.id);
    for patch in [json!({"name": "x"}), json!({"email": "x@example.com"}), json!({"password": "longer-than-8"})] {
        assert_eq!(kit.patch(&path, patch.clone()).send().await.error(), "unauthenticated");
        assert_eq!(kit.patch(&path, patch.clone()).by(&bob).send().await.error(), "forbidden");
        assert_eq!(kit.patch("/api/users/99", patch).by(&bob).send().await.error(), "not_found");
    }
    assert_eq!(kit.delete(&path).send().await.status, 401);
    assert_eq!(kit.delete(&path).by(&bob).send().await.status, 403);
    assert_eq!(kit.delete("/api/users/99").by(&bob).send().await.status, 404);
    let count = "SELECT count(*) FROM users WHERE id = 1 AND name = 'ann' AND email = 'ann@example.com' \
        AND updated_at = created_at";
    assert_eq!(kit.number(count).await, 1);
    assert!(web::password::verify(Some(&password_of(&kit, ann.id).await), PASSWORD));
    assert_eq!(kit.get("/api/users").by(&ann).send().await.status, 200, "ann is still logged in");
}

#[tokio::test]
async fn changing_your_own_password_needs_the_current_one_and_ends_other_sessions() {
    let kit = kit();
    let ann = user(&kit, "ann").await;
    let copy = "INSERT INTO sessions \
        SELECT 'other', user_id, name, ip, user_agent, created_at, updated_at, expires_at FROM sessions";
    kit.sql(copy, []).await;
    let path = format!("/api/users/{}", ann.id);
    let change = |body: Value| kit.patch(&path, body).by(&ann);
    assert_eq!(change(json!({"password": "new-password"})).send().await.error(), "missing_parameter:current_password");
    let wrong = change(json!({"password": "new-password", "current_password": "wrong"})).send().await;
    assert_eq!((wrong.status, wrong.error().as_str()), (403, "wrong_password:current_password"));
    assert_eq!(change(json!({"current_password": PASSWORD})).send().await.error(), "nothing_to_change");
    assert_eq!(kit.number("SELECT count(*) FROM sessions").await, 2);
    let done = change(json!({"password": "new-password", "current_password": PASSWORD})).send().await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert!(web::password::verify(Some(&password_of(&kit, ann.id).await), "new-password"));
    assert_eq!(kit.number("SELECT count(*) FROM sessions WHERE id = 'other'").await, 0);
    assert_eq!(kit.get("/api/users").by(&ann).send().await.status, 200, "this one stays");
}

#[tokio::test]
async fn passwords_set_by_administrators_end_all_sessions() {
    let kit = kit();
    let (ann, root) = (user(&kit, "ann").await, kit.admin("root").await);
    let path = format!("/api/users/{}", ann.id);
    let set = kit.patch(&path, json!({"password": "reset-password"})).by(&root).send().await;
    assert_eq!(set.status, 200);
    assert!(web::password::verify(Some(&password_of(&kit, ann.id).await), "reset-password"));
    assert_eq!(kit.get("/api/users").by(&ann).send().await.error(), "invalid_token");
    assert_eq!(kit.get("/api/users").by(&root).send().await.status, 200);
}

#[tokio::test]
async fn a_key_has_its_users_rights_and_ends_with_the_user() {
    let kit = kit();
    let (ann, root) = (user(&kit, "ann").await, kit.admin("root").await);
    let (anns, roots) = (kit.key(&ann, &["write"]).await, kit.key(&root, &["read", "write"]).await);
    let path = format!("/api/users/{}", ann.id);
    assert_eq!(
        kit.get("/api/users").by(&anns).send().await.error(),
        "missing_scope",
        "also where no credential is needed"
    );
    let email = kit.get(&path).by(&roots).send().await.json()["email"].clone();
    assert_eq!(email, "ann@example.com", "an administrator's key has their rights");
    assert_eq!(kit.patch(&path, json!({"admin": true})).by(&anns).send().await.error(), "forbidden");
    let change = json!({"password": "new-password", "current_password": PASSWORD});
    assert_eq!(kit.patch(&path, change).by(&anns).send().await.status, 200);
    assert_eq!(kit.get(&path).by(&ann).send().await.error(), "invalid_token", "sessions end");
    assert_eq!(kit.patch(&path, json!({"name": "b"})).by(&anns).send().await.status, 200, "keys stay");
    assert_eq!(kit.delete(&path).by(&roots).send().await.status, 204);
    assert_eq!(kit.patch(&path, json!({"name": "c"})).by(&anns).send().await.error(), "invalid_token");
}

#[tokio::test]
async fn deleting_a_user_deletes_their_rows_and_objects() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    for who in [ann.id, bob.id] {
        kit.sql(
            "INSERT INTO images (name, key, width, height, size, sha256, prompt, num_inference_steps, guidance_scale, \
             scheduler, seed, user_id, created_at, updated_at) \
             VALUES ('', 'image-' || CAST(?1 AS INTEGER), 1, 1, 1, '', '', 1, 1, 'DDIM', 0, ?1, 0, 0)",
            [who.into()],
        )
        .await;
        kit.sql(
            "INSERT INTO uploads (key, content_type, user_id, created_at, updated_at) \
             VALUES ('upload-' || CAST(?1 AS INTEGER), '', ?1, 0, 0)",
            [who.into()],
        )
        .await;
        kit.sql(
            "INSERT INTO tags (name, user_id, created_at, updated_at) VALUES (CAST(?1 AS TEXT), ?1, 0, 0)",
            [who.into()],
        )
        .await;
    }
    kit.sql(
        "INSERT INTO tasks (id, name, type, status, params, user_id, created_at, updated_at) \
         VALUES (7, '', 'inference', 'waiting', '{}', 1, 0, 0)",
        [],
    )
    .await;
    kit.sql("INSERT INTO task_objects (key, task_id, created_at) VALUES ('preview', 7, 0)", []).await;
    let path = format!("/api/users/{}", ann.id);
    assert_eq!(kit.delete(&path).by(&ann).send().await.status, 204);
    let rows = kit.sql("SELECT target FROM outbox WHERE kind = 'delete_blob' ORDER BY target", []).await;
    let targets: Vec<_> = rows.iter().filter_map(|row| row.text("target").map(str::to_string)).collect();
    assert_eq!(targets, ["image-1", "preview", "upload-1"]);
    for (left, sql) in [
        (1, "SELECT count(*) FROM images"),
        (1, "SELECT count(*) FROM uploads"),
        (0, "SELECT count(*) FROM tasks"),
        (1, "SELECT count(*) FROM sessions"),
        (2, "SELECT count(*) FROM tags"),
        (1, "SELECT count(*) FROM users"),
    ] {
        assert_eq!(kit.number(sql).await, left, "{sql}");
    }
    for reply in [kit.get(&path).by(&ann).send().await, kit.patch(&path, json!({"name": "x"})).by(&ann).send().await] {
        assert_eq!(reply.error(), "invalid_token", "the token of a deleted user");
    }
    assert_eq!(sign_up(&kit, "ann").await.json()["id"], 3, "ids are not reused");
}

#[tokio::test]
async fn bad_requests_are_named_and_change_nothing() {
    let kit = kit();
    let ann = kit.user("ann").await;
    for (query, error) in [
        ("page=0", "invalid_parameter:page"),
        ("size=101", "invalid_parameter:size"),
        ("sort=email", "unknown_sort:sort"),
        ("admin=yes", "invalid_parameter:admin"),
        ("user=0", "invalid_parameter:user"),
        ("user=me", "unauthenticated:user"),
        ("date=x", "invalid_parameter:date"),
    ] {
        assert_eq!(kit.get(&format!("/api/users?{query}")).send().await.error(), error, "{query}");
    }
    for (method, path) in [("POST", "/api/users"), ("PATCH", "/api/users/1")] {
        rules::refuses_malformed_bodies(&kit, method, path, &ann).await;
    }
    let long = |length: usize| json!({"email": "a@b.c", "password": "長".repeat(length), "name": "long"});
    let user = |key: &str, value: Value| {
        let mut body = json!({"email": "a@b.c", "password": "12345678", "name": "a"});
        body[key] = value;
        body
    };
    let sign_ups = [
        (json!({}), "400 missing_parameter:email"),
        (json!({"email": "a"}), "400 invalid_parameter:email"),
        (json!({"email": "a@b.c"}), "400 missing_parameter:password"),
        (json!({"email": "a@b.c", "password": "1234567"}), "400 invalid_parameter:password"),
        (json!({"email": "a@b.c", "password": 12345678}), "400 invalid_parameter:password"),
        (json!({"email": "a@b.c", "password": "12345678"}), "400 missing_parameter:name"),
        (user("name", json!(" ")), "400 invalid_parameter:name"),
        (user("name", json!("\u{0}")), "400 invalid_parameter:name"),
        (user("admin", json!(1)), "400 invalid_parameter:admin"),
        (long(257), "400 invalid_parameter:password"),
    ];
    rules::refuses_bodies(&kit, "POST", "/api/users", &ann, &sign_ups).await;
    let changes = [
        (json!({}), "400 nothing_to_change"),
        (json!({"points": 9}), "400 nothing_to_change"),
        (json!({"current_password": PASSWORD}), "400 nothing_to_change"),
        (json!({"password": "12345678"}), "400 missing_parameter:current_password"),
    ];
    rules::refuses_bodies(&kit, "PATCH", "/api/users/1", &ann, &changes).await;
    assert_eq!(
        kit.number("SELECT count(*) FROM rate_limits").await,
        0,
        "bodies are checked before anything is counted"
    );
    assert_eq!(kit.post("/api/users", long(256)).send().await.status, 201);
    for path in ["/api/users/0", "/api/users/me", "/api/users/9007199254740992", "/api/users/1%20OR%201=1"] {
        assert_eq!(kit.patch(path, json!({"name": "x"})).by(&ann).send().await.status, 404, "{path}");
    }
    assert_eq!(kit.number("SELECT count(*) FROM users").await, 2);
}

#[tokio::test]
async fn a_repeated_sign_up_gets_the_first_response() {
    let kit = kit();
    let send = |name: &str| kit.post("/api/users", person(name)).header("idempotency-key", "k 1");
    let first = send("ann").send().await;
    assert_eq!(first.status, 201);
    let again = send("ann").send().await;
    assert_eq!((again.status, &again.bytes, again.header("location")), (201, &first.bytes, "/api/users/1"));
    assert_eq!(send("bob").send().await.error(), "idempotency_key_reused:Idempotency-Key");
    let rows = kit.sql("SELECT body_hash FROM idempotency", []).await;
    let plain = web::sha256_hex(person("ann").to_string().as_bytes());
    assert_ne!(rows.first().unwrap().text("body_hash"), Some(plain.as_str()), "no hash to guess passwords against");
}

#[tokio::test]
async fn each_request_is_one_transaction_and_hashing_takes_one_more() {
    let kit = kit();
    let ann = user(&kit, "ann").await;
    let path = format!("/api/users/{}", ann.id);
    kit.batches();
    kit.get("/api/users").by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "list");
    kit.get(&path).by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "read");
    kit.patch(&path, json!({"name": "b"})).by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "update");
    kit.patch(&path, json!({"password": "new-password", "current_password": PASSWORD})).by(&ann).send().await;
    assert_eq!(kit.batches(), 2, "a new password");
    sign_up(&kit, "bob").await;
    assert_eq!(kit.batches(), 2, "sign-up");
    kit.delete(&path).by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "delete");
}

#[tokio::test]
async fn changes_are_published_without_addresses_for_strangers() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let path = format!("/api/users/{}", ann.id);
    kit.patch(&path, json!({"name": "b"})).by(&ann).send().await;
    kit.delete(&path).by(&ann).send().await;
    let published = kit.published().await;
    assert_eq!(published.iter().map(|(room, _)| room.as_str()).collect::<Vec<_>>(), ["users/1", "users/1"]);
    let public = published[0].1.public.as_ref().unwrap().text("v1").unwrap();
    let owner = published[0].1.owner.as_ref().unwrap().text("v1").unwrap();
    assert!(owner.contains("ann@example.com") && !public.contains("ann@example.com"));
    assert!(public.contains("\"name\":\"b\"") && published[1].1.end);
}

#[tokio::test]
async fn lists_read_no_more_than_they_show() {
    testkit::plans::check(&crate::routes(), &[]).await;
}
