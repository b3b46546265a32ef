//! The routes over in-memory SQLite with the real migrations. What runners do is tested in `callbacks`.

mod line;
mod models;

use edge::native::{Account, Kit};
use serde_json::{Value, json};

fn kit() -> Kit {
    Kit::new(crate::routes())
}

async fn submit(kit: &Kit, by: &Account, body: Value) -> Value {
    let reply = kit.post("/api/tasks", body).by(by).send().await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()
}

#[test]
fn openapi_is_fresh() {
    Kit::check_openapi(&crate::routes(), env!("CARGO_MANIFEST_DIR"));
}

#[tokio::test]
async fn a_submitted_task_waits_with_its_defaults_and_a_hint_for_the_runners() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let task = submit(&kit, &ann, json!({"type": "推理", "prompt": "a red circle", "tags": ["b", "動物", "b"]})).await;
    assert_eq!((task["id"].clone(), task["status"].clone()), (json!(1), json!("waiting")));
    assert_eq!((task["type"].clone(), task["name"].clone()), (json!("inference"), json!("a red circle")));
    let params = &task["params"];
    for (name, value) in [
        ("width", json!(512)),
        ("height", json!(512)),
        ("num_inference_steps", json!(20)),
        ("guidance_scale", json!(7.5)),
        ("scheduler", json!("DDIM")),
        ("n", json!(1)),
        ("negative_prompt", json!("")),
        ("tags", json!(["b", "動物"])),
    ] {
        assert_eq!(params[name], value, "{name}");
    }
    assert!(params["seed"].as_i64().is_some_and(|s| (0..=2_147_483_647).contains(&s)), "a seed nobody chose is fixed");
    assert_eq!(
        (task["images"].clone(), task["error"].clone(), task["data"].clone()),
        (json!([]), json!(null), json!({}))
    );
    kit.settle().await;
    let hints = kit.sql("SELECT queue, body FROM queue_messages", []).await;
    assert_eq!(hints.first().unwrap().text("queue"), Some("inference"));
    assert_eq!(hints.first().unwrap().text("body"), Some(r#"{"task_id":1}"#));
    assert_eq!(kit.number("SELECT count(*) FROM outbox").await, 0, "delivered");
}

#[tokio::test]
async fn every_parameter_is_checked_and_named() {
    let kit = kit();
    let ann = kit.user("ann").await;
    for (field, value) in [
        ("prompt", json!("")),
        ("prompt", json!(5)),
        ("prompt", json!("x".repeat(4001))),
        ("negative_prompt", json!([])),
        ("width", json!(63)),
        ("width", json!(65)),
        ("width", json!(2056)),
        ("height", json!("512")),
        ("height", json!(-8)),
        ("num_inference_steps", json!(0)),
        ("num_inference_steps", json!(501)),
        ("num_inference_steps", json!(20.5)),
        ("guidance_scale", json!(0.99)),
        ("guidance_scale", json!(20.1)),
        ("guidance_scale", json!("7")),
        ("scheduler", json!("ddim")),
        ("seed", json!(-1)),
        ("seed", json!(2_147_483_648_i64)),
        ("seed", json!(1e300)),
        ("n", json!(0)),
        ("n", json!(9)),
        ("type", json!("dance")),
        ("tags", json!("a")),
        ("tags", json!(["a,b"])),
        ("public", json!("yes")),
        ("strength", json!(1.5)),
        ("from_image", json!("file:///etc/passwd")),
        ("model_id", json!(0)),
        ("loras", json!([{"model_id": 1, "weight": 9}])),
        ("name", json!("x".repeat(201))),
    ] {
        let mut body = json!({"prompt": "a"});
        body[field] = value.clone();
        let reply = kit.post("/api/tasks", body).by(&ann).send().await;
        assert_eq!((reply.status, reply.error()), (400, format!("invalid_parameter:{field}")), "{value}");
    }
    let missing = kit.post("/api/tasks", json!({"width": 64})).by(&ann).send().await;
    assert_eq!((missing.status, missing.error().as_str()), (400, "missing_parameter:prompt"));
    let beyond = json!({"prompt": "a", "seed": 2_147_483_647, "n": 2});
    assert_eq!(kit.post("/api/tasks", beyond).by(&ann).send().await.error(), "invalid_parameter:seed");
    submit(&kit, &ann, json!({"prompt": "a", "seed": 2_147_483_646, "n": 2, "numInferenceSteps": 500.0})).await;
    assert_eq!(kit.number("SELECT count(*) FROM tasks").await, 1, "nothing else was kept");
}

#[tokio::test]
async fn every_scheduler_of_the_contract_is_served() {
    let kit = kit();
    let ann = kit.user("ann").await;
    for (name, _) in domain::task::SCHEDULERS {
        let task = submit(&kit, &ann, json!({"prompt": "a", "scheduler": name})).await;
        assert_eq!(task["params"]["scheduler"], *name);
    }
    assert_eq!(kit.number("SELECT count(*) FROM tasks").await, 6);
}

#[tokio::test]
async fn what_is_not_served_yet_is_said() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let reply = kit.post("/api/tasks", json!({"prompt": "a", "type": "訓練"})).by(&ann).send().await;
    assert_eq!((reply.status, reply.error().as_str()), (400, "unsupported_parameter:type"));
}

#[tokio::test]
async fn tasks_are_seen_by_their_owner_and_admins() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    submit(&kit, &ann, json!({"prompt": "a"})).await;
    for (who, total) in [(&ann, 1), (&bob, 0), (&root, 1)] {
        assert_eq!(kit.get("/api/tasks").by(who).send().await.json()["total"], total);
    }
    assert_eq!(kit.get("/api/tasks").send().await.json()["total"], 0);
    let never = kit.get("/api/tasks/99").by(&bob).send().await;
    assert_eq!(never.status, 404);
    for method in ["GET", "PATCH", "DELETE"] {
        let call = kit.call(method, "/api/tasks/1").json(json!({"name": "x"})).by(&bob);
        assert_eq!(call.send().await.bytes, never.bytes, "{method}");
    }
    assert_eq!(kit.post("/api/tasks/1/cancel", json!({})).by(&bob).send().await.bytes, never.bytes);
    assert_eq!(kit.get("/api/tasks/1").send().await.status, 404);
    assert_eq!(kit.post("/api/tasks", json!({"prompt": "a"})).send().await.status, 401);
    assert_eq!(kit.patch("/api/tasks/1", json!({"name": "n"})).by(&root).send().await.json()["name"], "n");
}

#[tokio::test]
async fn the_earlier_profile_knows_four_states() {
    let kit = kit();
    let ann = kit.user("ann").await;
    submit(&kit, &ann, json!({"prompt": "a"})).await;
    kit.sql("UPDATE tasks SET status = 'initial'", []).await;
    let task = kit.get("/api/tasks/1?profile=v0").by(&ann).send().await.json();
    assert_eq!((task["id"].clone(), task["status"].clone()), (json!("1"), json!("waiting")));
    assert_eq!(task["user"], json!({"id": ann.id, "user_name": "ann"}));
    assert!(task.get("user_id").is_none() && task["createdAt"].is_string());
}

#[tokio::test]
async fn filters() {
    let kit = kit();
    let ann = kit.user("ann").await;
    submit(&kit, &ann, json!({"prompt": "一隻貓在窗台上", "tags": ["動物"]})).await;
    submit(&kit, &ann, json!({"prompt": "b", "public": false, "tags": ["風景"]})).await;
    for (query, total) in [
        ("search=%E7%AA%97%E5%8F%B0", 1),
        ("tag=%E5%8B%95%E7%89%A9", 1),
        ("tag=%E5%8B%95%E7%89%A9,%E9%A2%A8%E6%99%AF", 2),
        ("tag=%E5%8B%95%E7%89%A9&tag=%E9%A2%A8%E6%99%AF", 0),
        ("status=waiting,running", 2),
        ("status=success", 0),
        ("type=%E6%8E%A8%E7%90%86", 2),
        ("public=false", 1),
        ("user=me", 2),
        ("user_id=99", 0),
    ] {
        let reply = kit.get(&format!("/api/tasks?{query}")).by(&ann).send().await;
        assert_eq!(reply.json()["total"], total, "{query}");
    }
    assert_eq!(kit.get("/api/tasks?status=done").by(&ann).send().await.error(), "invalid_parameter:status");
}

#[tokio::test]
async fn a_waiting_task_is_canceled_at_once_and_only_once() {
    let kit = kit();
    let ann = kit.user("ann").await;
    submit(&kit, &ann, json!({"prompt": "a"})).await;
    let canceled = kit.post("/api/tasks/1/cancel", json!({})).by(&ann).send().await.json();
    assert_eq!((canceled["status"].clone(), canceled["error"]["code"].clone()), (json!("error"), json!("canceled")));
    assert!(canceled["finished_at"].is_string());
    let told = kit.told().await;
    assert!(told.iter().any(|(room, event)| room == "tasks/1" && event.end));
    assert!(told.iter().any(|(room, _)| *room == format!("notifications/{}", ann.id)));
    let again = kit.post("/api/tasks/1/cancel", json!({})).by(&ann).send().await;
    assert_eq!((again.status, again.error().as_str()), (409, "task_ended"));
}

#[tokio::test]
async fn a_running_task_is_asked_to_stop() {
    let kit = kit();
    let ann = kit.user("ann").await;
    submit(&kit, &ann, json!({"prompt": "a"})).await;
    kit.sql("UPDATE tasks SET status = 'running', lease = 'x', lease_until = 9e15", []).await;
    let reply = kit.post("/api/tasks/1/cancel", json!({})).by(&ann).send().await.json();
    assert_eq!(reply["status"], "running");
    assert_eq!(kit.number("SELECT cancel_requested FROM tasks").await, 1);
}

#[tokio::test]
async fn deleting_removes_the_task_and_what_its_runner_stored() {
    let kit = kit();
    let ann = kit.user("ann").await;
    submit(&kit, &ann, json!({"prompt": "a"})).await;
    kit.sql("INSERT INTO task_objects VALUES ('out/1/1/x.png', 1, 0)", []).await;
    assert_eq!(kit.delete("/api/tasks/1").by(&ann).send().await.status, 204);
    assert_eq!(kit.get("/api/tasks/1").by(&ann).send().await.status, 404);
    assert_eq!(kit.number("SELECT count(*) FROM outbox WHERE kind = 'delete_blob'").await, 1);
    assert!(kit.told().await.iter().any(|(_, event)| event.end && event.owner.is_none()));
}

#[tokio::test]
async fn a_task_may_bring_its_own_webhook() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let url = "https://example.com/hook";
    for private in ["http://localhost/", "http://10.0.0.1/", "http://a@example.com/", "http://example.com:25/"] {
        let refused = kit.post("/api/tasks", json!({"prompt": "a", "webhook": private})).by(&ann).send().await;
        assert_eq!((refused.status, refused.error().as_str()), (400, "invalid_parameter:webhook"), "{private}");
    }
    assert_eq!(kit.number("SELECT count(*) FROM webhooks").await, 0);
    kit.outside.answers(url, 200, &[], "");
    for _ in 0..2 {
        submit(&kit, &ann, json!({"prompt": "a", "webhook": url})).await;
    }
    submit(&kit, &ann, json!({"prompt": "a"})).await;
    for id in [1, 3] {
        kit.post(&format!("/api/tasks/{id}/cancel"), json!({})).by(&ann).send().await;
    }
    while store::webhooks::deliver(&kit.cx()).await.unwrap() == store::webhooks::Round::Full {}
    let told = kit.outside.sent().into_iter().map(|sent| serde_json::from_slice::<Value>(&sent.body).unwrap());
    let told: Vec<_> =
        told.map(|body| (body["type"].as_str().unwrap().to_string(), body["data"]["id"].clone())).collect();
    let event = |what: &str, id: i64| (what.to_string(), json!(id));
    assert_eq!(told, [event("task.created", 1), event("task.created", 2), event("task.canceled", 1)]);
    assert_eq!(kit.number("SELECT count(*) FROM webhooks").await, 1, "one for each address");
}

#[tokio::test]
async fn submitting_twice_with_one_key_is_one_task_and_one_hint() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let call = || kit.post("/api/tasks", json!({"prompt": "a"})).header("idempotency-key", "k").by(&ann);
    let first = call().send().await;
    let again = call().send().await;
    assert_eq!((first.status, &first.bytes), (again.status, &again.bytes));
    kit.settle().await;
    assert_eq!(kit.number("SELECT count(*) FROM tasks").await, 1);
    assert_eq!(kit.number("SELECT count(*) FROM queue_messages").await, 1);
}

#[tokio::test]
async fn a_key_submits_with_the_scope_for_it() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let (draws, writes) = (kit.key(&ann, &["tasks"]).await, kit.key(&ann, &["read", "write"]).await);
    let task = |by: &Account| kit.post("/api/tasks", json!({"prompt": "a"})).by(by);
    assert_eq!(task(&writes).send().await.error(), "missing_scope");
    kit.batches();
    let made = task(&draws).send().await;
    assert_eq!((made.status, kit.batches()), (201, 1), "{}", made.text());
    assert_eq!(kit.get("/api/tasks/1").by(&draws).send().await.error(), "missing_scope");
    assert_eq!(kit.get("/api/tasks/1").by(&writes).send().await.json()["user_id"], ann.id);
    assert_eq!(kit.call("POST", "/api/tasks/1/cancel").by(&writes).send().await.error(), "missing_scope");
    assert_eq!(kit.call("POST", "/api/tasks/1/cancel").by(&draws).send().await.status, 200);
}

#[tokio::test]
async fn one_round_trip_each() {
    let kit = kit();
    let ann = kit.user("ann").await;
    kit.batches();
    for (method, path) in [
        ("GET", "/api/tasks"),
        ("POST", "/api/tasks"),
        ("GET", "/api/tasks/1"),
        ("PATCH", "/api/tasks/1"),
        ("POST", "/api/tasks/1/cancel"),
        ("DELETE", "/api/tasks/1"),
    ] {
        let body = json!({"prompt": "a", "name": "b"});
        let reply = kit.call(method, path).json(body).header("idempotency-key", "k").by(&ann).send().await;
        assert!(reply.status < 300, "{method} {path}: {}", reply.text());
        assert_eq!(kit.batches(), 1, "{method} {path}");
    }
}
