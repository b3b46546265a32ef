//! Models: a file is uploaded in parts, becomes a model, and changes what a runner draws.

use serde_json::{Value, json};
use tests::{Account, Edge, Watch};

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
