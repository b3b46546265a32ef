//! Administrators change defaults.

use serde_json::{Value, json};
use store::params::{FRESH_MS, KEY};
use testkit::rules;
use testkit::{Account, Reply};

use super::*;

const IMAGE: &str = "/api/params/image";
const MODEL: &str = "/api/params/model";

async fn patch(kit: &Kit, path: &str, by: &Account, defaults: Value) -> Reply {
    kit.patch(path, json!({"defaults": defaults})).by(by).send().await
}

/// The default of a field, as anonymous callers see it.
async fn default(kit: &Kit, path: &str, field: &str) -> Value {
    kit.get(path).send().await.json()["properties"][field]["default"].clone()
}

#[tokio::test]
async fn administrators_change_defaults_and_everyone_sees_them_at_once() {
    let kit = kit();
    let root = kit.admin("root").await;
    let before = kit.get(IMAGE).send().await;
    kit.batches();
    let sent = json!({"width": 64, "height": 64.0, "guidanceScale": 3, "scheduler": "K_EULER", "public": false,
        "negative_prompt": " blurry ", "seed": 7, "strength": 0.5});
    let reply = patch(&kit, IMAGE, &root, sent).await;
    assert_eq!((reply.status, kit.batches()), (200, 1), "{}", reply.text());
    for (field, value) in [
        ("width", json!(64)),
        ("height", json!(64)),
        ("guidance_scale", json!(3.0)),
        ("scheduler", json!("K_EULER")),
        ("public", json!(false)),
        ("negative_prompt", json!("blurry")),
        ("seed", json!(7)),
        ("strength", json!(0.5)),
        ("n", json!(1)),
    ] {
        assert_eq!(reply.json()["properties"][field]["default"], value, "{field}");
        assert_eq!(default(&kit, IMAGE, field).await, value, "{field}");
    }
    let after = kit.get(IMAGE).header("if-none-match", before.header("etag")).send().await;
    assert_eq!((after.status, after.json()), (200, reply.json()));
    assert_eq!(kit.batches(), 0, "the entry was written before the reply");
}

#[tokio::test]
async fn null_brings_back_the_built_in_default() {
    let kit = kit();
    let root = kit.admin("root").await;
    let before = kit.get(IMAGE).send().await.json();
    patch(&kit, IMAGE, &root, json!({"width": 64, "seed": 7})).await;
    let half = patch(&kit, IMAGE, &root, json!({"width": null})).await.json();
    assert_eq!(
        (&half["properties"]["width"]["default"], &half["properties"]["seed"]["default"]),
        (&json!(512), &json!(7))
    );
    assert_eq!(patch(&kit, IMAGE, &root, json!({"seed": null, "n": null})).await.json(), before);
    assert_eq!(kit.get(IMAGE).send().await.json(), before);
}

#[tokio::test]
async fn the_forms_have_defaults_of_their_own() {
    let kit = kit();
    let root = kit.admin("root").await;
    let image = kit.get(IMAGE).send().await.json();
    assert_eq!(patch(&kit, MODEL, &root, json!({"rank": 4, "steps": 100, "seed": 1})).await.status, 200);
    assert_eq!(kit.get(IMAGE).send().await.json(), image);
    assert_eq!((default(&kit, MODEL, "rank").await, default(&kit, MODEL, "seed").await), (json!(4), json!(1)));
}

#[tokio::test]
async fn two_administrators_change_different_fields_and_neither_is_lost() {
    let kit = kit();
    let (root, other) = (kit.admin("root").await, kit.admin("other").await);
    let (a, b) =
        tokio::join!(patch(&kit, IMAGE, &root, json!({"width": 64})), patch(&kit, IMAGE, &other, json!({"n": 2})));
    assert_eq!((a.status, b.status), (200, 200));
    kit.kv.set_down(true);
    assert_eq!((default(&kit, IMAGE, "width").await, default(&kit, IMAGE, "n").await), (json!(64), json!(2)));
    kit.kv.set_down(false);
    // Whichever wrote its entry last, a minute later everyone reads the table.
    kit.wait(FRESH_MS + 1);
    assert_eq!((default(&kit, IMAGE, "width").await, default(&kit, IMAGE, "n").await), (json!(64), json!(2)));
}

#[tokio::test]
async fn a_change_succeeds_while_the_key_value_store_is_down_and_is_seen_a_minute_after() {
    let kit = kit();
    let root = kit.admin("root").await;
    let entry = kit.kv.stored(KEY);
    kit.kv.set_down(true);
    let reply = patch(&kit, IMAGE, &root, json!({"width": 64})).await;
    assert_eq!((reply.status, &reply.json()["properties"]["width"]["default"]), (200, &json!(64)));
    kit.kv.set_down(false);
    assert_eq!(kit.kv.stored(KEY), entry);
    assert_eq!(default(&kit, IMAGE, "width").await, 512);
    kit.wait(FRESH_MS + 1);
    assert_eq!(default(&kit, IMAGE, "width").await, 64);
}

#[tokio::test]
async fn values_are_checked_by_the_type_of_their_field_and_nothing_is_written() {
    let kit = kit();
    let root = kit.admin("root").await;
    rules::refuses_malformed_bodies(&kit, "PATCH", IMAGE, &root).await;
    for (path, defaults, refusal) in [
        (IMAGE, json!({"width": 63}), "400 invalid_parameter:defaults.width"),
        (IMAGE, json!({"width": "64"}), "400 invalid_parameter:defaults.width"),
        (IMAGE, json!({"n": 2, "width": 1 << 20}), "400 invalid_parameter:defaults.width"),
        (IMAGE, json!({"guidanceScale": 21}), "400 invalid_parameter:defaults.guidance_scale"),
        (IMAGE, json!({"scheduler": "DDPM"}), "400 invalid_parameter:defaults.scheduler"),
        (IMAGE, json!({"public": 1}), "400 invalid_parameter:defaults.public"),
        (IMAGE, json!({"negative_prompt": "x".repeat(4001)}), "400 invalid_parameter:defaults.negative_prompt"),
        (IMAGE, json!({"size": 64}), "400 invalid_parameter:defaults.size"),
        (IMAGE, json!({"size": null}), "400 invalid_parameter:defaults.size"),
        (IMAGE, json!({"prompt": "a"}), "400 invalid_parameter:defaults.prompt"),
        (IMAGE, json!({"type": "inference"}), "400 invalid_parameter:defaults.type"),
        (IMAGE, json!({"model_id": 1}), "400 invalid_parameter:defaults.model_id"),
        (IMAGE, json!({"from_image": "https://a.example/b"}), "400 invalid_parameter:defaults.from_image"),
        (IMAGE, json!({"webhook": "https://a.example/b"}), "400 invalid_parameter:defaults.webhook"),
        (IMAGE, json!({"tags": ["a"]}), "400 invalid_parameter:defaults.tags"),
        (IMAGE, json!({"rank": 4}), "400 invalid_parameter:defaults.rank"),
        (MODEL, json!({"rank": 0}), "400 invalid_parameter:defaults.rank"),
        (MODEL, json!({"dataset_id": 1}), "400 invalid_parameter:defaults.dataset_id"),
        (MODEL, json!({"data": {}}), "400 invalid_parameter:defaults.data"),
        (MODEL, json!({"width": 64}), "400 invalid_parameter:defaults.width"),
        (MODEL, json!([]), "400 invalid_parameter:defaults"),
        (MODEL, json!("{}"), "400 invalid_parameter:defaults"),
        (MODEL, json!({}), "400 nothing_to_change"),
        (MODEL, json!(null), "400 nothing_to_change"),
    ] {
        assert_eq!(patch(&kit, path, &root, defaults.clone()).await.refusal(), refusal, "{defaults}");
    }
    assert_eq!(kit.patch(IMAGE, json!({"width": 64})).by(&root).send().await.refusal(), "400 nothing_to_change");
    let long = patch(&kit, IMAGE, &root, json!({"長".repeat(1000): 1})).await;
    assert_eq!(long.refusal(), format!("400 invalid_parameter:defaults.{}", "長".repeat(64)));
    let text = |reply: Reply| reply.json()["error"]["message"].as_str().unwrap_or_default().to_string();
    let message = text(patch(&kit, IMAGE, &root, json!({"width": 9})).await);
    assert!(message.starts_with("defaults.width must be a multiple of 8"), "{message}");
    let message = text(patch(&kit, MODEL, &root, json!({"width": 9})).await);
    assert!(message.contains("trigger_words, steps, epochs"), "{message}");
    assert_eq!(kit.number("SELECT count(*) FROM params").await, 0);
}

#[tokio::test]
async fn only_administrators_change_defaults() {
    let kit = kit();
    let (root, ann) = (kit.admin("root").await, kit.user("ann").await);
    let body = || json!({"defaults": {"width": 64}});
    assert_eq!(kit.patch(IMAGE, body()).send().await.refusal(), "401 unauthenticated");
    assert_eq!(kit.patch(IMAGE, json!({"defaults": 3})).send().await.refusal(), "401 unauthenticated");
    assert_eq!(kit.patch(IMAGE, body()).by(&ann).send().await.refusal(), "403 forbidden");
    assert_eq!(kit.patch("/api/params/images", body()).by(&root).send().await.refusal(), "404 not_found");
    let key = kit.key(&root, &["read", "tasks"]).await;
    assert_eq!(kit.patch(IMAGE, body()).by(&key).send().await.refusal(), "403 missing_scope");
    assert_eq!(kit.number("SELECT count(*) FROM params").await, 0);
    let key = kit.key(&root, &["write"]).await;
    assert_eq!(kit.patch(IMAGE, body()).by(&key).send().await.status, 200);
    kit.sql("UPDATE users SET admin = 0", []).await;
    assert_eq!(kit.patch(IMAGE, body()).by(&root).send().await.refusal(), "403 forbidden");
}
