//! Models: a file is uploaded in parts, becomes a model, and changes what a runner draws.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tests::{Account, DedicatedEdge, Edge, RunnerProcess, State, Watch, unique, until};

/// A LoRA of one layer of the tiny model, in kohya's names: 16 values in, 16 out, rank 1.
fn lora() -> Vec<u8> {
    let layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_v";
    let header = json!({
        format!("{layer}.lora_down.weight"): {"dtype": "F32", "shape": [1, 16], "data_offsets": [0, 64]},
        format!("{layer}.lora_up.weight"): {"dtype": "F32", "shape": [16, 1], "data_offsets": [64, 128]},
    })
    .to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    for value in (0..32).map(|i| if i % 3 == 0 { 2.0_f32 } else { -1.0 }) {
        file.extend_from_slice(&value.to_le_bytes());
    }
    file
}

async fn upload(ann: &Account, file: Vec<u8>) -> Value {
    let begun = ann.post("/api/uploads/parts", &json!({"content_type": "application/octet-stream"}));
    let path = format!("/api/uploads/{}", begun.send().await.expect(201).json()["id"]);
    let put = ann.call("PUT", &format!("{path}/parts/1")).body("application/octet-stream", file);
    let parts = json!({"parts": [put.send().await.expect(200).json()]});
    ann.post(&format!("{path}/complete"), &parts).send().await.expect(200).json()
}

/// The picture of a task, drawn to its end.
async fn drawn(ann: &Account, more: &Value) -> Vec<u8> {
    let id = ann.submit(more).await;
    let (frames, _) = Watch::of(ann, &format!("/api/tasks/{id}")).await.rest().await;
    let last = frames.last().expect("a frame");
    assert_eq!(last["status"], json!("success"), "{last}");
    let url = last["data"]["images"][0]["url"].as_str().expect("a url").to_string();
    let file = ann.edge.get(&url).send().await.expect(200).bytes;
    pixels(&file)
}

/// What is between the texts of a PNG file and its end.
fn pixels(file: &[u8]) -> Vec<u8> {
    let at = file.windows(4).position(|four| four == b"IDAT").expect("a picture");
    file[at..].to_vec()
}

#[tokio::test]
async fn an_imported_lora_changes_what_is_drawn() {
    let edge = Edge::shared();
    let (ann, bob) = (edge.sign_up("ann").await, edge.sign_up("bob").await);
    let (file, uploaded) = (lora(), upload(&ann, lora()).await);
    let form = json!({"name": "Ink", "type": "lora", "base_model": "SD1.5", "upload": uploaded["id"]});
    let made = ann.post("/api/models/import", &form).send().await.expect(201);
    let (model, path) = (made.json()["id"].clone(), format!("/api/models/{}", made.json()["id"]));
    assert_eq!(made.header("location"), path);
    assert_eq!((&made.json()["status"], &made.json()["size"]), (&json!("success"), &json!(file.len())));
    ann.get(&format!("/api/uploads/{}", uploaded["id"])).send().await.expect(404);

    bob.get(&path).send().await.expect(404);
    let loras = json!([{"model_id": model, "weight": 1.5}]);
    let stranger = bob.post("/api/tasks", &json!({"prompt": "a", "loras": loras})).send().await;
    assert_eq!(stranger.refused(400, "invalid_parameter").error()["param"], "loras[0]");

    let task = |loras: Value| {
        json!({"prompt": "a hut below mountains", "width": 64, "height": 64, "num_inference_steps": 3, "seed": 7,
            "loras": loras})
    };
    let plain = drawn(&ann, &task(json!([]))).await;
    let changed = drawn(&ann, &task(loras.clone())).await;
    assert!(plain != changed, "the LoRA changes nothing");
    assert!(drawn(&ann, &task(loras)).await == changed, "the same again, from what the runner kept");
    assert!(drawn(&ann, &task(json!([{"model_id": model, "weight": 0.0}]))).await == plain, "without strength");

    let key = made.json()["model_path"].as_str().expect("an address").to_string();
    assert_eq!(edge.get(&key).send().await.expect(200).bytes, file);
    ann.delete(&path).send().await.expect(204);
    ann.get(&path).send().await.expect(404);
}

#[tokio::test]
async fn models_are_found_by_tag_and_word_and_watched() {
    let edge = Edge::shared();
    let ann = edge.sign_up("ann").await;
    let (tag, word) = (unique("動物"), unique("布穀鳥"));
    let form = json!({"name": word, "type": "lora", "base_model": "SD1.5", "upload": upload(&ann, lora()).await["id"],
        "tags": [tag]});
    let path = format!("/api/models/{}", ann.make("/api/models/import", &form).await);
    let mut watch = Watch::of(&ann, &path).await;
    assert_eq!(watch.next().await.expect("a snapshot")["status"], "success");
    for (query, total) in
        [(format!("tag={tag}"), 1), (format!("search={word}"), 1), (format!("search={tag}&sort=createdAt"), 1)]
    {
        let found = ann.get(&format!("/api/models?{query}")).send().await.expect(200).json();
        assert_eq!((&found["total"], &found["list"][0]["tags"]), (&json!(total), &json!([tag])), "{query}");
        assert_eq!(edge.get(&format!("/api/models?{query}")).send().await.expect(200).json()["total"], 0, "{query}");
    }
    ann.patch(&path, &json!({"tags": []})).send().await.expect(200);
    watch.next().await.expect("a frame of the change");
    assert_eq!(ann.get(&format!("/api/models?search={tag}")).send().await.expect(200).json()["total"], 0);
    ann.delete(&path).send().await.expect(204);
    assert_eq!(watch.next().await, Err(4404));
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/gpu-runner/fixtures")
}

/// A whole model in one file, as tiny as its tests have it and with random weights.
fn checkpoint() -> Vec<u8> {
    let list = std::fs::read(fixtures().join("checkpoints/sd1.json")).expect("the names of its tensors");
    let list: Value = serde_json::from_slice(&list).expect("JSON");
    let (mut header, mut data) = (json!({}), Vec::new());
    let mut random = fastrand::Rng::with_seed(7);
    for tensor in list["tensors"].as_array().expect("tensors") {
        let name = tensor[0].as_str().expect("a name");
        let shape: Vec<usize> = serde_json::from_value(tensor[1].clone()).expect("a shape");
        let first = data.len();
        let inputs: usize = shape.iter().skip(1).product();
        for _ in 0..shape.iter().product() {
            let value = match shape.len() {
                0 | 1 => f32::from(u8::from(name.ends_with("weight"))),
                _ => (random.f32() - 0.5) * 3.0 / (inputs as f32).sqrt(),
            };
            data.extend_from_slice(&value.to_le_bytes());
        }
        header[name] = json!({"dtype": "F32", "shape": shape, "data_offsets": [first, data.len()]});
    }
    let header = header.to_string();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()
}

async fn import(ann: &Account, name: &str, kind: &str, file: Vec<u8>) -> Value {
    let upload = upload(ann, file).await;
    let form = json!({"name": name, "type": kind, "base_model": "SD1.5", "upload": upload["id"]});
    ann.post("/api/models/import", &form).send().await.expect(201).json()["id"].clone()
}

async fn points(who: &Account) -> i64 {
    who.get("/api/account").send().await.expect(200).json()["points"].as_i64().expect("a number")
}

/// An edge and a runner of its own: which models that has loaded is seen.
#[tokio::test]
async fn a_task_is_drawn_with_the_model_it_names() {
    let state = State::new();
    let own = DedicatedEdge::start(&state, 5000, 0);
    let (ann, admin) = (own.edge.sign_up("ann").await, own.edge.admin().await);
    let (tokenizer, cache) = (fixtures().join("sdxl/tokenizer"), state.path().join("kept"));
    let dir = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
    let options = ["--poll-ms", "10", "--memory", "1G", "--tokenizer", &dir(&tokenizer), "--cache", &dir(&cache)];
    let _runner = RunnerProcess::start_with(&own.edge, "several", &options);

    let task = |model: &Value| {
        json!({"prompt": "a hut below mountains", "width": 64, "height": 64, "num_inference_steps": 3, "seed": 7,
            "model_id": model})
    };
    let plain = drawn(&ann, &task(&Value::Null)).await;
    let whole = import(&ann, "Whole", "ckp", checkpoint()).await;
    let bob = own.edge.sign_up("bob").await;
    let stranger = bob.post("/api/tasks", &task(&whole)).send().await;
    assert_eq!(stranger.refused(400, "invalid_parameter").error()["param"], "model_id");

    let id = ann.submit(&task(&whole)).await;
    let (frames, _) = Watch::of(&ann, &format!("/api/tasks/{id}")).await.rest().await;
    let (last, before) = frames.split_last().expect("frames");
    assert_eq!(last["status"], json!("success"), "{last}");
    let phases: Vec<&Value> = before.iter().map(|frame| &frame["data"]["phase"]).collect();
    assert!(phases.iter().any(|phase| **phase == "fetching" || **phase == "loading"), "{phases:?}");
    assert_eq!(ann.task(id).await["model_id"], whole);
    let pictures = ann.get(&format!("/api/images?task={id}")).send().await.expect(200).json();
    assert_eq!((&pictures["total"], &pictures["list"][0]["model_id"]), (&json!(1), &whole));
    let with = drawn(&ann, &task(&whole)).await;
    assert!(with != plain, "the model changes nothing");
    assert!(drawn(&ann, &task(&whole)).await == with && drawn(&ann, &task(&Value::Null)).await == plain);
    let kept = std::fs::read_dir(&cache).expect("a cache").flatten().next().expect("a deployment").path();
    assert!(kept.join(format!("{whole}.safetensors")).is_file(), "it is kept for the next task");

    // What is no whole model costs its task, which gets its points back, and nothing else.
    let broken = import(&ann, "Broken", "ckp", lora()).await;
    let before = points(&ann).await;
    let id = ann.submit(&task(&broken)).await;
    let (frames, _) = Watch::of(&ann, &format!("/api/tasks/{id}")).await.rest().await;
    let last = frames.last().expect("a frame");
    assert_eq!((&last["status"], &last["error"]["code"]), (&json!("error"), &json!("model_unsupported")), "{last}");
    assert_eq!(points(&ann).await, before);
    assert!(drawn(&ann, &task(&Value::Null)).await == plain, "the runner lives on");

    until("the list of what is loaded", async || {
        let servers = admin.get("/api/servers").send().await.expect(200).json();
        let models = servers["list"][0]["models"].as_array().expect("models").clone();
        let loaded = models.iter().all(|model| model["loaded"] == json!(true) && model["memory"].as_i64() > Some(0));
        let names: Vec<_> = models.iter().map(|model| (&model["name"], &model["model_id"])).collect();
        (loaded && names == [(&json!("tiny-model"), &Value::Null), (&json!("Whole"), &whole)]).then_some(())
    })
    .await;
}
