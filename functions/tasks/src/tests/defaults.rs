//! Submissions take the defaults that administrators gave to the fields of the forms.

use ports::Kv;
use store::params::{FRESH_MS, KEY, USABLE_MS};

use super::*;

/// Sets defaults of a form in the table, and in the key-value store unless that is down.
async fn set_defaults(kit: &Kit, form: &str, defaults: Value) {
    kit.sql(
        "INSERT INTO params (name, defaults, updated_at) VALUES (?1, ?2, 1) \
         ON CONFLICT (name) DO UPDATE SET defaults = excluded.defaults",
        [form.into(), defaults.to_string().into()],
    )
    .await;
    let entry = json!({"read_at": kit.now().0, "defaults": {form: defaults}}).to_string();
    let _ = kit.runtime().kv.put(KEY, &entry).await;
}

#[tokio::test]
async fn absent_fields_get_the_defaults_and_sent_ones_stay() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let defaults = json!({"width": 64, "height": 64, "num_inference_steps": 5, "scheduler": "K_EULER",
        "negative_prompt": "blurry", "public": false, "n": 2, "seed": 9});
    set_defaults(&kit, "image", defaults).await;
    kit.batches();
    kit.kv.reads();
    let body = json!({"prompt": "a", "height": 128, "numInferenceSteps": 7, "negative_prompt": "", "n": null});
    let task = submit(&kit, &ann, body).await;
    assert_eq!((kit.batches(), kit.kv.reads()), (1, 1));
    for (field, value) in [
        ("width", json!(64)),
        ("height", json!(128)),
        ("num_inference_steps", json!(7)),
        ("scheduler", json!("K_EULER")),
        ("negative_prompt", json!("")),
        ("n", json!(2)),
        ("seed", json!(9)),
        ("guidance_scale", json!(7.5)),
    ] {
        assert_eq!(task["params"][field], value, "{field}");
    }
    assert_eq!(task["public"], false);
}

#[tokio::test]
async fn the_price_is_that_of_the_defaults() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let one = submit(&kit, &ann, json!({"prompt": "a"})).await["cost"].as_i64().unwrap();
    set_defaults(&kit, "image", json!({"n": 3})).await;
    assert_eq!(submit(&kit, &ann, json!({"prompt": "a"})).await["cost"], 3 * one);
}

#[tokio::test]
async fn a_default_strength_counts_only_with_an_image_to_start_from() {
    let kit = kit();
    let ann = kit.user("ann").await;
    set_defaults(&kit, "image", json!({"strength": 0.25})).await;
    let strength = |task: Value| task["params"]["strength"].clone();
    assert_eq!(strength(submit(&kit, &ann, json!({"prompt": "a"})).await), Value::Null);
    let image = json!({"prompt": "a", "from_image": "https://example.com/b.png"});
    assert_eq!(strength(submit(&kit, &ann, image).await), 0.25);
    let both = json!({"prompt": "a", "fromImage": "https://example.com/b.png", "strength": 0.75});
    assert_eq!(strength(submit(&kit, &ann, both).await), 0.75);
}

#[tokio::test]
async fn defaults_of_trainings_are_apart_from_those_of_images() {
    let kit = kit();
    let ann = kit.user("ann").await;
    set_defaults(&kit, "model", json!({"rank": 4, "width": 64, "public": true})).await;
    let task = submit(&kit, &ann, json!({"prompt": "a"})).await;
    assert_eq!((&task["params"]["width"], &task["params"]["rank"]), (&json!(512), &Value::Null));
    kit.sql(
        "INSERT INTO datasets (id, name, user_id, created_at, updated_at) VALUES (1, 'd', ?1, 0, 0)",
        [ann.id.into()],
    )
    .await;
    kit.sql(
        "INSERT INTO dataset_images (dataset_id, user_id, position, source, key, size, sha256, status, created_at) \
         VALUES (1, ?1, 1, 's', 'data/1', 3, 'ab', 'ready', 0)",
        [ann.id.into()],
    )
    .await;
    let training = json!({"type": "訓練", "model_type": "lora", "name": "Fox", "dataset_id": 1});
    assert_eq!(submit(&kit, &ann, training).await["params"]["rank"], 4);
}

#[tokio::test]
async fn values_that_were_sent_are_still_checked() {
    let kit = kit();
    let ann = kit.user("ann").await;
    set_defaults(&kit, "image", json!({"width": 64})).await;
    let refusals = [
        (json!({"prompt": "a", "width": 63}), "400 invalid_parameter:width"),
        (json!({}), "400 missing_parameter:prompt"),
        (json!([]), "400 malformed_json"),
        (json!("a"), "400 malformed_json"),
    ];
    rules::refuses_bodies(&kit, "POST", "/api/tasks", &ann, &refusals).await;
    kit.kv.reads();
    assert_eq!(kit.post("/api/tasks", json!({"prompt": "a"})).send().await.refusal(), "401 unauthenticated");
    assert_eq!(kit.kv.reads(), 0);
}

#[tokio::test]
async fn a_missing_or_broken_entry_costs_one_trip_once() {
    for broken in [None, Some("nonsense"), Some(r#"{"read_at":0,"defaults":{"image":{}}}"#)] {
        let kit = kit();
        let ann = kit.user("ann").await;
        set_defaults(&kit, "image", json!({"width": 64})).await;
        match broken {
            None => kit.kv.delete(KEY).await.unwrap(),
            Some(text) => kit.kv.put(KEY, text).await.unwrap(),
        }
        for trips in [2, 1] {
            kit.batches();
            let task = submit(&kit, &ann, json!({"prompt": "a"})).await;
            assert_eq!((&task["params"]["width"], kit.batches()), (&json!(64), trips), "{broken:?}");
            kit.settle().await;
        }
    }
}

#[tokio::test]
async fn an_old_entry_is_used_and_renewed_after_the_reply() {
    let kit = kit();
    let ann = kit.user("ann").await;
    set_defaults(&kit, "image", json!({"width": 64})).await;
    kit.kv.set_down(true);
    set_defaults(&kit, "image", json!({"width": 128})).await;
    kit.kv.set_down(false);
    for (waited, width) in [(FRESH_MS, 64), (1, 64), (0, 128)] {
        kit.wait(waited);
        kit.batches();
        let task = submit(&kit, &ann, json!({"prompt": "a"})).await;
        assert_eq!((&task["params"]["width"], kit.batches()), (&json!(width), 1), "after {waited} ms more");
        kit.settle().await;
    }
}

#[tokio::test]
async fn an_entry_of_days_ago_is_not_used() {
    let kit = kit();
    let ann = kit.user("ann").await;
    set_defaults(&kit, "image", json!({"width": 64})).await;
    kit.kv.set_down(true);
    set_defaults(&kit, "image", json!({"width": 128})).await;
    kit.kv.set_down(false);
    kit.wait(USABLE_MS + 1);
    assert_eq!(submit(&kit, &ann, json!({"prompt": "a"})).await["params"]["width"], 128);
}

#[tokio::test]
async fn submissions_go_to_the_table_while_the_key_value_store_is_down() {
    let kit = kit();
    let ann = kit.user("ann").await;
    kit.kv.set_down(true);
    set_defaults(&kit, "image", json!({"width": 64})).await;
    for _ in 0..2 {
        kit.batches();
        let task = submit(&kit, &ann, json!({"prompt": "a"})).await;
        assert_eq!((&task["params"]["width"], kit.batches()), (&json!(64), 2));
        kit.settle().await;
    }
}

#[tokio::test]
async fn a_repeat_with_the_same_key_is_answered_as_before_though_the_defaults_changed() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let call = || kit.post("/api/tasks", json!({"prompt": "a"})).header("idempotency-key", "k").by(&ann);
    let first = call().send().await;
    set_defaults(&kit, "image", json!({"width": 64})).await;
    let again = call().send().await;
    assert_eq!((first.status, &first.bytes), (again.status, &again.bytes));
    assert_eq!(kit.number("SELECT count(*) FROM tasks").await, 1);
}
