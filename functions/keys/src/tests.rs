//! The routes over in-memory SQLite with the real migrations.

use serde_json::{Value, json};
use testkit::rules::{self, CreatedBy, Resource, SeenBy};
use testkit::{Account, Kit, Reply, golden};

const ALL: [&str; 3] = ["read", "tasks", "write"];

fn kit() -> Kit {
    Kit::new(crate::routes())
}

/// Creates an API key. Returns its JSON, and the account, authenticated by the new key.
async fn key(kit: &Kit, by: &Account, body: Value) -> (Value, Account) {
    kit.wait(1);
    let made = kit.post("/api/keys", body).by(by).send().await;
    assert_eq!(made.status, 201, "{}", made.text());
    let json = made.json();
    let token = json["key"].as_str().unwrap().to_string();
    (json, Account { id: by.id, session_id: String::new(), token })
}

#[test]
fn openapi_is_fresh() {
    Kit::check_openapi(&crate::routes(), env!("CARGO_MANIFEST_DIR"));
}

#[tokio::test]
async fn keys_keep_the_rules_of_every_resource() {
    let resource = Resource {
        path: "/api/keys",
        create: &|n| json!({"name": format!("k{n}")}),
        change: Some(json!({"name": "changed", "scopes": ["read"]})),
        seen_by: SeenBy::OwnerAlone,
        created_by: CreatedBy::Users,
    };
    resource.check(&kit()).await;
}

#[tokio::test]
async fn replies_are_those_of_the_golden_file() {
    let kit = kit();
    let ann = kit.user("ann").await;
    key(&kit, &ann, json!({"name": "備份", "scopes": ["read"], "expires_at": "2030-01-01T00:00:00Z"})).await;
    golden::check(&kit, env!("CARGO_MANIFEST_DIR"), "keys", &ann, &["/api/keys", "/api/keys/1"]).await;
}

#[tokio::test]
async fn a_key_from_beginning_to_end() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let made = kit.post("/api/keys", json!({"name": " 備份 "})).by(&ann).send().await;
    assert_eq!((made.status, made.header("location")), (201, "/api/keys/1"));
    let text = made.json()["key"].as_str().unwrap().to_string();
    assert!(text.starts_with("sk-1-") && text.len() == 53, "{text}");
    let mut expected = json!({"id": 1, "name": "備份", "prefix": &text[..11], "scopes": ALL, "user_id": 1,
        "last_used_at": null, "expires_at": null,
        "created_at": "2026-11-20T00:00:00.000Z", "updated_at": "2026-11-20T00:00:00.000Z"});
    assert_eq!(kit.get("/api/keys/1").by(&ann).send().await.json(), expected, "the text is shown once");
    let list = kit.get("/api/keys").by(&ann).send().await;
    assert_eq!(list.json()["list"], json!([expected]));
    expected["key"] = json!(text);
    assert_eq!(made.json(), expected);
    for (table, sql) in [
        ("keys", "SELECT group_concat(hash || prefix || name || scopes) AS t FROM keys"),
        ("idempotency", "SELECT coalesce(group_concat(response), '') AS t FROM idempotency"),
    ] {
        let rows = kit.sql(sql, []).await;
        assert!(!rows.first().unwrap().text("t").unwrap().contains(&text[11..]), "{table} holds the secret");
    }

    kit.wait(5000);
    let (carrier, bearer) = (format!("Bearer {text}"), format!("bearer  {text} "));
    for (name, value) in [
        ("authorization", carrier.as_str()),
        ("authorization", bearer.as_str()),
        ("authorization", text.as_str()),
        ("token", text.as_str()),
        ("x-api-key", text.as_str()),
    ] {
        let reply = kit.get("/api/keys/1").header(name, value).send().await;
        assert_eq!((reply.status, reply.json()["last_used_at"].clone()), (200, json!("2026-11-20T00:00:05.000Z")));
    }
    let patch = json!({"name": "b", "scopes": ["write", "read", "read"]});
    let patched = kit.patch("/api/keys/1", patch).by(&ann).send().await.json();
    assert_eq!((&patched["name"], &patched["scopes"]), (&json!("b"), &json!(["read", "write"])));
    assert_eq!(patched["updated_at"], "2026-11-20T00:00:05.000Z");

    assert_eq!(kit.delete("/api/keys/1").bearer(&text).send().await.status, 204, "it may revoke itself");
    let gone = kit.get("/api/keys").bearer(&text).send().await;
    assert_eq!((gone.status, gone.error().as_str()), (401, "invalid_token"), "at once");
    let never = kit.get("/api/keys/999").by(&ann).send().await;
    assert_eq!(never.status, 404);
    assert_eq!(kit.get("/api/keys/1").by(&ann).send().await.bytes, never.bytes);
}

#[tokio::test]
async fn v0_takes_and_shows_camel_case_keys() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let made = kit.post("/api/keys?profile=v0", json!({"name": "a", "expiresAt": "2027-01-01T00:00:00Z"}));
    let made = made.by(&ann).send().await.json();
    assert_eq!((&made["expiresAt"], made.get("expires_at")), (&json!("2027-01-01T00:00:00.000Z"), None));
    assert_eq!(made["user"], json!({"id": 1, "user_name": "ann"}));
    let by_key = kit.get("/api/keys?profile=v0&pageSize=1").bearer(made["key"].as_str().unwrap()).send().await.json();
    assert_eq!((&by_key["pageSize"], &by_key["list"][0]["prefix"]), (&json!(1), &made["prefix"]));
    assert!(by_key["list"][0]["lastUsedAt"].is_string() && by_key["list"][0].get("key").is_none());
}

#[tokio::test]
async fn lists_show_the_callers_keys_and_are_filtered() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    let (_, used) = key(&kit, &ann, json!({"name": "backup"})).await;
    key(&kit, &ann, json!({"name": "備份 nightly"})).await;
    key(&kit, &bob, json!({"name": "Backup"})).await;
    kit.get("/api/keys").by(&used).send().await;
    for (by, query, expected) in [
        (&ann, "", "備份 nightly|backup"),
        (&used, "", "備份 nightly|backup"),
        (&ann, "?sort=date%2B", "backup|備份 nightly"),
        (&ann, "?sort=lastUsedAt", "backup|備份 nightly"),
        (&ann, "?search=%E5%82%99%E4%BB%BD", "備份 nightly"),
        (&ann, "?search=BACKUP", "backup"),
        (&ann, "?search=sk-1-", "備份 nightly|backup"),
        (&ann, "?user=2", ""),
        (&bob, "?user=me", "Backup"),
        (&bob, "?date=2025", ""),
        (&root, "?sort=name", "Backup|backup|備份 nightly"),
        (&root, "?user=1,2&size=2&page=2", "backup"),
        (&root, "?user_id=2", "Backup"),
    ] {
        let json = kit.get(&format!("/api/keys{query}")).by(by).send().await.json();
        let names: Vec<&str> = json["list"].as_array().unwrap().iter().map(|k| k["name"].as_str().unwrap()).collect();
        assert_eq!(names.join("|"), expected, "{query}");
    }
}

#[tokio::test]
async fn administrators_see_and_delete_keys_of_others_but_do_not_change_them() {
    let kit = kit();
    let (ann, root) = (kit.user("ann").await, kit.admin("root").await);
    key(&kit, &ann, json!({"name": "a"})).await;
    let never = kit.get("/api/keys/99").send().await;
    assert_eq!((never.status, never.error().as_str()), (404, "not_found"));
    assert_eq!(kit.get("/api/keys/1").send().await.bytes, never.bytes, "hidden from anyone without a credential");
    assert_eq!(kit.get("/api/keys/1").by(&root).send().await.json()["name"], "a", "visible");
    let renamed = kit.patch("/api/keys/1", json!({"name": "x"})).by(&root).send().await;
    assert_eq!((renamed.status, renamed.error().as_str()), (403, "forbidden"), "not theirs to change");
    assert_eq!(kit.get("/api/keys/1").by(&ann).send().await.json()["name"], "a");
    let as_root = kit.key(&root, &["write"]).await;
    assert_eq!(kit.delete("/api/keys/1").by(&as_root).send().await.status, 204, "a key acts with its user's rights");
}

#[tokio::test]
async fn scopes_limit_what_a_key_may_do() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let victim = kit.key(&ann, &ALL).await;
    for scopes in [vec!["read"], vec!["tasks"], vec!["write"], vec!["read", "tasks"], vec!["read", "write"]] {
        let key = kit.key(&ann, &scopes).await;
        for (method, path, needed) in [
            ("GET", "/api/keys", "read"),
            ("GET", "/api/keys/1", "read"),
            ("HEAD", "/api/keys", "read"),
            ("PATCH", "/api/keys/1", "write"),
            ("POST", "/api/keys", "write"),
            ("DELETE", "/api/keys/99", "write"),
        ] {
            let body = if method == "POST" { json!({"name": "x", "scopes": scopes}) } else { json!({"name": "x"}) };
            let reply = kit.call(method, path).json(body).by(&key).send().await;
            let allowed = scopes.contains(&needed);
            assert_eq!(reply.status != 403, allowed, "{method} {path} with {scopes:?}: {}", reply.text());
            if !allowed && method != "HEAD" {
                assert_eq!(reply.error(), "missing_scope");
            }
        }
    }
    assert_eq!(kit.get("/api/keys").by(&victim).send().await.status, 200);
}

#[tokio::test]
async fn a_key_created_with_a_key_has_no_further_scopes_and_no_later_end() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let soon = kit.now().plus(60_000).rfc3339();
    let (_, parent) = key(&kit, &ann, json!({"name": "a", "scopes": ["read", "write"], "expires_at": soon})).await;
    for scopes in [json!(ALL), json!(["tasks"]), json!(null)] {
        let reply = kit.post("/api/keys", json!({"name": "b", "scopes": scopes})).by(&parent).send().await;
        assert_eq!((reply.status, reply.error().as_str()), (403, "missing_scope"), "{scopes}");
    }
    let later = kit.now().plus(90_000).rfc3339();
    let sooner = kit.now().plus(30_000).rfc3339();
    for (asked, end) in [(json!(null), &soon), (json!(later), &soon), (json!(sooner), &sooner)] {
        let (made, _) = key(&kit, &parent, json!({"name": "b", "scopes": ["read"], "expires_at": asked})).await;
        assert_eq!(made["expires_at"], json!(end), "ends no later than its parent");
    }
    let wider = kit.patch("/api/keys/1", json!({"scopes": ALL}));
    assert_eq!(wider.by(&parent).send().await.error(), "missing_scope", "nor can it widen itself");
    let narrower = kit.patch("/api/keys/1", json!({"scopes": ["write"]})).by(&parent).send().await;
    assert_eq!((narrower.status, &narrower.json()["scopes"]), (200, &json!(["write"])));
    assert_eq!(kit.get("/api/keys").by(&parent).send().await.error(), "missing_scope", "at once");
    let wider = kit.patch("/api/keys/1", json!({"scopes": ALL})).by(&ann).send().await;
    assert_eq!(wider.json()["scopes"], json!(ALL), "with a session it can be widened");
}

#[tokio::test]
async fn a_key_ends_at_its_end_and_with_its_user() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let end = kit.now().plus(60_001).rfc3339();
    let (_, mut short) = key(&kit, &ann, json!({"name": "a", "expires_at": end})).await;
    let (_, long) = key(&kit, &ann, json!({"name": "b"})).await;
    let (_, bobs) = key(&kit, &bob, json!({"name": "b"})).await;
    kit.wait(59_997);
    assert_eq!(kit.get("/api/keys").by(&short).send().await.status, 200);
    kit.wait(1);
    let ended = kit.get("/api/keys").by(&short).send().await;
    assert_eq!((ended.status, ended.error().as_str()), (401, "invalid_token"));
    assert_eq!(kit.get("/api/keys/1").by(&ann).send().await.json()["expires_at"], end, "still listed");
    short.token = format!("{}0", short.token);
    assert_eq!(kit.get("/api/keys").by(&short).send().await.bytes, ended.bytes, "as a key that does not exist");
    kit.sql("DELETE FROM users WHERE id = 1", []).await;
    assert_eq!(kit.get("/api/keys").by(&long).send().await.bytes, ended.bytes);
    assert_eq!(kit.number("SELECT count(*) FROM keys").await, 1);
    assert_eq!(kit.get("/api/keys").by(&bobs).send().await.status, 200);
}

#[tokio::test]
async fn forged_keys_are_refused() {
    let kit = kit();
    let (ann, root) = (kit.user("ann").await, kit.admin("root").await);
    let (_, mine) = key(&kit, &ann, json!({"name": "a"})).await;
    key(&kit, &root, json!({"name": "a"})).await;
    let secret = mine.token.rsplit('-').next().unwrap();
    for forged in [
        format!("sk-2-{secret}"),
        format!("sk-01-{secret}"),
        format!("sk-1-{}", secret.to_uppercase()),
        format!("sk-1-{}", &secret[..47]),
        format!("sk-1-{}", "0".repeat(48)),
        format!("sk-1-{secret}-"),
        format!("sk-0-{secret}"),
        format!("sk-fffffffffffffffffffffff-{secret}"),
        format!("SK-1-{secret}"),
        format!("sk-1' OR 1=1 --{secret}"),
        "sk-".into(),
        format!("sk-1-{}", "a".repeat(5000)),
    ] {
        let reply = kit.get("/api/keys").bearer(&forged).send().await;
        assert_eq!((reply.status, reply.error().as_str()), (401, "invalid_token"), "{forged:.80}");
        assert_eq!(kit.get("/api/keys/1").header("x-api-key", &forged).send().await.status, 401, "{forged:.80}");
    }
    assert_eq!(kit.number("SELECT count(*) FROM keys WHERE last_used_at IS NOT NULL").await, 0);
}

#[tokio::test]
async fn last_used_at_is_recorded_once_a_minute() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let key = kit.key(&ann, &["read"]).await;
    let last = async || kit.number("SELECT last_used_at FROM keys").await - 1_795_132_800_000;
    kit.get("/api/keys").by(&key).send().await;
    assert_eq!(last().await, 0);
    kit.wait(59_999);
    kit.get("/api/keys").by(&key).send().await;
    assert_eq!(last().await, 0, "not yet a minute");
    kit.wait(1);
    kit.delete("/api/keys/1").by(&key).send().await;
    assert_eq!(last().await, 0, "a refused request records nothing");
    kit.get("/api/keys").by(&key).send().await;
    assert_eq!(last().await, 60_000);
}

#[tokio::test]
async fn bad_requests_are_named_and_change_nothing() {
    let kit = kit();
    let ann = kit.user("ann").await;
    key(&kit, &ann, json!({"name": "a"})).await;
    for (method, path) in [("POST", "/api/keys"), ("PATCH", "/api/keys/1")] {
        rules::refuses_malformed_bodies(&kit, method, path, &ann).await;
    }
    let creations = [
        (json!({}), "400 missing_parameter:name"),
        (json!({"name": ""}), "400 invalid_parameter:name"),
        (json!({"name": 7}), "400 invalid_parameter:name"),
        (json!({"name": "長".repeat(65)}), "400 invalid_parameter:name"),
        (json!({"name": "a", "scopes": []}), "400 invalid_parameter:scopes"),
        (json!({"name": "a", "scopes": "read"}), "400 invalid_parameter:scopes"),
        (json!({"name": "a", "scopes": ["root"]}), "400 invalid_parameter:scopes"),
        (json!({"name": "a", "scopes": [1e300]}), "400 invalid_parameter:scopes"),
        (json!({"name": "a", "expires_at": "soon"}), "400 invalid_parameter:expires_at"),
        (json!({"name": "a", "expires_at": 99_999_999_999_999_i64}), "400 invalid_parameter:expires_at"),
        (json!({"name": "a", "expires_at": "2026-11-20T00:00:00Z"}), "400 invalid_parameter:expires_at"),
    ];
    rules::refuses_bodies(&kit, "POST", "/api/keys", &ann, &creations).await;
    let changes = [
        (json!({}), "400 nothing_to_change"),
        (json!({"scopes": []}), "400 invalid_parameter:scopes"),
        (json!({"name": []}), "400 invalid_parameter:name"),
        (json!({"expires_at": "2030-01-01T00:00:00Z"}), "400 nothing_to_change"),
    ];
    rules::refuses_bodies(&kit, "PATCH", "/api/keys/1", &ann, &changes).await;
    for (query, error) in [("user=x", "invalid_parameter:user"), ("sort=hash", "unknown_sort:sort")] {
        let reply = kit.get(&format!("/api/keys?{query}")).by(&ann).send().await;
        assert_eq!((reply.status, reply.error().as_str()), (400, error), "{query}");
    }
    assert_eq!(kit.number("SELECT count(*) FROM keys WHERE name = 'a' AND updated_at = created_at").await, 1);
    let far = kit.post("/api/keys", json!({"name": "b", "expires_at": "9999-12-31T23:59:59Z"})).by(&ann).send().await;
    assert_eq!(far.json()["expires_at"], "9999-12-31T23:59:59.000Z");
    let quoted = kit.post("/api/keys", json!({"name": "\",\"key\":\"x"})).by(&ann).send().await;
    assert_eq!((&quoted.json()["name"], quoted.status), (&json!("\",\"key\":\"x"), 201));
    assert!(quoted.json()["key"].as_str().unwrap().starts_with("sk-1-"));
}

/// A creation with always the same `Idempotency-Key`.
async fn send(kit: &Kit, by: &Account, name: &str) -> Reply {
    kit.post("/api/keys", json!({"name": name})).header("idempotency-key", "k 1").by(by).send().await
}

#[tokio::test]
async fn a_repeat_shows_the_same_key_though_its_text_is_not_stored() {
    let mut kit = kit();
    let ann = kit.user("ann").await;
    let first = send(&kit, &ann, "a").await;
    assert_eq!(first.status, 201, "{}", first.text());
    kit.wait(60_000);
    let again = send(&kit, &ann, "a").await;
    assert_eq!((again.status, &again.bytes, again.header("location")), (201, &first.bytes, first.header("location")));
    assert_eq!(send(&kit, &ann, "b").await.status, 422);
    assert_eq!(kit.number("SELECT count(*) FROM keys").await, 1);
    let rows = kit.sql("SELECT response FROM idempotency", []).await;
    let stored: Value = serde_json::from_str(rows.first().unwrap().text("response").unwrap()).unwrap();
    let text = first.json()["key"].as_str().unwrap().to_string();
    assert!(!stored.to_string().contains(&text[11..]));
    let nonce = stored["key"].as_str().unwrap();
    assert_eq!(nonce.len(), 64);
    assert_eq!(kit.get("/api/keys").bearer(&format!("sk-1-{}", &nonce[..48])).send().await.status, 401);
    let lesser = kit.key(&ann, &["write"]).await;
    assert_eq!(send(&kit, &lesser, "a").await.error(), "missing_scope", "a lesser key learns nothing by it");

    // Another key signs now, the former is still known.
    kit.config.jwt_keys.insert(0, ("t2".into(), "newer-key-newer-key-newer-key-newer-key".into()));
    assert_eq!(send(&kit, &ann, "a").await.bytes, first.bytes);
    assert_eq!(kit.get("/api/keys").bearer(&text).send().await.status, 200);
    kit.config.jwt_keys.truncate(1);
    assert_eq!(
        kit.get("/api/keys").bearer(&text).send().await.status,
        200,
        "keys outlive the signing key they were derived from"
    );
}

#[tokio::test]
async fn a_user_has_at_most_fifty_keys() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    for _ in 0..49 {
        kit.key(&ann, &["read"]).await;
    }
    let last = || kit.post("/api/keys", json!({"name": "last"})).header("idempotency-key", "last").by(&ann);
    let made = last().send().await;
    assert_eq!(made.status, 201);
    let more = kit.post("/api/keys", json!({"name": "more"})).by(&ann).send().await;
    assert_eq!((more.status, more.error().as_str()), (409, "too_many_keys"));
    assert_eq!(last().send().await.bytes, made.bytes, "a repeat creates no further key");
    assert_eq!(kit.number("SELECT count(*) FROM keys").await, 50);
    key(&kit, &bob, json!({"name": "a"})).await;
    kit.delete("/api/keys/1").by(&ann).send().await;
    key(&kit, &ann, json!({"name": "more"})).await;
}

#[tokio::test]
async fn each_request_with_a_key_is_one_transaction() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let by = &kit.key(&ann, &ALL).await;
    kit.batches();
    kit.get("/api/keys").by(by).send().await;
    assert_eq!(kit.batches(), 1, "list");
    let made = kit.post("/api/keys", json!({"name": "a"})).header("idempotency-key", "k").by(by);
    let made = made.send().await;
    assert_eq!(kit.batches(), 1, "create");
    let path = made.header("location").to_string();
    kit.get(&path).by(by).send().await;
    assert_eq!(kit.batches(), 1, "read");
    kit.patch(&path, json!({"name": "b", "scopes": ["read"]})).by(by).send().await;
    assert_eq!(kit.batches(), 1, "update");
    assert_eq!(kit.delete(&path).by(by).send().await.status, 204);
    assert_eq!(kit.batches(), 1, "delete");
    kit.get("/api/keys").bearer("sk-1-x").send().await;
    assert_eq!(kit.batches(), 0, "text without the form of a key is not looked up");
}

#[tokio::test]
async fn a_key_watches_itself_and_frames_do_not_show_its_text() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let (_, mine) = key(&kit, &ann, json!({"name": "a"})).await;
    let watch = |by: &Account| kit.get("/api/keys/1").header("upgrade", "websocket").by(by);
    assert_eq!(watch(&mine).send().await.status, 200);
    kit.patch("/api/keys/1", json!({"name": "b"})).by(&mine).send().await;
    let published = kit.published().await;
    assert_eq!(published.iter().map(|(room, _)| room.as_str()).collect::<Vec<_>>(), ["keys/1"]);
    let frame = published[0].1.owner.as_ref().unwrap().text("v1").unwrap();
    assert!(frame.contains("\"name\":\"b\"") && !frame.contains("\"key\""));
}

#[tokio::test]
async fn lists_read_no_more_than_they_show() {
    // A user has few keys, and an index of `last_used_at` would be written with every use of one.
    testkit::plans::check(&crate::routes(), &["sort=lastUsedAt"]).await;
}
