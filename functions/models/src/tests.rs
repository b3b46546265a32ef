//! The routes over in-memory SQLite with the real migrations, and objects in memory.

use ports::{BlobBody, Blobs};
use serde_json::{Value, json};
use store::{Scope, Tx, args, models};
use testkit::{Account, Kit, Reply, golden, rules};

mod life;
mod tags;
mod training;

fn kit() -> Kit {
    Kit::new(crate::routes())
}

/// A new model of the account with its file, as an import makes it; `more` replaces fields.
async fn model(kit: &Kit, by: &Account, more: Value) -> i64 {
    kit.wait(1);
    let key = format!("up/{}.bin", kit.runtime().token());
    kit.blobs.put(&key, "application/octet-stream", None, BlobBody::Bytes("tensors".into())).await.unwrap();
    let mut fields = json!({"name": "Ink", "type": "lora", "base_model": "SD1.5", "trigger_words": "ink", "tags": [],
        "public": false});
    for (field, value) in more.as_object().unwrap() {
        fields[field] = value.clone();
    }
    let text = |field: &str| fields[field].as_str().unwrap().to_owned();
    let now = kit.now().0;
    let rows = kit
        .sql(
            "INSERT INTO models (name, type, base_model, trigger_words, public, key, size, sha256, status, progress, \
             user_id, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 7, 'ab', 'success', 100, ?7, ?8, ?8) \
             RETURNING id",
            [
                text("name").into(),
                text("type").into(),
                text("base_model").into(),
                text("trigger_words").into(),
                fields["public"].as_bool().unwrap().into(),
                key.into(),
                by.id.into(),
                now.into(),
            ],
        )
        .await;
    let id = rows.first().and_then(|row| row.int("id")).unwrap();
    let mut tx = Tx::new(kit.runtime().sql, Scope { me: by.id, ..Scope::system(kit.now()) });
    models::index(&mut tx, "id = :id", args! { id }, Some(&text("name")), Some(&text("trigger_words")));
    let tags: Vec<String> = serde_json::from_value(fields["tags"].clone()).unwrap();
    models::set_tags(&mut tx, "id = :id", args! { id }, &tags);
    tx.run().await.unwrap();
    id
}

#[test]
fn openapi_is_fresh() {
    Kit::check_openapi(&crate::routes(), env!("CARGO_MANIFEST_DIR"));
}

#[tokio::test]
async fn lists_read_no_more_than_they_show() {
    testkit::plans::check(&crate::routes(), &[]).await;
}

#[tokio::test]
async fn replies_are_those_of_the_golden_file() {
    let kit = kit();
    let ann = kit.user("ann").await;
    model(&kit, &ann, json!({"name": "水墨", "tags": ["動物", "ink"]})).await;
    kit.sql("UPDATE models SET image = '/files/a', epochs = 2, steps = 20, dataset_id = 3, image_key = 'a'", []).await;
    golden::check(&kit, env!("CARGO_MANIFEST_DIR"), "models", &ann, &["/api/models", "/api/models/1"]).await;
}
