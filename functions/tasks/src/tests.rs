//! The routes over in-memory SQLite with the real migrations. What runners do is tested in `callbacks`.

mod defaults;
mod models;
mod queue_order;

use serde_json::{Value, json};
use testkit::rules::{self, CreatedBy, Resource, SeenBy};
use testkit::{Account, Kit, golden};

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
async fn tasks_keep_the_rules_of_every_resource() {
    let resource = Resource {
        path: "/api/tasks",
        create: &|n| json!({"prompt": format!("a {n}")}),
        // A change is not published: frames show neither the name nor `public`.
        change: None,
        seen_by: SeenBy::Owner,
        created_by: CreatedBy::Users,
    };
    resource.check(&kit()).await;
}

#[tokio::test]
async fn replies_are_those_of_the_golden_file() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let body = json!({"prompt": "一隻貓在窗台", "seed": 7, "name": "貓", "tags": ["動物"]});
    submit(&kit, &ann, body.clone()).await;
    submit(&kit, &ann, body).await;
    kit.image(ann.id, true).await;
    kit.sql("UPDATE images SET task_id = 1, key = 'out/1/1/a.png'", []).await;
    let data = r#"{"images":[{"id":1,"url":"/files/out/1/1/a.png","width":1,"height":1,"seed":7}]}"#;
    kit.sql(
        "UPDATE tasks SET status = 'success', progress = 100, attempt = 1, started_at = created_at, \
         finished_at = created_at, data = ?1, seq = seq + 3 WHERE id = 1",
        [data.into()],
    )
    .await;
    let paths = ["/api/tasks?sort=date%2B", "/api/tasks/1", "/api/tasks/2"];
    golden::check(&kit, env!("CARGO_MANIFEST_DIR"), "tasks", &ann, &paths).await;
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
    assert!(
        params["seed"].as_i64().is_some_and(|s| (0..=2_147_483_647).contains(&s)),
        "a random seed is chosen at submission"
    );
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
async fn errors_name_the_parameter_and_nothing_is_written() {
    let kit = kit();
    let ann = kit.user("ann").await;
    rules::refuses_malformed_bodies(&kit, "POST", "/api/tasks", &ann).await;
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
        let refusal = format!("400 invalid_parameter:{field}");
        rules::refuses_bodies(&kit, "POST", "/api/tasks", &ann, &[(body, &refusal)]).await;
    }
    let refusals = [
        (json!({"width": 64}), "400 missing_parameter:prompt"),
        (json!({"prompt": "a", "seed": 2_147_483_647, "n": 2}), "400 invalid_parameter:seed"),
        (json!({"prompt": "a", "type": "訓練"}), "400 missing_parameter:name"),
        (json!({"name": "a", "type": "訓練"}), "400 missing_parameter:model_type"),
        (json!({"name": "a", "type": "訓練", "model_type": "x"}), "400 invalid_parameter:model_type"),
        (json!({"name": "a", "type": "training", "modelType": "lora"}), "400 missing_parameter:dataset_id"),
    ];
    rules::refuses_bodies(&kit, "POST", "/api/tasks", &ann, &refusals).await;
    let read_key = kit.key(&ann, &["read"]).await;
    let renames = [
        (json!({"name": "x".repeat(201)}), "400 invalid_parameter:name"),
        (json!({"public": 1}), "400 invalid_parameter:public"),
        (json!({"prompt": "b"}), "400 nothing_to_change"),
    ];
    rules::refuses_bodies(&kit, "PATCH", "/api/tasks/1", &ann, &renames).await;
    rules::refuses_bodies(&kit, "PATCH", "/api/tasks/1", &ann, &[(json!({"name": "a"}), "404 not_found")]).await;
    rules::refuses_bodies(&kit, "PATCH", "/api/tasks/1", &read_key, &[(json!({"name": "a"}), "403 missing_scope")])
        .await;
    submit(&kit, &ann, json!({"prompt": "a", "seed": 2_147_483_646, "n": 2, "numInferenceSteps": 500.0})).await;
    assert_eq!(kit.number("SELECT count(*) FROM tasks").await, 1, "refused tasks are not stored");
}

#[tokio::test]
async fn every_scheduler_of_the_api_is_accepted() {
    let kit = kit();
    let ann = kit.user("ann").await;
    for (name, _) in domain::task::SCHEDULERS {
        let task = submit(&kit, &ann, json!({"prompt": "a", "scheduler": name})).await;
        assert_eq!(task["params"]["scheduler"], *name);
    }
    assert_eq!(kit.number("SELECT count(*) FROM tasks").await, 6);
}

#[tokio::test]
async fn strangers_may_neither_rename_nor_cancel_and_administrators_may() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    submit(&kit, &ann, json!({"prompt": "a"})).await;
    let unknown = kit.get("/api/tasks/99").by(&bob).send().await;
    assert_eq!(unknown.refusal(), "404 not_found");
    let rename = json!({"name": "n"});
    for (method, path) in [("PATCH", "/api/tasks/1"), ("POST", "/api/tasks/1/cancel"), ("POST", "/api/tasks/99/cancel")]
    {
        let call = || kit.call(method, path).json(rename.clone());
        assert_eq!(call().by(&bob).send().await.bytes, unknown.bytes, "{method} {path}");
        assert_eq!(call().send().await.refusal(), "401 unauthenticated", "{method} {path}");
    }
    assert_eq!(kit.get("/api/tasks").by(&root).send().await.json()["total"], 1);
    kit.published().await;
    assert_eq!(kit.patch("/api/tasks/1", rename).by(&root).send().await.json()["name"], "n");
    assert_eq!(kit.published().await, []);
    assert_eq!(kit.post("/api/tasks/1/cancel", json!({})).by(&root).send().await.status, 200);
}

#[tokio::test]
async fn version_0_knows_four_states() {
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
async fn filters_and_search() {
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
    let published = kit.published().await;
    assert!(published.iter().any(|(room, event)| room == "tasks/1" && event.end));
    assert!(published.iter().any(|(room, _)| *room == format!("notifications/{}", ann.id)));
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
async fn the_error_of_a_task_is_in_the_callers_language() {
    let kit = kit();
    let ann = kit.user("ann").await;
    for _ in 0..2 {
        submit(&kit, &ann, json!({"prompt": "a"})).await;
    }
    let cancel = kit.post("/api/tasks/1/cancel", json!({})).header("accept-language", "zh-TW").by(&ann);
    assert_eq!(cancel.send().await.json()["error"], json!({"code": "canceled", "message": "任務已取消。"}));
    kit.sql(
        "UPDATE tasks SET status = 'error', error_code = 'oom', error_message = 'CUDA', finished_at = 1 WHERE id = 2",
        [],
    )
    .await;
    for (accept, message) in [
        ("zh-Hant", "任務已取消。"),
        ("zh-CN", "任务已取消。"),
        ("en", "The task was canceled."),
        ("fr", "The task was canceled."),
    ] {
        let get = async |path: &str| kit.get(path).header("accept-language", accept).by(&ann).send().await.json();
        let error = json!({"code": "canceled", "message": message});
        assert_eq!(get("/api/tasks/1").await["error"], error, "{accept}");
        assert_eq!(get("/api/tasks?sort=date%2B").await["list"][0]["error"], error, "{accept}");
        let of_the_runner = json!({"code": "oom", "message": "CUDA"});
        assert_eq!(get("/api/tasks/2").await["error"], of_the_runner, "{accept}: as the runner wrote it");
    }
    let published = kit.published().await;
    let (_, event) = published.iter().find(|(room, _)| room == "tasks/1").unwrap();
    let frame: Value = serde_json::from_str(event.owner.as_ref().unwrap().text("v1").unwrap()).unwrap();
    assert_eq!(frame["error"]["message"], "The task was canceled.", "frames are in English");
}

#[tokio::test]
async fn deleting_removes_the_task_and_the_objects_of_its_runner() {
    let kit = kit();
    let ann = kit.user("ann").await;
    submit(&kit, &ann, json!({"prompt": "a"})).await;
    kit.sql("INSERT INTO task_objects (key, task_id, created_at) VALUES ('out/1/1/x.png', 1, 0)", []).await;
    assert_eq!(kit.delete("/api/tasks/1").by(&ann).send().await.status, 204);
    assert_eq!(kit.get("/api/tasks/1").by(&ann).send().await.status, 404);
    assert_eq!(kit.number("SELECT count(*) FROM outbox WHERE kind = 'delete_blob'").await, 1);
    let published = kit.published().await;
    assert!(published.iter().any(|(room, event)| room == "tasks/1" && event.end && event.owner.is_none()));
}

#[tokio::test]
async fn deleting_announces_the_cancellation_of_an_unfinished_task_alone() {
    let kit = kit();
    let ann = kit.user("ann").await;
    for status in ["waiting", "running", "success", "error"] {
        let task = submit(&kit, &ann, json!({"prompt": "a"})).await;
        let id = task["id"].as_i64().unwrap();
        kit.sql(
            "UPDATE tasks SET status = ?1, lease = iif(?1 = 'running', 'x', NULL), \
             lease_until = iif(?1 = 'running', 9e15, NULL), \
             finished_at = iif(?1 IN ('success', 'error'), 1, NULL) WHERE id = ?2",
            [status.into(), id.into()],
        )
        .await;
        kit.published().await;
        kit.sql("DELETE FROM events", []).await;
        assert_eq!(kit.delete(&format!("/api/tasks/{id}")).by(&ann).send().await.status, 204);
        let room = format!("notifications/{}", ann.id);
        let notifications = kit.published().await.into_iter().filter(|(at, _)| *at == room);
        let errors = notifications.map(|(_, event)| {
            let frame: Value = serde_json::from_str(event.owner.unwrap().text("v1").unwrap()).unwrap();
            (frame["type"].clone(), frame["id"].clone(), frame["error"].clone())
        });
        let canceled = json!({"code": "canceled", "message": "The task was canceled."});
        let expected = match status {
            "waiting" | "running" => vec![(json!("task.canceled"), json!(id), canceled)],
            _ => vec![],
        };
        assert_eq!(errors.collect::<Vec<_>>(), expected, "{status}");
    }
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
    kit.fetch.respond(url, 200, &[], "");
    for _ in 0..2 {
        submit(&kit, &ann, json!({"prompt": "a", "webhook": url})).await;
    }
    submit(&kit, &ann, json!({"prompt": "a"})).await;
    for id in [1, 3] {
        kit.post(&format!("/api/tasks/{id}/cancel"), json!({})).by(&ann).send().await;
    }
    while store::webhooks::deliver(&kit.runtime()).await.unwrap() == store::webhooks::Round::Full {}
    let bodies = kit.fetch.requests().into_iter().map(|sent| serde_json::from_slice::<Value>(&sent.body).unwrap());
    let events: Vec<_> =
        bodies.map(|body| (body["type"].as_str().unwrap().to_string(), body["data"]["id"].clone())).collect();
    let event = |name: &str, id: i64| (name.to_string(), json!(id));
    assert_eq!(events, [event("task.created", 1), event("task.created", 2), event("task.canceled", 1)]);
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
async fn an_api_key_needs_the_scope_tasks_to_submit_and_cancel() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let (submits, writes) = (kit.key(&ann, &["tasks"]).await, kit.key(&ann, &["read", "write"]).await);
    let task = |by: &Account| kit.post("/api/tasks", json!({"prompt": "a"})).by(by);
    assert_eq!(task(&writes).send().await.error(), "missing_scope");
    kit.batches();
    let made = task(&submits).send().await;
    assert_eq!((made.status, kit.batches()), (201, 1), "{}", made.text());
    assert_eq!(kit.get("/api/tasks/1").by(&submits).send().await.error(), "missing_scope");
    assert_eq!(kit.get("/api/tasks/1").by(&writes).send().await.json()["user_id"], ann.id);
    assert_eq!(kit.call("POST", "/api/tasks/1/cancel").by(&writes).send().await.error(), "missing_scope");
    assert_eq!(kit.call("POST", "/api/tasks/1/cancel").by(&submits).send().await.status, 200);
}

#[tokio::test]
async fn renaming_and_canceling_are_one_transaction_each() {
    let kit = kit();
    let ann = kit.user("ann").await;
    submit(&kit, &ann, json!({"prompt": "a"})).await;
    kit.batches();
    for (method, path) in [("PATCH", "/api/tasks/1"), ("POST", "/api/tasks/1/cancel")] {
        let reply = kit.call(method, path).json(json!({"name": "b"})).by(&ann).send().await;
        assert_eq!((reply.status, kit.batches()), (200, 1), "{method} {path}: {}", reply.text());
    }
}

#[tokio::test]
async fn lists_read_no_more_than_they_show() {
    // Runners are few; `eta_seconds` counts those that are there.
    testkit::plans::check(&crate::routes(), &["SCAN s"]).await;
}
