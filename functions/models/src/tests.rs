//! The routes over in-memory SQLite with the real migrations, and objects in memory.

use ports::{BlobBody, Blobs};
use serde_json::{Value, json};
use testkit::{Account, Kit, Reply, rules};

mod import;
mod life;

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

/// A new model of the account, with `more` fields in the body.
async fn model(kit: &Kit, by: &Account, more: Value) -> i64 {
    kit.wait(1);
    let (id, _) = upload(kit, by, lora()).await;
    let mut body = form(id);
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    let made = import(kit, by, body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["id"].as_i64().unwrap()
}

#[test]
fn openapi_is_fresh() {
    Kit::check_openapi(&crate::routes(), env!("CARGO_MANIFEST_DIR"));
}
