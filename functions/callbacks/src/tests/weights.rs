//! The files of models: for whoever holds the task that names them, and nobody else.

use ports::{BlobBody, Blobs};
use serde_json::json;
use testkit::{Kit, Reply};

use super::{RUNNER_HEADER, claim, finish, kit, runner_id, secret, signed};

const FILE: &[u8] = b"weights";

/// The kit's task, held, with a model; and its lease.
async fn leased_task() -> (Kit, String) {
    let kit = kit().await;
    kit.blobs.put("up/a.bin", "application/octet-stream", None, BlobBody::Bytes(FILE.into())).await.unwrap();
    kit.sql(
        "INSERT INTO models (id, name, type, base_model, key, size, status, user_id, created_at, updated_at) \
         VALUES (7, 'a', 'lora', 'SD1.5', 'up/a.bin', 7, 'success', (SELECT user_id FROM tasks), 0, 0)",
        [],
    )
    .await;
    kit.sql(
        "UPDATE tasks SET params = json_set(params, '$.loras', json('[{\"model_id\":7,\"weight\":1.0,\"size\":7}]'), \
         '$.model', json('{\"model_id\":7,\"name\":\"a\",\"size\":7}'))",
        [],
    )
    .await;
    let lease = claim(&kit).await["lease"].as_str().unwrap().to_string();
    (kit, lease)
}

async fn get(kit: &Kit, lease: &str, path: &str, id: &str) -> Reply {
    signed(kit, "GET", &format!("/callbacks/{path}"), id, b"", lease).await
}

#[tokio::test]
async fn a_model_file_is_served_under_the_lease() {
    let (kit, lease) = leased_task().await;
    kit.batches();
    let reply = get(&kit, &lease, "lora/1/1/0", "get_lora/1/1/0").await;
    assert_eq!((reply.status, &reply.bytes[..], kit.batches()), (200, FILE, 1), "{}", reply.text());
    assert_eq!((reply.header("content-type"), reply.header("content-length")), ("application/octet-stream", "7"));
    let other = "0f".repeat(16);
    assert_eq!(get(&kit, &other, "lora/1/1/0", "get_lora/1/1/0").await.error(), "stale_lease");
    assert_eq!(get(&kit, &lease, "lora/1/2/0", "get_lora/1/2/0").await.error(), "stale_lease");
    assert_eq!(get(&kit, &lease, "lora/1/1/0", "get_lora/1/1/1").await.error(), "invalid_signature");
    for index in ["1", "256", "-1", "x"] {
        let path = format!("lora/1/1/{index}");
        assert_eq!(get(&kit, &lease, &path, &format!("get_{path}")).await.status, 404, "{index}");
    }
    assert_eq!(kit.get("/callbacks/lora/1/1/0").send().await.error(), "invalid_signature");
}

#[tokio::test]
async fn a_checkpoint_is_served_by_ranges() {
    let (kit, lease) = leased_task().await;
    let (path, id) = ("/callbacks/model/1/1", "get_model/1/1");
    let whole = signed(&kit, "GET", path, id, b"", &lease).await;
    assert_eq!((whole.status, &whole.bytes[..], whole.header("content-length")), (200, FILE, "7"));
    let piece = async |path: &str, id: &str, range: &'static str| {
        let now = kit.now().seconds();
        let call = kit.call("GET", path).body("application/json", b"").header(RUNNER_HEADER, &runner_id(1, 1));
        let call = call.header("webhook-id", id).header("webhook-timestamp", &now.to_string());
        let call = call.header("webhook-signature", &secret(&kit, 1).sign(id, now, b""));
        call.header("x-lease", &lease).header("range", range).send().await
    };
    for (path, id) in [(path, id), ("/callbacks/lora/1/1/0", "get_lora/1/1/0")] {
        kit.batches();
        let first = piece(path, id, "bytes=0-2").await;
        assert_eq!((first.status, &first.bytes[..], kit.batches()), (206, &FILE[..3], 1), "{}", first.text());
        assert_eq!((first.header("content-range"), first.header("content-length")), ("bytes 0-2/7", "3"));
        let last = piece(path, id, "bytes=3-99").await;
        assert_eq!((last.status, &last.bytes[..]), (206, &FILE[3..]));
        assert_eq!(piece(path, id, "bytes=7-").await.status, 416);
    }
    let other = "0f".repeat(16);
    assert_eq!(signed(&kit, "GET", path, id, b"", &other).await.error(), "stale_lease");
    assert_eq!(signed(&kit, "GET", path, "get_model/1/2", b"", &lease).await.error(), "invalid_signature");
    kit.sql("UPDATE tasks SET params = json_remove(params, '$.model')", []).await;
    assert_eq!(signed(&kit, "GET", path, id, b"", &lease).await.error(), "not_found", "the task names none");
}

#[tokio::test]
async fn images_name_the_models_they_were_drawn_with() {
    let (kit, lease) = leased_task().await;
    let done = finish(&kit, &json!({"attempt": 1, "lease": lease}), 1, 1).await;
    assert_eq!(done.status, 200, "{}", done.text());
    kit.sql("DELETE FROM models", []).await;
    let images = kit.sql("SELECT model_id, loras FROM images", []).await;
    let seen: Vec<_> = images.iter().map(|image| (image.int("model_id"), image.text("loras"))).collect();
    assert_eq!(seen, [(Some(7), Some(r#"[{"model_id":7,"weight":1.0}]"#)); 2]);
}

#[tokio::test]
async fn a_deleted_model_is_not_found() {
    let (kit, lease) = leased_task().await;
    kit.blobs.delete("up/a.bin").await.unwrap();
    assert_eq!(get(&kit, &lease, "lora/1/1/0", "get_lora/1/1/0").await.error(), "not_found");
    kit.sql("DELETE FROM models", []).await;
    assert_eq!(get(&kit, &lease, "lora/1/1/0", "get_lora/1/1/0").await.error(), "not_found");
}
