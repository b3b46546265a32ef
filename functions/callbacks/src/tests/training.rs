//! A training as a runner meets it: what it reads, what it stores on the way, and its end.

use ports::{BlobBody, Blobs};
use protocol::runner::{PART_BYTES, StoredState, TrainParams, part_path};

use super::*;

/// A training of `model 1` from `dataset 1` that waits, with images, one of them removed and one added after it was
/// submitted.
async fn training() -> Kit {
    let kit = Kit::new(crate::routes());
    kit.user("ann").await;
    let params = json!({"type": "lora", "name": "fox", "trigger_words": "sks fox", "steps": 4, "batch_size": 1, "rank": 4,
        "seed": 1});
    for sql in [
        "INSERT INTO servers (name, type, status, ip, epoch, created_at, updated_at) \
         VALUES ('r', 'training', 'idle', '', 1, 0, 0)",
        "INSERT INTO datasets (id, name, user_id, created_at, updated_at) VALUES (1, 'd', 1, 0, 0)",
        "INSERT INTO models (id, name, type, base_model, status, dataset_id, user_id, created_at, updated_at) \
         VALUES (1, 'fox', 'lora', '', 'waiting', 1, 1, 0, 0)",
    ] {
        kit.sql(sql, []).await;
    }
    kit.sql(
        "INSERT INTO tasks (id, name, type, status, params, user_id, model_id, dataset_id, origin, created_at, updated_at) \
         VALUES (1, 'fox', 'training', 'waiting', ?1, 1, 1, 1, 'https://draw.example', 10, 10)",
        [params.to_string().into()],
    )
    .await;
    kit.sql("UPDATE models SET task_id = 1", []).await;
    for (id, caption, status, removed_at, created_at) in [
        (1, "a fox", "ready", None, 0),
        (2, "", "ready", Some(20), 10),
        (3, "old", "ready", Some(10), 0),
        (4, "new", "failed", None, 0),
        (5, "later", "ready", None, 11),
    ] {
        kit.sql(
            "INSERT INTO dataset_images (id, dataset_id, user_id, position, source, key, caption, size, sha256, status, \
             removed_at, created_at) VALUES (?1, 1, 1, ?1, 's' || ?1, 'data/1/' || CAST(?1 AS INTEGER), ?2, 3, 'ab', ?3, ?4, ?5)",
            [i64::from(id).into(), caption.into(), status.into(), removed_at.into(), i64::from(created_at).into()],
        )
        .await;
    }
    kit
}

/// A safetensors file with one tensor, and a header padded to `length` bytes in all.
fn safetensors(length: usize) -> Vec<u8> {
    let mut header = r#"{"lora_unet_a.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#.to_string();
    header.push_str(&" ".repeat(length - 12 - header.len()));
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 4]].concat()
}

fn key(claim: &Value, name: u8) -> String {
    format!("out/1/{}/{}.safetensors", claim["attempt"], domain::id::hex(&[name; 16]))
}

async fn call(kit: &Kit, what: &str, id: &str, body: Value) -> Reply {
    signed(kit, "POST", &format!("/callbacks/{what}"), id, body.to_string().as_bytes(), "").await
}

/// Stores a file in parts.
async fn store(kit: &Kit, claim: &Value, name: u8, file: &[u8]) -> String {
    let key = key(claim, name);
    let lease = claim["lease"].as_str().unwrap();
    let begun = call(kit, "upload", &format!("upload_{key}"), with(held(claim, 0), json!({"key": key}))).await;
    assert_eq!(begun.status, 200, "{}", begun.text());
    let mut parts = Vec::new();
    for (i, part) in file.chunks(PART_BYTES as usize).enumerate() {
        let number = i as u16 + 1;
        let path = format!("/callbacks/{}", part_path(&key, number));
        let put = signed(kit, "PUT", &path, &format!("put_{key}/{number}"), part, lease).await;
        assert_eq!(put.status, 200, "{}", put.text());
        parts.push(put.json());
    }
    let body = with(held(claim, 0), json!({"key": key, "parts": parts}));
    let complete = call(kit, "complete", &format!("complete_{key}"), body).await;
    assert_eq!(complete.status, 200, "{}", complete.text());
    key
}

async fn get(kit: &Kit, claim: &Value, path: &str) -> Reply {
    let signed_path = path.split('?').next().unwrap();
    let lease = claim["lease"].as_str().unwrap();
    signed(kit, "GET", &format!("/callbacks/{path}"), &format!("get_{signed_path}"), b"", lease).await
}

async fn model(kit: &Kit) -> (String, i64) {
    let rows = kit.sql("SELECT status, progress FROM models", []).await;
    let row = rows.first().unwrap();
    (row.text("status").unwrap().to_string(), row.int("progress").unwrap())
}

fn trained(claim: &Value, seq: i64, key: &str, size: usize) -> Value {
    with(
        held(claim, seq),
        json!({"key": key, "size": size, "sha256": "ef", "steps": 4, "epochs": 2, "base_model": "SD1.5"}),
    )
}

#[tokio::test]
async fn a_training_is_claimed_with_its_images() {
    let kit = training().await;
    let cat = BlobBody::Bytes(b"cat".to_vec().into());
    kit.blobs.put("data/1/2", "image/png", None, cat).await.unwrap();
    let claimed = claim(&kit).await;
    assert_eq!(claimed["type"], "training");
    let params: TrainParams = serde_json::from_value(claimed["params"].clone()).unwrap();
    assert_eq!((params.steps, params.trigger_words.as_str(), &claimed["state"]), (Some(4), "sks fox", &Value::Null));
    assert_eq!(model(&kit).await, ("running".into(), 0));
    let page = get(&kit, &claimed, "dataset/1/1").await;
    let images: Vec<_> = page.json()["images"].as_array().unwrap().iter().map(|image| image["id"].clone()).collect();
    assert_eq!(images, [json!(1), json!(2)], "those that were there at the submission: {}", page.text());
    assert_eq!(get(&kit, &claimed, "dataset/1/1?after=1").await.json()["images"][0]["id"], 2);
    assert_eq!(get(&kit, &claimed, "dataset/1/1/2").await.bytes, "cat".as_bytes());
    for other in ["dataset/1/1/3", "dataset/1/1/5", "dataset/1/1/99", "state/1/1"] {
        assert_eq!(get(&kit, &claimed, other).await.status, 404, "{other}");
    }
    let stranger = signed(&kit, "GET", "/callbacks/dataset/1/1", "get_dataset/1/1", b"", &"0".repeat(32)).await;
    assert_eq!(stranger.error(), "stale_lease");
}

#[tokio::test]
async fn progress_is_that_of_the_model_too() {
    let kit = training().await;
    let claimed = claim(&kit).await;
    kit.published().await;
    let report = json!({"step": 2, "steps": 4, "eta_seconds": 3.0, "loss": 0.25});
    assert_eq!(post(&kit, "progress", with(held(&claimed, 1), report)).await.status, 200);
    assert_eq!(model(&kit).await, ("running".into(), 50));
    let rooms = kit.published().await;
    let frame = |room: &str| {
        let (_, event) = rooms.iter().find(|(name, _)| name == room).unwrap();
        serde_json::from_str::<Value>(event.owner.as_ref().unwrap().text("v1").unwrap()).unwrap()
    };
    for room in ["tasks/1", "models/1"] {
        let frame = frame(room);
        assert_eq!((&frame["progress"], &frame["data"]["loss"]), (&json!(50), &json!(0.25)), "{room}: {frame}");
    }
    assert!(rooms.iter().all(|(_, event)| event.public.is_none()), "a private model is its owner's");
}

#[tokio::test]
async fn a_state_replaces_the_one_before_and_the_next_attempt_goes_on_from_it() {
    let kit = training().await;
    let first = claim(&kit).await;
    let large = vec![7; PART_BYTES as usize + 5];
    for (seq, name, file) in [(1, 1, &large[..]), (2, 2, b"state two")] {
        let key = store(&kit, &first, name, file).await;
        let report = json!({"key": key, "step": seq * 2, "size": file.len(), "sha256": sha256_hex(file)});
        let report: StoredState = serde_json::from_value(with(held(&first, seq), report)).unwrap();
        let reply = post(&kit, "state", json!(report)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        kit.settle().await;
    }
    assert_eq!(kit.blobs.keys(), [key(&first, 2)], "the first was deleted");
    for attempt in 2..=5 {
        kit.wait(kit.config.lease_ms);
        store::sweep::round(&kit.runtime()).await.unwrap();
        let next = claim(&kit).await;
        assert_eq!((&next["attempt"], &next["state"]["step"]), (&json!(attempt), &json!(4)));
        let state = get(&kit, &next, &format!("state/1/{attempt}")).await;
        assert_eq!(state.bytes, "state two".as_bytes());
        if attempt == 3 {
            // Getting on gives attempts anew.
            let key = store(&kit, &next, 3, b"state two").await;
            let report = json!({"key": key, "step": 4, "size": 9, "sha256": sha256_hex(b"state two")});
            assert_eq!(post(&kit, "state", with(held(&next, 1), report)).await.status, 200);
        }
    }
}

#[tokio::test]
async fn a_result_makes_the_model_a_success_in_one_transaction() {
    let kit = training().await;
    kit.sql(
        "INSERT INTO webhooks (user_id, url, events, created_at, updated_at) VALUES (1, 'https://a.example.com', \
         '[\"model.ready\"]', 0, 0)",
        [],
    )
    .await;
    let claimed = claim(&kit).await;
    let file = safetensors(200);
    let key = store(&kit, &claimed, 1, &file).await;
    store(&kit, &claimed, 2, b"a state that is left").await;
    let cover = put(&kit, &claimed, 9).await.key;
    kit.published().await;
    let report = with(trained(&claimed, 1, &key, file.len()), json!({"image": cover}));
    kit.batches();
    let reply = post(&kit, "trained", report.clone()).await;
    assert_eq!((reply.status, kit.batches()), (200, 1), "{}", reply.text());
    assert_eq!(model(&kit).await, ("success".into(), 100));
    let row = kit
        .sql("SELECT m.key, m.size, m.sha256, m.steps, m.epochs, m.base_model, m.image, t.status, t.data FROM models m JOIN tasks t", [])
        .await;
    let row = row.first().unwrap();
    let text = |name: &str| row.text(name).unwrap().to_string();
    assert_eq!((text("key"), text("sha256"), text("image")), (key.clone(), "ef".into(), format!("/files/{cover}")));
    assert_eq!((text("base_model"), row.int("steps"), row.int("epochs")), ("SD1.5".into(), Some(4), Some(2)));
    let data: Value = serde_json::from_str(&text("data")).unwrap();
    assert_eq!(data, json!({"model_id": 1, "image_url": format!("/files/{cover}")}));
    let body = kit.sql("SELECT body FROM events WHERE type = 'model.ready'", []).await;
    let body: Value = serde_json::from_str(body.first().unwrap().text("body").unwrap()).unwrap();
    assert_eq!(
        (&body["data"]["id"], &body["data"]["image_url"]),
        (&json!(1), &json!(format!("https://draw.example/files/{cover}")))
    );
    assert!(kit.published().await.iter().any(|(room, _)| room == "models/1"));
    assert_eq!(post(&kit, "trained", report).await.error(), "stale_lease", "once");
    kit.wait(61_000);
    kit.settle().await;
    store::outbox::flush(&kit.runtime()).await.unwrap();
    let mut kept = [key, cover];
    kept.sort();
    assert_eq!(kit.blobs.keys(), kept, "the state is gone");
    kit.sql("DELETE FROM models", []).await;
    store::outbox::flush(&kit.runtime()).await.unwrap();
    assert!(kit.blobs.keys().is_empty(), "file and cover go with the model");
}

#[tokio::test]
async fn a_result_must_be_a_stored_model_of_the_attempt() {
    let kit = training().await;
    let claimed = claim(&kit).await;
    let (good, bad) = (safetensors(100), b"no model at all".to_vec());
    let good_key = store(&kit, &claimed, 1, &good).await;
    let bad_key = store(&kit, &claimed, 2, &bad).await;
    for (report, refusal) in [
        (trained(&claimed, 1, &bad_key, bad.len()), "400 invalid_model:key"),
        (trained(&claimed, 1, &good_key, good.len() + 1), "409 object_missing:key"),
        (trained(&claimed, 1, &key(&claimed, 3), 9), "409 object_missing:key"),
        (trained(&claimed, 1, "out/1/2/x.safetensors", 9), "400 invalid_parameter:key"),
        (
            with(trained(&claimed, 1, &good_key, good.len()), json!({"base_model": "SD9"})),
            "400 invalid_parameter:base_model",
        ),
        (
            with(trained(&claimed, 1, &good_key, good.len()), json!({"image": picture_key(&claimed, 5)})),
            "409 object_missing:image",
        ),
    ] {
        assert_eq!(post(&kit, "trained", report.clone()).await.refusal(), refusal, "{report}");
    }
    assert_eq!(model(&kit).await, ("running".into(), 0));
    assert_eq!(post(&kit, "trained", trained(&claimed, 1, &good_key, good.len())).await.status, 200);
}

#[tokio::test]
async fn a_failure_is_that_of_the_model_and_its_objects_go() {
    let kit = training().await;
    let claimed = claim(&kit).await;
    let key = store(&kit, &claimed, 1, b"state").await;
    let state = json!({"key": key, "step": 1, "size": 5, "sha256": sha256_hex(b"state")});
    assert_eq!(post(&kit, "state", with(held(&claimed, 1), state)).await.status, 200);
    let begun = json!({"key": super::training::key(&claimed, 2)});
    let id = format!("upload_{}", begun["key"].as_str().unwrap());
    assert_eq!(call(&kit, "upload", &id, with(held(&claimed, 0), begun)).await.status, 200);
    let failure = json!({"code": "dataset_invalid", "message": "1.png is no image", "retryable": false});
    assert_eq!(post(&kit, "failed", with(held(&claimed, 2), failure)).await.status, 200);
    assert_eq!(model(&kit).await.0, "error");
    assert_eq!(kit.number("SELECT count(*) FROM dataset_images WHERE removed_at IS NOT NULL").await, 0, "released");
    kit.wait(61_000);
    kit.settle().await;
    store::outbox::flush(&kit.runtime()).await.unwrap();
    assert!(kit.blobs.keys().is_empty(), "{:?}", kit.blobs.keys());
    assert_eq!(kit.number("SELECT count(*) FROM outbox").await, 0, "the unfinished upload was aborted");
}

#[tokio::test]
async fn only_the_holder_stores_parts() {
    let kit = training().await;
    let claimed = claim(&kit).await;
    let key = key(&claimed, 1);
    let begin = || with(held(&claimed, 0), json!({"key": key}));
    assert_eq!(call(&kit, "upload", &format!("upload_{key}"), begin()).await.status, 200);
    let path = format!("/callbacks/{}", part_path(&key, 1));
    let put = async |lease: &str, id: &str| signed(&kit, "PUT", &path, id, b"x", lease).await.refusal();
    let id = format!("put_{key}/1");
    assert_eq!(put(&"0".repeat(32), &id).await, "409 stale_lease");
    assert_eq!(put(claimed["lease"].as_str().unwrap(), &format!("put_{key}/2")).await, "401 invalid_signature");
    kit.wait(kit.config.lease_ms);
    store::sweep::round(&kit.runtime()).await.unwrap();
    assert_eq!(put(claimed["lease"].as_str().unwrap(), &id).await, "409 stale_lease", "the lease ran out");
    assert_eq!(call(&kit, "upload", &format!("upload_{key}"), begin()).await.error(), "stale_lease");
}
