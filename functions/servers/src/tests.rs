//! The routes over in-memory SQLite with the real migrations.

use protocol::runner::{Heartbeat, Register, Registered, secret_purpose};
use serde_json::{Value, json};
use testkit::{Account, Kit, Reply, golden, rules};

use store::servers::MODELS;

const TOKEN: &str = "registration-token";

fn kit() -> Kit {
    Kit::new(crate::routes())
}

fn runner(name: &str) -> Value {
    let (kind, gpu, version) = ("inference".into(), "H200".into(), "0.1.0".into());
    let memory = 150_754_820_096;
    json!(Register { name: name.into(), kind, gpu, memory, version, models: vec!["tiny".into()] })
}

async fn register(kit: &Kit, name: &str) -> Value {
    let made = kit.post("/api/servers/register", runner(name)).bearer(TOKEN).send().await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()
}

async fn beat(kit: &Kit, registered: &Value, status: &str) -> Reply {
    let path = format!("/api/servers/{}/heartbeat", registered["id"]);
    let heartbeat = Heartbeat { status: status.into(), models: vec!["tiny".into()], loaded: Vec::new() };
    let call = kit.post(&path, json!(heartbeat));
    call.bearer(registered["token"].as_str().unwrap()).send().await
}

async fn status(kit: &Kit, root: &Account) -> Value {
    kit.get("/api/servers/1").by(root).send().await.json()["status"].clone()
}

#[test]
fn openapi_is_fresh() {
    Kit::check_openapi(&crate::routes(), env!("CARGO_MANIFEST_DIR"));
}

#[tokio::test]
async fn replies_are_those_of_the_golden_file() {
    let kit = kit();
    let root = kit.admin("root").await;
    let gpu = register(&kit, "gpu-1").await;
    beat(&kit, &gpu, "working").await;
    kit.sql("UPDATE servers SET port = 22, username = 'draw', ip = '192.0.2.7'", []).await;
    golden::check(&kit, env!("CARGO_MANIFEST_DIR"), "servers", &root, &["/api/servers", "/api/servers/1"]).await;
}

#[tokio::test]
async fn a_server_is_registered_changed_and_deleted() {
    let kit = kit();
    let root = kit.admin("root").await;
    let call = kit.post("/api/servers/register", runner("gpu-1")).bearer(TOKEN).header("cf-connecting-ip", "192.0.2.7");
    let made = call.send().await;
    assert_eq!((made.status, made.header("location")), (201, "/api/servers/1"));
    let expected = json!({"id": 1, "name": "gpu-1", "type": "推理", "ip": "192.0.2.7", "port": 0, "status": "初始化",
        "username": "", "models": [{"name": "tiny", "loaded": false, "memory": null, "model_id": null}],
        "gpu": "H200", "memory": 150_754_820_096_i64, "version": "0.1.0",
        "last_seen": "2026-11-20T00:00:00.000Z", "created_at": "2026-11-20T00:00:00.000Z",
        "updated_at": "2026-11-20T00:00:00.000Z"});
    assert_eq!(kit.get("/api/servers/1").by(&root).send().await.json(), expected);

    let body = json!({"name": "attic", "port": 22, "username": "draw", "password": "hunter2 hunter2"});
    let changed = kit.patch("/api/servers/1", body).by(&root).send().await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let json = changed.json();
    assert_eq!((&json["name"], &json["port"], &json["username"]), (&json!("attic"), &json!(22), &json!("draw")));
    assert!(!changed.text().contains("hunter2"));

    assert_eq!(kit.delete("/api/servers/1").by(&root).send().await.status, 204);
    let never = kit.get("/api/servers/999").by(&root).send().await;
    assert_eq!(never.status, 404);
    assert_eq!(kit.get("/api/servers/1").by(&root).send().await.bytes, never.bytes);
}

#[tokio::test]
async fn the_secret_of_a_registration_is_derived_from_its_epoch() {
    let kit = kit();
    let registered = register(&kit, "gpu-1").await;
    testkit::assert_shape(&crate::REGISTERED, &registered);
    assert!(serde_json::from_value::<Registered>(registered.clone()).is_ok());
    assert_eq!(registered["runner_id"], "1.1");
    let expected = protocol::webhook::derive(kit.config.runner_key.as_bytes(), &secret_purpose(1, 1));
    assert_eq!(registered["secret"], expected.text());
    let again = register(&kit, "gpu-1").await;
    assert_eq!((&again["id"], &again["runner_id"]), (&json!(1), &json!("1.2")));
    assert_ne!(again["secret"], registered["secret"]);
}

#[tokio::test]
async fn the_status_is_that_of_the_last_heartbeat_of_the_last_minute() {
    let kit = kit();
    let root = kit.admin("root").await;
    let first = register(&kit, "gpu-1").await;
    for (sent, shown) in [("starting", "初始化"), ("idle", "閒置"), ("working", "工作中"), ("stopping", "關閉中")]
    {
        kit.wait(10_000);
        let reply = beat(&kit, &first, sent).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, "{}"), "{}", reply.text());
        assert_eq!(status(&kit, &root).await, shown);
    }
    kit.wait(59_999);
    assert_eq!(status(&kit, &root).await, "關閉中");
    kit.wait(1);
    assert_eq!(status(&kit, &root).await, "異常", "silent for a minute");
    beat(&kit, &first, "idle").await;
    assert_eq!(status(&kit, &root).await, "閒置");
    kit.sql("UPDATE servers SET models = '[{\"name\":\"a\",\"loaded\":true}]'", []).await;
    assert_eq!(status(&kit, &root).await, "就緒", "a model is in memory");
    for (filter, total) in [("ready", 1), ("%E5%B0%B1%E7%BB%AA", 1), ("idle", 0)] {
        let found = kit.get(&format!("/api/servers?status={filter}")).by(&root).send().await.json();
        assert_eq!(found["total"], total, "{filter}");
    }
    let seen = kit.get("/api/servers/1").by(&root).send().await.json()["last_seen"].clone();
    assert_eq!(seen, "2026-11-20T00:01:40.000Z");
}

#[tokio::test]
async fn loaded_models_are_shown_as_they_change() {
    let kit = kit();
    let root = kit.admin("root").await;
    let mut registration = runner("gpu-1");
    registration["models"] = json!(["tiny", "big"]);
    let made = kit.post("/api/servers/register", registration).bearer(TOKEN).send().await.json();
    let token = made["token"].as_str().unwrap();
    let beat = |loaded: Value| {
        let body = json!({"status": "working", "models": ["tiny", "big"], "loaded": loaded});
        kit.post("/api/servers/1/heartbeat", body).bearer(token).send()
    };
    let entry = |name: &str, memory: Value, model_id: Value| {
        let loaded = !memory.is_null();
        json!({"name": name, "loaded": loaded, "memory": memory, "model_id": model_id})
    };
    let none = Value::Null;
    // A model of the edge has the name of a local one, which is not loaded.
    for (loaded, shown) in [
        (json!([]), json!([entry("tiny", none.clone(), none.clone()), entry("big", none.clone(), none.clone())])),
        (
            json!([{"name": "big", "memory": 5}, {"name": "tiny", "memory": 7, "model_id": 3}]),
            json!([
                entry("tiny", none.clone(), none.clone()),
                entry("big", json!(5), none.clone()),
                entry("tiny", json!(7), json!(3))
            ]),
        ),
        (
            json!([{"name": "tiny", "memory": 0}]),
            json!([entry("tiny", json!(0), none.clone()), entry("big", none.clone(), none)]),
        ),
    ] {
        kit.wait(1000);
        for _ in 0..2 {
            assert_eq!(beat(loaded.clone()).await.status, 200);
        }
        let server = kit.get("/api/servers/1").by(&root).send().await.json();
        assert_eq!(server["models"], shown);
        testkit::assert_shape(&MODELS, &server["models"]);
        assert_eq!((&server["gpu"], &server["status"]), (&json!("H200"), &json!("工作中")));
    }
    assert_eq!(kit.published().await.len(), 4, "registered, and each change once");
    for bad in [
        json!({}),
        json!(["tiny"]),
        json!([{"name": "a"}]),
        json!([{"name": "a", "memory": -1}]),
        json!([{"name": "a", "memory": 1, "model_id": "x"}]),
    ] {
        let reply = beat(bad.clone()).await;
        assert_eq!((reply.status, reply.error().as_str()), (400, "invalid_parameter:loaded"), "{bad}");
    }
}

#[tokio::test]
async fn registering_again_ends_the_earlier_registration() {
    let kit = kit();
    let root = kit.admin("root").await;
    let first = register(&kit, "gpu-1").await;
    let second = register(&kit, "gpu-1").await;
    assert_eq!(beat(&kit, &first, "working").await.error(), "invalid_token");
    assert_eq!(status(&kit, &root).await, "初始化");
    assert_eq!(beat(&kit, &second, "working").await.status, 200);
    kit.delete("/api/servers/1").by(&root).send().await;
    assert_eq!(beat(&kit, &second, "working").await.error(), "invalid_token");
    assert_eq!(kit.number("SELECT count(*) FROM servers").await, 0);
}

#[tokio::test]
async fn each_token_is_accepted_only_for_its_own_purpose() {
    let kit = kit();
    let (ann, root) = (kit.user("ann").await, kit.admin("root").await);
    let (one, two) = (register(&kit, "gpu-1").await, register(&kit, "gpu-2").await);
    let alive = json!({"status": "idle", "models": []});
    let bearer = |token: &str| kit.post("/api/servers/1/heartbeat", alive.clone()).bearer(token);
    for token in [root.token.as_str(), ann.token.as_str(), TOKEN, "x"] {
        assert_eq!(bearer(token).send().await.error(), "invalid_token");
    }
    assert_eq!(bearer(two["token"].as_str().unwrap()).send().await.error(), "forbidden");
    assert_eq!(kit.post("/api/servers/1/heartbeat", alive.clone()).send().await.error(), "unauthenticated");
    for token in [root.token.as_str(), one["token"].as_str().unwrap(), "registration-toke", "registration-token-"] {
        let reply = kit.post("/api/servers/register", runner("gpu-3")).bearer(token).send().await;
        assert_eq!((reply.status, reply.error().as_str()), (401, "invalid_token"));
    }
    assert_eq!(kit.post("/api/servers/register", runner("gpu-3")).send().await.error(), "unauthenticated");
    let token = one["token"].as_str().unwrap();
    for path in ["/api/servers", "/api/servers/1"] {
        assert_eq!(kit.get(path).bearer(token).send().await.error(), "invalid_token");
    }
    assert_eq!(kit.delete("/api/servers/1").bearer(token).send().await.error(), "invalid_token");
    assert_eq!(kit.number("SELECT count(*) FROM servers").await, 2);
}

#[tokio::test]
async fn only_administrators_see_servers() {
    let kit = kit();
    let (ann, root) = (kit.user("ann").await, kit.admin("root").await);
    register(&kit, "gpu-1").await;
    assert_eq!(kit.get("/api/servers").send().await.error(), "unauthenticated");
    assert_eq!(kit.get("/api/servers").by(&ann).send().await.error(), "forbidden");
    assert_eq!(kit.get("/api/servers").by(&root).send().await.json()["total"], 1);
    let never = kit.get("/api/servers/99").by(&ann).send().await;
    for reply in [kit.get("/api/servers/1").by(&ann).send().await, kit.get("/api/servers/1").send().await] {
        assert_eq!((reply.status, &reply.bytes), (404, &never.bytes));
    }
    let name = json!({"name": "mine"});
    assert_eq!(kit.patch("/api/servers/1", name.clone()).send().await.status, 401);
    assert_eq!(kit.patch("/api/servers/1", name.clone()).by(&ann).send().await.status, 404);
    assert_eq!(kit.delete("/api/servers/1").by(&ann).send().await.status, 404);
    register(&kit, "mine").await;
    let taken = kit.patch("/api/servers/1", name).by(&root).send().await;
    assert_eq!((taken.status, taken.error().as_str()), (409, "name_taken:name"));
    assert_eq!(kit.post("/api/servers", runner("x")).by(&root).send().await.status, 405);
}

#[tokio::test]
async fn lists_filter_and_sort() {
    let kit = kit();
    let root = kit.admin("root").await;
    for (name, kind) in [("b", "推理"), ("a", "training"), ("貓貓", "訓練")] {
        kit.wait(1000);
        let mut body = runner(name);
        body["type"] = json!(kind);
        assert_eq!(kit.post("/api/servers/register", body).bearer(TOKEN).send().await.status, 201);
    }
    kit.sql("UPDATE servers SET last_seen = 0 WHERE name = 'a'", []).await;
    for (query, names) in [
        ("", "貓貓 a b"),
        ("sort=name", "a b 貓貓"),
        ("sort=date%2B", "b a 貓貓"),
        ("sort=lastSeen&size=1", "貓貓"),
        ("type=training", "貓貓 a"),
        ("type=%E6%8E%A8%E7%90%86,training", "貓貓 a b"),
        ("status=lost", "a"),
        ("status=%E7%95%B0%E5%B8%B8,idle", "a"),
        ("status=starting", "貓貓 b"),
        ("status=ready", ""),
        ("search=%E8%B2%93%E8%B2%93", "貓貓"),
        ("date=2026-", ""),
    ] {
        let json = kit.get(&format!("/api/servers?{query}")).by(&root).send().await.json();
        let list: Vec<&str> = json["list"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
        assert_eq!(list.join(" "), names, "{query}");
    }
    let v0 = kit.get("/api/servers?profile=v0&size=1").by(&root).send().await.json();
    let server = &v0["list"][0];
    assert_eq!((&server["type"], server["lastSeen"].is_string(), server["id"].is_i64()), (&json!("訓練"), true, true));
    assert!(server.get("last_seen").is_none());
    for (query, error) in [("type=x", "invalid_parameter:type"), ("status=", "invalid_parameter:status")] {
        let reply = kit.get(&format!("/api/servers?{query}")).by(&root).send().await;
        assert_eq!((reply.status, reply.error().as_str()), (400, error));
    }
}

#[tokio::test]
async fn refused_requests_name_the_field_and_change_nothing() {
    let kit = kit();
    let root = kit.admin("root").await;
    let broken = |field: &str, value: Value| {
        let mut body = runner("gpu-1");
        body[field] = value;
        body
    };
    let refusals = [
        (json!({}), "400 missing_parameter:name"),
        (broken("name", json!("")), "400 invalid_parameter:name"),
        (broken("name", json!("a,b")), "400 invalid_parameter:name"),
        (broken("name", json!("長".repeat(65))), "400 invalid_parameter:name"),
        (broken("type", json!("drawing")), "400 invalid_parameter:type"),
        (broken("type", Value::Null), "400 missing_parameter:type"),
        (broken("gpu", json!("\u{1b}[31m")), "400 invalid_parameter:gpu"),
        (broken("memory", json!(-1)), "400 invalid_parameter:memory"),
        (broken("memory", json!(9_007_199_254_740_992_i64)), "400 invalid_parameter:memory"),
        (broken("memory", json!(1e300)), "400 invalid_parameter:memory"),
        (broken("models", Value::Null), "400 missing_parameter:models"),
        (broken("models", json!("tiny")), "400 invalid_parameter:models"),
        (broken("models", json!([7])), "400 invalid_parameter:models"),
        (broken("models", json!(vec!["m"; 201])), "400 invalid_parameter:models"),
    ];
    let deployment = Account { id: 0, session_id: String::new(), token: TOKEN.into() };
    rules::refuses_bodies(&kit, "POST", "/api/servers/register", &deployment, &refusals).await;
    rules::refuses_malformed_bodies(&kit, "POST", "/api/servers/register", &deployment).await;
    assert_eq!(kit.number("SELECT count(*) FROM servers").await, 0);

    let registered = register(&kit, "gpu-1").await;
    assert_eq!(beat(&kit, &registered, "asleep").await.error(), "invalid_parameter:status");
    let refusals = [
        (json!({}), "400 nothing_to_change"),
        (json!({"port": 65_536}), "400 invalid_parameter:port"),
        (json!({"name": 1}), "400 invalid_parameter:name"),
    ];
    rules::refuses_bodies(&kit, "PATCH", "/api/servers/1", &root, &refusals).await;
    for path in ["/api/servers/0", "/api/servers/-1", "/api/servers/register", "/api/servers/9007199254740992"] {
        assert!([404, 405].contains(&kit.get(path).by(&root).send().await.status), "{path}");
    }
    let lost = kit.post("/api/servers/x/heartbeat", json!({})).bearer("x").send().await;
    assert_eq!(lost.status, 404);
}

#[tokio::test]
async fn each_request_is_one_transaction() {
    let kit = kit();
    let root = kit.admin("root").await;
    let registered = register(&kit, "gpu-1").await;
    assert_eq!(kit.batches(), 1, "register");
    beat(&kit, &registered, "idle").await;
    assert_eq!(kit.batches(), 1, "heartbeat");
    kit.get("/api/servers").by(&root).send().await;
    assert_eq!(kit.batches(), 1, "list");
    kit.get("/api/servers/1").by(&root).send().await;
    assert_eq!(kit.batches(), 1, "read");
    kit.patch("/api/servers/1", json!({"port": 1})).by(&root).send().await;
    assert_eq!(kit.batches(), 1, "update");
    kit.delete("/api/servers/1").by(&root).send().await;
    assert_eq!(kit.batches(), 1, "delete");
}

#[tokio::test]
async fn heartbeats_that_change_nothing_are_not_published() {
    let kit = kit();
    let registered = register(&kit, "gpu-1").await;
    for (wait, status) in [(1000, "idle"), (1000, "idle"), (1000, "working"), (60_000, "working")] {
        kit.wait(wait);
        beat(&kit, &registered, status).await;
    }
    let events = kit.published().await;
    let seen: Vec<&str> = events.iter().map(|(_, e)| e.owner.as_ref().unwrap().text("v1").unwrap()).collect();
    assert_eq!(seen.len(), 4, "registered, idle, working, back: {seen:?}");
    assert!(seen[1].contains("閒置") && seen[2].contains("工作中") && seen[3].contains("工作中"));
    assert!(events.iter().all(|(room, event)| room == "servers/1" && event.public.is_none() && !event.end));
    assert!(events.windows(2).all(|pair| pair[0].1.seq < pair[1].1.seq));
}

#[tokio::test]
async fn lists_read_no_more_than_they_show() {
    testkit::plans::check(&crate::routes(), &[]).await;
}
