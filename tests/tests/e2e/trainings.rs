//! Trainings: images become a dataset, a dataset becomes a model, and the model changes what is drawn.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tests::{Account, DedicatedEdge, Edge, RunnerProcess, State, Watch, picture, until};

/// A dataset of two uploads with captions.
async fn dataset(ann: &Account) -> Value {
    let mut images = Vec::new();
    for shade in [20, 220] {
        let call = ann.call("POST", "/api/uploads").body("image/png", picture(64, 64, shade));
        let url = call.send().await.expect(201).json()["url"].clone();
        images.push(json!({"url": url, "caption": "a plain square"}));
    }
    ann.post("/api/datasets", &json!({"name": "Squares", "images": images})).send().await.expect(201).json()["id"]
        .clone()
}

/// What trains fast and shows; `more` replaces fields.
async fn train(ann: &Account, more: &Value) -> Value {
    let mut body = json!({"name": "Square", "type": "lora", "trigger_words": "sqr", "learning_rate": 0.01, "rank": 4,
        "resolution": 64, "seed": 5, "steps": 12});
    for (field, value) in more.as_object().expect("an object") {
        body[field] = value.clone();
    }
    ann.post("/api/models", &body).send().await.expect(201).json()
}

/// The model once its training has ended.
async fn trained(ann: &Account, model: &Value) -> Value {
    let (frames, _) = Watch::of(ann, &format!("/api/tasks/{}", model["task_id"])).await.rest().await;
    let last = frames.last().expect("a frame");
    assert_eq!(last["status"], json!("success"), "{last}");
    assert_eq!(last["data"]["model_id"], model["id"]);
    ann.get(&format!("/api/models/{}", model["id"])).send().await.expect(200).json()
}

/// The picture of a task, drawn to its end.
async fn drawn(ann: &Account, loras: Value) -> Vec<u8> {
    let task = json!({"prompt": "sqr", "width": 64, "height": 64, "num_inference_steps": 3, "seed": 7, "loras": loras});
    let id = ann.submit(&task).await;
    let (frames, _) = Watch::of(ann, &format!("/api/tasks/{id}")).await.rest().await;
    let url = frames.last().expect("a frame")["data"]["images"][0]["url"].as_str().expect("a url").to_owned();
    let file = ann.edge.get(&url).send().await.expect(200).bytes;
    let at = file.windows(4).position(|four| four == b"IDAT").expect("a picture");
    file[at..].to_vec()
}

async fn points(who: &Account) -> i64 {
    who.get("/api/account").send().await.expect(200).json()["points"].as_i64().expect("a number")
}

#[tokio::test]
async fn a_lora_trained_through_the_api_changes_what_is_drawn() {
    let edge = Edge::shared();
    let (ann, bob) = (edge.sign_up("ann").await, edge.sign_up("bob").await);
    let before = points(&ann).await;
    let model = train(&ann, &json!({"dataset_id": dataset(&ann).await, "tags": ["squares"]})).await;
    assert!(["initial", "waiting", "running"].contains(&model["status"].as_str().expect("a status")), "{model}");
    bob.get(&format!("/api/models/{}", model["id"])).send().await.expect(404);

    let model = trained(&ann, &model).await;
    for (field, value) in [
        ("status", json!("success")),
        ("progress", json!(100)),
        ("steps", json!(12)),
        ("tags", json!(["squares"])),
        ("base_model", json!("SD1.5")),
    ] {
        assert_eq!(model[field], value, "{field}: {model}");
    }
    assert_eq!(before - points(&ann).await, 20);
    let path = model["model_path"].as_str().expect("a file");
    let file = edge.get(path).send().await.expect(200).bytes;
    assert_eq!(model["hash"], json!(domain::id::hex(&Sha256::digest(&file))));
    assert_eq!(model["size"], json!(file.len()));
    let cover = edge.get(model["image"].as_str().expect("a cover")).send().await.expect(200);
    assert_eq!(cover.header("content-type"), "image/png");

    let with = json!([{"model_id": model["id"], "weight": 1.0}]);
    assert!(drawn(&ann, json!([])).await != drawn(&ann, with).await, "the LoRA changes nothing");
}

#[tokio::test]
async fn a_training_is_canceled_within_a_step_and_refunded() {
    let edge = Edge::shared();
    let ann = edge.sign_up("ann").await;
    let before = points(&ann).await;
    let model = train(&ann, &json!({"dataset_id": dataset(&ann).await, "steps": 4000})).await;
    let path = format!("/api/models/{}", model["id"]);
    let mut watch = Watch::of(&ann, &path).await;
    loop {
        let frame = watch.next().await.expect("a frame");
        if frame["data"]["step"].as_i64() > Some(0) {
            assert!(frame["data"]["loss"].is_number(), "{frame}");
            break;
        }
        assert_ne!(frame["status"], json!("error"), "{frame}");
    }
    ann.post(&format!("{path}/cancel"), &json!({})).send().await.expect(200);
    let end = until("the training ends", async || {
        let task = ann.get(&format!("/api/tasks/{}", model["task_id"])).send().await.expect(200).json();
        (task["status"] == json!("error")).then_some(task)
    });
    assert_eq!(end.await["error"]["code"], json!("canceled"));
    assert_eq!(ann.get(&path).send().await.expect(200).json()["status"], json!("error"));
    assert_eq!(points(&ann).await, before);
}

/// Waits for a step of the training, then kills its runner with SIGKILL.
async fn killed_at(ann: &Account, model: &Value, step: i64, runner: RunnerProcess) {
    let mut watch = Watch::of(ann, &format!("/api/tasks/{}", model["task_id"])).await;
    loop {
        let frame = watch.next().await.expect("a frame before the end");
        if frame["data"]["step"].as_i64() >= Some(step) {
            return runner.kill();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_training_killed_twice_ends_with_the_same_file() {
    let state = State::new();
    let own = DedicatedEdge::start(&state, 2000, 0);
    let ann = own.edge.sign_up("ann").await;
    let runner = |name: &str| {
        let cache = state.path().join(name);
        let cache = cache.to_str().expect("a path");
        let options = ["--type", "training", "--poll-ms", "100", "--state-every-steps", "20", "--cache", cache];
        RunnerProcess::start_with(&own.edge, name, &options)
    };
    let more = json!({"dataset_id": dataset(&ann).await, "steps": 400});
    let unbroken = {
        let _runner = runner("first");
        trained(&ann, &train(&ann, &more).await).await
    };
    let second = runner("second");
    let model = train(&ann, &more).await;
    killed_at(&ann, &model, 50, second).await;
    let third = runner("third");
    killed_at(&ann, &model, 200, third).await;
    let _fourth = runner("fourth");
    let broken = trained(&ann, &model).await;
    assert_eq!(broken["hash"], unbroken["hash"]);
    let task = ann.get(&format!("/api/tasks/{}", model["task_id"])).send().await.expect(200).json();
    assert_eq!(task["attempt"], json!(3));
}
