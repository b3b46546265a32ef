//! LoRAs in a task: whose models, in which state, and what the runner is told of them.

use super::*;

/// A model of the account's, ready to be used.
async fn model(kit: &Kit, by: &Account, sha256: Option<&'static str>) -> i64 {
    let rows = kit
        .sql(
            "INSERT INTO models (name, type, base_model, key, size, sha256, status, user_id, created_at, updated_at) \
             VALUES ('a', 'lora', 'SD1.5', lower(hex(randomblob(16))), 77, ?2, 'success', ?1, 0, 0) RETURNING id",
            [by.id.into(), sha256.into()],
        )
        .await;
    rows.first().unwrap().int("id").unwrap()
}

async fn refused(kit: &Kit, by: &Account, loras: Value) -> (u16, String) {
    let before = kit.number("SELECT count(*) FROM tasks").await;
    let reply = kit.post("/api/tasks", json!({"prompt": "a", "loras": loras})).by(by).send().await;
    assert_eq!(kit.number("SELECT count(*) FROM tasks").await, before);
    (reply.status, reply.error())
}

#[tokio::test]
async fn what_the_runner_needs_is_settled_at_submission_in_one_batch() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let (first, second) = (model(&kit, &ann, None).await, model(&kit, &ann, Some("5f")).await);
    kit.batches();
    let body = json!({"prompt": "a", "loras": [{"model_id": second, "weight": -0.5}, {"model_id": first.to_string()}]});
    let call = || kit.post("/api/tasks", body.clone()).header("idempotency-key", "k").by(&ann).send();
    let made = call().await;
    assert_eq!((made.status, kit.batches()), (201, 1), "{}", made.text());
    let loras = &made.json()["params"]["loras"];
    assert_eq!(
        *loras,
        json!([{"model_id": second, "weight": -0.5, "size": 77, "sha256": "5f"},
            {"model_id": first, "weight": 1.0, "size": 77, "sha256": null}])
    );
    let params: domain::runner::DrawParams = serde_json::from_value(made.json()["params"].clone()).unwrap();
    assert_eq!((params.loras[1].model_id, &params.loras[1].sha256), (first, &None));
    // The repeat is answered as before, whatever became of the models.
    kit.sql("DELETE FROM models", []).await;
    assert_eq!(call().await.bytes, made.bytes);
    let none = submit(&kit, &ann, json!({"prompt": "a", "loras": []})).await;
    assert_eq!(none["params"].get("loras"), None);
}

#[tokio::test]
async fn each_is_a_model_the_caller_may_use() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let (own, other) = (model(&kit, &ann, None).await, model(&kit, &bob, None).await);
    let lora = |id: i64| json!({"model_id": id});
    let unseen = (400, "invalid_parameter:loras[1]".to_string());
    assert_eq!(refused(&kit, &ann, json!([lora(own), lora(other)])).await, unseen);
    assert_eq!(refused(&kit, &ann, json!([lora(own), lora(99)])).await, unseen, "as one that does not exist");
    kit.sql("UPDATE models SET public = 1", []).await;
    submit(&kit, &ann, json!({"prompt": "a", "loras": [lora(own), lora(other)]})).await;
    for change in [
        "UPDATE models SET status = 'running' WHERE id = ?1",
        "UPDATE models SET status = 'error' WHERE id = ?1",
        "UPDATE models SET type = 'ckp' WHERE id = ?1",
    ] {
        kit.sql("UPDATE models SET status = 'success', type = 'lora'", []).await;
        kit.sql(change, [own.into()]).await;
        let reply = refused(&kit, &ann, json!([lora(other), lora(own)])).await;
        assert_eq!(reply, (409, "model_not_ready:loras[1]".to_string()), "{change}");
    }
}

#[tokio::test]
async fn bad_lists_are_refused_before_anything_is_looked_for() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let own = model(&kit, &ann, None).await;
    for bad in [
        json!([{"model_id": own, "weight": 9}]),
        json!([{"model_id": own, "weight": "x"}]),
        json!([{"model_id": 0}]),
        json!([{"model_id": 1e300}]),
        json!([{}]),
        json!([own]),
        json!({"model_id": own}),
        json!(vec![json!({"model_id": own}); 9]),
    ] {
        kit.batches();
        assert_eq!(refused(&kit, &ann, bad.clone()).await, (400, "invalid_parameter:loras".to_string()), "{bad}");
        assert_eq!(kit.batches(), 0, "{bad}");
    }
    submit(&kit, &ann, json!({"prompt": "a", "loras": vec![json!({"model_id": own}); 8]})).await;
}
