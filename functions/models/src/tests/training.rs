//! `POST /api/models`: a model, the task that trains it, and their common life.

use super::*;

/// Dataset 1 of the account, with one image for each of these statuses.
async fn dataset(kit: &Kit, by: &Account, images: &[&'static str]) {
    kit.sql(
        "INSERT INTO datasets (id, name, user_id, created_at, updated_at) VALUES (1, 'd', ?1, 0, 0)",
        [by.id.into()],
    )
    .await;
    for (i, status) in images.iter().enumerate() {
        kit.sql(
            "INSERT INTO dataset_images (dataset_id, user_id, position, source, key, size, sha256, status, created_at) \
             VALUES (1, ?1, ?2, 's' || ?2, 'data/' || ?2, 3, 'ab', ?3, 0)",
            [by.id.into(), i64::try_from(i).unwrap().into(), (*status).into()],
        )
        .await;
    }
}

async fn train(kit: &Kit, by: &Account, more: Value) -> Reply {
    let mut body = json!({"name": "Fox", "type": "lora", "dataset_id": 1, "trigger_words": "sks fox", "steps": 250});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    kit.post("/api/models", body).by(by).send().await
}

async fn balance(kit: &Kit) -> i64 {
    kit.number("SELECT balance FROM accounts WHERE id = 1").await
}

#[tokio::test]
async fn a_training_waits_with_its_model_its_price_and_a_hint_for_the_runners() {
    let kit = kit();
    let ann = kit.user("ann").await;
    dataset(&kit, &ann, &["ready", "ready"]).await;
    let before = balance(&kit).await;
    kit.batches();
    let made = train(&kit, &ann, json!({"batch_size": 2, "tags": ["動物", "animal", "動物"]})).await;
    assert_eq!((made.status, kit.batches()), (201, 1), "{}", made.text());
    let model = made.json();
    for (field, value) in [
        ("name", json!("Fox")),
        ("type", json!("lora")),
        ("status", json!("waiting")),
        ("progress", json!(0)),
        ("dataset_id", json!(1)),
        ("task_id", json!(1)),
        ("public", json!(false)),
        ("base_model", json!(null)),
        ("model_path", json!(null)),
        ("tags", json!(["animal", "動物"])),
    ] {
        assert_eq!(model[field], value, "{field}");
    }
    // 250 steps of two images are five hundreds of images shown.
    assert_eq!(before - balance(&kit).await, 100);
    let task = kit.sql("SELECT type, name, params, model_id, dataset_id, deadline FROM tasks", []).await;
    let task = task.first().unwrap();
    assert_eq!((task.text("type"), task.text("name")), (Some("training"), Some("Fox")));
    assert_eq!((task.int("model_id"), task.int("dataset_id")), (Some(1), Some(1)));
    assert_eq!(task.int("deadline"), Some(kit.now().0 + domain::training::TRAINING_DEADLINE_MS));
    let params: protocol::runner::TrainParams = serde_json::from_str(task.text("params").unwrap()).unwrap();
    assert_eq!((params.steps, params.batch_size, params.rank, params.model), (Some(250), 2, 8, None));
    kit.settle().await;
    let hints = kit.sql("SELECT queue, body FROM queue_messages", []).await;
    let hint = hints.first().unwrap();
    assert_eq!((hint.text("queue"), hint.text("body")), (Some("training"), Some(r#"{"task_id":1}"#)));
    // Found by its name and its tags as an import is.
    let found = kit.get("/api/models?search=%E5%8B%95%E7%89%A9").by(&ann).send().await.json();
    assert_eq!(found["total"], 1);
}

#[tokio::test]
async fn epochs_are_priced_by_the_images_of_the_dataset() {
    let kit = kit();
    let ann = kit.user("ann").await;
    dataset(&kit, &ann, &["ready", "ready", "ready"]).await;
    let before = balance(&kit).await;
    assert_eq!(train(&kit, &ann, json!({"steps": null, "epochs": 34})).await.status, 201);
    assert_eq!(before - balance(&kit).await, 40, "102 images are two hundreds begun");
}

#[tokio::test]
async fn a_training_waits_for_its_images_without_a_hint() {
    let kit = kit();
    let ann = kit.user("ann").await;
    dataset(&kit, &ann, &["ready", "pending"]).await;
    let model = train(&kit, &ann, json!({})).await.json();
    assert_eq!((&model["status"], &model["task_id"]), (&json!("initial"), &json!(1)));
    kit.settle().await;
    assert_eq!(kit.number("SELECT count(*) FROM queue_messages").await, 0);
}

#[tokio::test]
async fn bad_trainings_are_refused_and_write_nothing() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    model(&kit, &bob, json!({"type": "ckp"})).await;
    model(&kit, &ann, json!({})).await;
    model(&kit, &ann, json!({"type": "ckp"})).await;
    dataset(&kit, &ann, &["ready"]).await;
    for (id, owner) in [(2, bob.id), (3, ann.id)] {
        kit.sql(
            "INSERT INTO datasets (id, name, user_id, created_at, updated_at) VALUES (?1, 'd', ?2, 0, 0)",
            [i64::from(id).into(), owner.into()],
        )
        .await;
    }
    for (more, refusal) in [
        (json!({"name": ""}), "400 invalid_parameter:name"),
        (json!({"type": null}), "400 missing_parameter:type"),
        (json!({"type": "vae"}), "400 invalid_parameter:type"),
        (json!({"dataset_id": null}), "400 missing_parameter:dataset_id"),
        (json!({"dataset_id": 2}), "400 invalid_parameter:dataset_id"),
        (json!({"dataset_id": 3}), "400 invalid_parameter:dataset_id"),
        (json!({"dataset_id": 99}), "400 invalid_parameter:dataset_id"),
        (json!({"steps": 0}), "400 invalid_parameter:steps"),
        (json!({"steps": 100_001}), "400 invalid_parameter:steps"),
        (json!({"epochs": 1}), "400 invalid_parameter:epochs"),
        (json!({"learning_rate": 2}), "400 invalid_parameter:learning_rate"),
        (json!({"batch_size": 65}), "400 invalid_parameter:batch_size"),
        (json!({"rank": 0}), "400 invalid_parameter:rank"),
        (json!({"resolution": 100}), "400 invalid_parameter:resolution"),
        (json!({"source": 1}), "400 invalid_parameter:source"),
        (json!({"source": 2}), "409 model_not_ready:source"),
        (json!({"source": 3, "base_model": "SD2"}), "400 invalid_parameter:base_model"),
        (json!({"type": "ti", "trigger_words": " "}), "400 missing_parameter:trigger_words"),
        (json!({"webhook": "http://127.0.0.1/x"}), "400 invalid_parameter:webhook"),
        (json!({"steps": 100_000, "batch_size": 64}), "402 insufficient_points"),
    ] {
        assert_eq!(train(&kit, &ann, more.clone()).await.refusal(), refusal, "{more}");
    }
    kit.sql("UPDATE dataset_images SET status = 'failed'", []).await;
    assert_eq!(train(&kit, &ann, json!({})).await.refusal(), "409 dataset_unavailable:dataset_id");
    assert_eq!(kit.post("/api/models", json!({})).send().await.refusal(), "401 unauthenticated");
    assert_eq!(kit.number("SELECT count(*) FROM tasks").await + kit.number("SELECT count(*) FROM models").await, 3);
    assert_eq!(kit.number("SELECT count(*) FROM tags").await, 0);
}

#[tokio::test]
async fn the_source_is_described_to_the_runner_and_names_the_family() {
    let kit = kit();
    let ann = kit.user("ann").await;
    model(&kit, &ann, json!({"type": "ckp", "base_model": "SD2"})).await;
    dataset(&kit, &ann, &["ready"]).await;
    let made = train(&kit, &ann, json!({"source": "1"})).await.json();
    assert_eq!(made["base_model"], "SD2");
    let rows = kit.sql("SELECT params FROM tasks", []).await;
    let params: protocol::runner::TrainParams =
        serde_json::from_str(rows.first().unwrap().text("params").unwrap()).unwrap();
    let source = params.model.unwrap();
    assert_eq!((source.model_id, source.name.as_str()), (1, "Ink"));
    assert!(source.size > 0);
}

#[tokio::test]
async fn a_repeat_under_the_same_key_trains_once() {
    let kit = kit();
    let ann = kit.user("ann").await;
    dataset(&kit, &ann, &["ready"]).await;
    let body = json!({"name": "Fox", "type": "lora", "dataset_id": 1});
    let send = || kit.post("/api/models", body.clone()).by(&ann).header("idempotency-key", "k1").send();
    let (first, second) = (send().await, send().await);
    assert_eq!((first.status, first.text()), (second.status, second.text()));
    assert_eq!(kit.number("SELECT count(*) FROM tasks").await, 1);
}

#[tokio::test]
async fn canceling_ends_the_model_and_its_task_and_returns_the_points() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    dataset(&kit, &ann, &["ready"]).await;
    let before = balance(&kit).await;
    train(&kit, &ann, json!({"public": true})).await;
    kit.published().await;
    assert_eq!(kit.post("/api/models/1/cancel", json!({})).by(&bob).send().await.refusal(), "403 forbidden");
    assert_eq!(kit.post("/api/models/1/cancel", json!({})).send().await.refusal(), "401 unauthenticated");
    kit.batches();
    let canceled = kit.post("/api/models/1/cancel", json!({})).by(&ann).send().await;
    assert_eq!((canceled.status, kit.batches()), (200, 1), "{}", canceled.text());
    assert_eq!(canceled.json()["status"], "error");
    assert_eq!(balance(&kit).await, before);
    let rooms: Vec<String> = kit.published().await.into_iter().map(|(room, _)| room).collect();
    assert_eq!(rooms, ["tasks/1", "models/1", "notifications/1"]);
    assert_eq!(kit.post("/api/models/1/cancel", json!({})).by(&ann).send().await.refusal(), "409 task_ended");
}

#[tokio::test]
async fn a_running_training_is_asked_to_stop() {
    let kit = kit();
    let ann = kit.user("ann").await;
    dataset(&kit, &ann, &["ready"]).await;
    train(&kit, &ann, json!({})).await;
    kit.sql("UPDATE tasks SET status = 'running', lease = 'ab', attempt = 1, progress = 30", []).await;
    let model = kit.post("/api/models/1/cancel", json!({})).by(&ann).send().await.json();
    assert_eq!((&model["status"], &model["progress"]), (&json!("running"), &json!(30)));
    assert_eq!(kit.number("SELECT cancel_requested FROM tasks").await, 1);
}

#[tokio::test]
async fn deleting_a_model_ends_its_training() {
    let kit = kit();
    let ann = kit.user("ann").await;
    dataset(&kit, &ann, &["ready"]).await;
    let before = balance(&kit).await;
    train(&kit, &ann, json!({})).await;
    kit.sql("UPDATE tasks SET status = 'running', lease = 'ab', attempt = 1", []).await;
    kit.sql("INSERT INTO task_objects (key, task_id, created_at) VALUES ('out/1/1/a.png', 1, 0)", []).await;
    kit.published().await;
    kit.batches();
    assert_eq!(kit.delete("/api/models/1").by(&ann).send().await.status, 204);
    assert_eq!(kit.batches(), 1);
    let rooms: Vec<String> = kit.published().await.into_iter().map(|(room, _)| room).collect();
    assert_eq!(rooms, ["tasks/1", "models/1", "notifications/1", "models/1"]);
    let ended = "SELECT count(*) FROM tasks WHERE status = 'error' AND error_code = 'canceled' AND lease IS NULL";
    assert_eq!((kit.number(ended).await, balance(&kit).await), (1, before));
    assert_eq!(kit.number("SELECT count(*) FROM task_objects").await, 0);
}

#[tokio::test]
async fn the_earlier_revision_speaks_of_strings_and_few_states() {
    let kit = kit();
    let ann = kit.user("ann").await;
    dataset(&kit, &ann, &["pending"]).await;
    let body = json!({"name": "Fox", "type": "lora", "datasetId": "1"});
    let made = kit.post("/api/models?profile=v0", body).by(&ann).send().await.json();
    assert_eq!((&made["id"], &made["taskId"], &made["status"]), (&json!("1"), &json!("1"), &json!("waiting")));
}

#[tokio::test]
async fn images_by_address_id_and_choice_become_a_dataset() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let (own, public, hidden) =
        (kit.image(ann.id, false).await, kit.image(bob.id, true).await, kit.image(bob.id, false).await);
    kit.sql(
        "INSERT INTO choices (id, name, public, user_id, created_at, updated_at) VALUES (1, 'c', 1, ?1, 0, 0)",
        [bob.id.into()],
    )
    .await;
    for image in [public, hidden] {
        kit.sql("INSERT INTO choice_images (choice_id, image_id, created_at) VALUES (1, ?1, 0)", [image.into()]).await;
    }
    let train = |data: Value| {
        let body = json!({"name": "Fox", "type": "lora", "source": null, "data": data});
        kit.post("/api/models?profile=v0", body).by(&ann).send()
    };
    kit.batches();
    let data = json!({"oss": ["https://oss.example.com/1.png", "https://oss.example.com/1.png"], "images": [own, public],
        "choices": [1]});
    let made = train(data).await;
    assert_eq!((made.status, kit.batches()), (201, 1), "{}", made.text());
    let model = made.json();
    assert_eq!((&model["status"], &model["datasetId"]), (&json!("waiting"), &json!(1)));
    let rows = kit.sql("SELECT source, status FROM dataset_images WHERE dataset_id = 1 ORDER BY position", []).await;
    let sources: Vec<&str> = rows.iter().filter_map(|row| row.text("source")).collect();
    assert_eq!(sources.len(), 3, "each once, and not the hidden one: {sources:?}");
    assert_eq!(sources[0], "https://oss.example.com/1.png");
    assert!(rows.iter().all(|row| row.text("status") == Some("pending")));
    assert_eq!(kit.number("SELECT count(*) FROM tasks WHERE status = 'initial' AND dataset_id = 1").await, 1);
    for (data, refusal) in [
        (json!({}), "400 invalid_parameter:data"),
        (json!({"images": [hidden]}), "400 invalid_parameter:data.images[0]"),
        (json!({"images": [own], "choices": [9]}), "400 invalid_parameter:data.choices[0]"),
        (json!({"oss": ["http://10.0.0.1/a.png"]}), "400 invalid_parameter:data.oss[0]"),
    ] {
        assert_eq!(train(data.clone()).await.refusal(), refusal, "{data}");
    }
    assert_eq!(kit.number("SELECT count(*) FROM datasets").await, 1);
}

#[tokio::test]
async fn absent_fields_get_the_defaults_that_administrators_gave() {
    let kit = kit();
    let ann = kit.user("ann").await;
    dataset(&kit, &ann, &["ready"]).await;
    let defaults = json!({"rank": 4, "steps": 100, "epochs": 3, "batch_size": 2, "trigger_words": "sks", "public": true,
        "base_model": "SD2"});
    let entry = json!({"read_at": kit.now().0, "defaults": {"model": defaults, "image": {"seed": 5}}});
    kit.runtime().kv.put("params", &entry.to_string()).await.unwrap();
    let params = async |more: Value| {
        let mut body = json!({"name": "Fox", "type": "lora", "dataset_id": 1});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        kit.batches();
        let made = kit.post("/api/models", body).by(&ann).send().await;
        assert_eq!((made.status, kit.batches()), (201, 1), "{}", made.text());
        let model = made.json();
        let task = kit.sql("SELECT params FROM tasks ORDER BY id DESC LIMIT 1", []).await;
        let params: Value = serde_json::from_str(task.first().unwrap().text("params").unwrap()).unwrap();
        (model, params)
    };
    let (model, filled) = params(json!({})).await;
    assert_eq!((&model["public"], &model["trigger_words"]), (&json!(true), &json!("sks")));
    assert_eq!(model["base_model"], "SD2");
    assert_eq!((&filled["rank"], &filled["batch_size"]), (&json!(4), &json!(2)));
    assert_eq!((&filled["steps"], filled["epochs"].as_i64()), (&json!(100), None), "the two exclude each other");
    assert_ne!(filled["seed"], 5, "a default of another form");
    let (model, sent) = params(json!({"epochs": 7, "rank": 16, "public": false})).await;
    assert_eq!((sent["steps"].as_i64(), &sent["epochs"], &sent["rank"]), (None, &json!(7), &json!(16)));
    assert_eq!(model["public"], false);
}
