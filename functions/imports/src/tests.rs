//! The routes over in-memory SQLite with the real migrations, and objects in memory.

use ports::{BlobBody, Blobs};
use serde_json::{Value, json};
use testkit::{Account, Kit, Reply, rules};

fn kit() -> Kit {
    Kit::new(crate::routes())
}

/// A LoRA of one layer.
fn lora() -> Vec<u8> {
    file(r#"{"lora_unet_a.lora_up.weight":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}"#, 8)
}

/// A file of a header and `data` zero bytes.
fn file(header: &str, data: usize) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.extend(std::iter::repeat_n(0, data));
    file
}

/// A complete upload of the account: its id and key.
async fn upload(kit: &Kit, by: &Account, bytes: Vec<u8>) -> (i64, String) {
    let (key, size) = (format!("up/{}.bin", kit.runtime().token()), bytes.len() as i64);
    kit.blobs.put(&key, "application/octet-stream", None, BlobBody::Bytes(bytes.into())).await.unwrap();
    let rows = kit
        .sql(
            "INSERT INTO uploads (key, content_type, size, user_id, created_at, updated_at) \
             VALUES (?1, 'application/octet-stream', ?2, ?3, 0, 0) RETURNING id",
            [key.as_str().into(), size.into(), by.id.into()],
        )
        .await;
    (rows.first().and_then(|row| row.int("id")).unwrap(), key)
}

fn form(upload: impl Into<Value>) -> Value {
    json!({"name": "Ink", "type": "lora", "base_model": "SD1.5", "trigger_words": "ink", "upload": upload.into()})
}

async fn import(kit: &Kit, by: &Account, body: Value) -> Reply {
    kit.post("/api/models/import", body).by(by).send().await
}

#[test]
fn openapi_is_fresh() {
    Kit::check_openapi(&crate::routes(), env!("CARGO_MANIFEST_DIR"));
}

#[tokio::test]
async fn an_upload_is_named_by_id_or_address() {
    let kit = kit();
    let ann = kit.user("ann").await;
    for name in ["id", "digits", "path", "url"] {
        let (id, key) = upload(&kit, &ann, lora()).await;
        let upload = match name {
            "id" => json!(id),
            "digits" => json!(id.to_string()),
            "path" => json!(format!("/files/{key}")),
            _ => json!(format!("https://easel.example/files/{key}")),
        };
        let call = kit.call("POST", "https://easel.example/api/models/import").json(form(upload));
        let made = call.by(&ann).send().await;
        assert_eq!((made.status, made.json()["model_path"].clone()), (201, json!(format!("/files/{key}"))), "{name}");
    }
    assert_eq!(kit.number("SELECT count(*) FROM uploads").await, 0);
}

#[tokio::test]
async fn only_the_callers_own_complete_uploads_are_imported() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    let (id, key) = upload(&kit, &ann, lora()).await;
    assert_eq!(kit.post("/api/models/import", form(id)).send().await.error(), "unauthenticated");
    for by in [&bob, &root] {
        for named in [json!(id), json!(format!("/files/{key}"))] {
            let reply = import(&kit, by, form(named)).await;
            assert_eq!((reply.status, reply.error().as_str()), (400, "invalid_parameter:upload"));
        }
    }
    kit.sql("UPDATE uploads SET content_type = 'image/png'", []).await;
    assert_eq!(import(&kit, &ann, form(id)).await.error(), "invalid_parameter:upload");
    kit.sql("UPDATE uploads SET content_type = 'application/octet-stream', multipart = 'x'", []).await;
    let reply = import(&kit, &ann, form(id)).await;
    assert_eq!((reply.status, reply.error().as_str()), (409, "upload_incomplete:upload"));
    assert_eq!(kit.number("SELECT count(*) FROM models").await, 0);
}

#[tokio::test]
async fn files_that_are_no_models_are_refused_and_stay_uploads() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let tensor = r#"{"x":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}"#;
    for (name, bytes) in [
        ("empty", vec![]),
        ("short", vec![1, 2, 3]),
        ("a zip archive", b"PK\x03\x04archive/data.pkl".to_vec()),
        ("a pickle", b"\x80\x02}q\0X\x01\0\0\0aq\x01K\x01s.".to_vec()),
        ("a header that is too long", file(tensor, 8)[..20].to_vec()),
        ("a header without tensors", file("{}", 0)),
        ("too little behind the header", file(tensor, 7)),
        ("too much behind the header", file(tensor, 9)),
        ("not a LoRA", file(tensor, 8)),
    ] {
        let (id, _) = upload(&kit, &ann, bytes).await;
        let reply = import(&kit, &ann, form(id)).await;
        assert_eq!((reply.status, reply.error().as_str()), (400, "invalid_model:upload"), "{name}");
    }
    let (id, key) = upload(&kit, &ann, lora()).await;
    kit.blobs.delete(&key).await.unwrap();
    assert_eq!(import(&kit, &ann, form(id)).await.error(), "invalid_model:upload", "the file is gone");
    assert_eq!(kit.number("SELECT count(*) FROM models").await, 0);
    assert_eq!(kit.number("SELECT count(*) FROM uploads").await, 10);
    let (id, _) = upload(&kit, &ann, file(tensor, 8)).await;
    let mut body = form(id);
    body["type"] = json!("hyper");
    assert_eq!(import(&kit, &ann, body).await.status, 201, "only a LoRA's tensors have fixed names");
}

#[tokio::test]
async fn bad_imports_are_refused_and_change_nothing() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let (id, key) = upload(&kit, &ann, lora()).await;
    rules::refuses_malformed_bodies(&kit, "POST", "/api/models/import", &ann).await;
    let refusals = [
        ("name", json!(null), "400 missing_parameter:name"),
        ("name", json!("x".repeat(201)), "400 invalid_parameter:name"),
        ("type", json!(null), "400 missing_parameter:type"),
        ("type", json!("pickle"), "400 invalid_parameter:type"),
        ("base_model", json!(null), "400 missing_parameter:base_model"),
        ("base_model", json!("SD9"), "400 invalid_parameter:base_model"),
        ("public", json!("yes"), "400 invalid_parameter:public"),
        ("upload", json!(null), "400 missing_parameter:upload"),
        ("upload", json!(0), "400 invalid_parameter:upload"),
        ("upload", json!(-1), "400 invalid_parameter:upload"),
        ("upload", json!(1e300), "400 invalid_parameter:upload"),
        ("upload", json!(id + 1), "400 invalid_parameter:upload"),
        ("upload", json!([id]), "400 invalid_parameter:upload"),
        ("upload", json!({"id": id}), "400 invalid_parameter:upload"),
        ("upload", json!(key), "400 invalid_parameter:upload"),
        ("upload", json!(format!("https://evil.example/files/{key}")), "400 invalid_parameter:upload"),
        ("upload", json!("/files/../secret"), "400 invalid_parameter:upload"),
        ("upload", json!("x".repeat(5000)), "400 invalid_parameter:upload"),
    ];
    let refusals = refusals.map(|(field, value, refusal)| {
        let mut body = form(id);
        body[field] = value;
        (body, refusal)
    });
    rules::refuses_bodies(&kit, "POST", "/api/models/import", &ann, &refusals).await;
    assert_eq!(kit.number("SELECT count(*) FROM models").await, 0);
    assert_eq!(kit.number("SELECT count(*) FROM uploads").await, 1);
}

#[tokio::test]
async fn importing_again_with_the_same_idempotency_key_repeats_the_response() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let (id, _) = upload(&kit, &ann, lora()).await;
    let send = |body: Value| kit.post("/api/models/import", body).header("idempotency-key", "k").by(&ann);
    kit.batches();
    let first = send(form(id)).send().await;
    assert_eq!((first.status, kit.batches()), (201, 2));
    let again = send(form(id)).send().await;
    assert_eq!((again.status, &again.bytes, again.header("location")), (201, &first.bytes, "/api/models/1"));
    assert_eq!(send(form(7)).send().await.error(), "idempotency_key_reused:Idempotency-Key");
    assert_eq!(import(&kit, &ann, form(id)).await.error(), "invalid_parameter:upload", "it is a model now");
    assert_eq!(kit.number("SELECT count(*) FROM models").await, 1);
    let published = kit.published().await;
    assert!(published.iter().any(|(room, event)| *room == format!("uploads/{id}") && event.end));
}

#[tokio::test]
async fn an_import_is_a_model_at_once() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let bytes = lora();
    let (id, key) = upload(&kit, &ann, bytes.clone()).await;
    let mut body = form(id);
    body["tags"] = json!(["動物", "ink"]);
    let made = import(&kit, &ann, body).await;
    assert_eq!((made.status, made.header("location")), (201, "/api/models/1"), "{}", made.text());
    let expected = json!({"id": 1, "name": "Ink", "type": "lora", "trigger_words": "ink", "base_model": "SD1.5",
        "model_path": format!("/files/{key}"), "size": bytes.len(), "hash": made.json()["hash"], "status": "success",
        "progress": 100, "image": null, "epochs": null, "steps": null, "tags": ["ink", "動物"], "public": false, "downloads": 0,
        "user_id": ann.id, "dataset_id": null, "server_id": null, "task_id": null,
        "created_at": "2026-11-20T00:00:00.000Z", "updated_at": "2026-11-20T00:00:00.000Z"});
    assert_eq!(made.json(), expected);
    assert_eq!(made.json()["hash"].as_str().unwrap().len(), 64);
    assert_eq!(kit.number("SELECT count(*) FROM uploads").await, 0, "the model has taken it over");
    let found = "SELECT count(*) FROM models_search WHERE models_search MATCH 'ink'";
    assert_eq!(kit.number(found).await, 1);
    let (again, _) = upload(&kit, &ann, lora()).await;
    let mut body = form(again);
    body["tags"] = json!(["a,b"]);
    assert_eq!(import(&kit, &ann, body).await.refusal(), "400 invalid_parameter:tags");
}
