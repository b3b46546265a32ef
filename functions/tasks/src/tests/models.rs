//! Models in a task: who may use them, in which state, and what the task tells the runner about them.

use super::*;
use protocol::runner::{AdapterKind, DrawParams};

/// A LoRA of the account's, ready to be used.
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
async fn submission_stores_what_runners_need_to_know_of_adapters_in_one_transaction() {
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
    let params: DrawParams = serde_json::from_value(made.json()["params"].clone()).unwrap();
    assert_eq!((params.loras[1].model_id, &params.loras[1].sha256), (first, &None));
    let used = "SELECT count(*) FROM models WHERE hot > 1 AND hot < 1e30";
    assert_eq!(kit.number(used).await, 2, "each was used once");
    // The repeat is answered as before, whatever became of the models.
    kit.sql("DELETE FROM models", []).await;
    assert_eq!(call().await.bytes, made.bytes);
    let none = submit(&kit, &ann, json!({"prompt": "a", "loras": []})).await;
    assert_eq!(none["params"].get("loras"), None);
}

#[tokio::test]
async fn each_adapter_must_be_one_the_caller_may_use() {
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
        "UPDATE models SET type = 'ti', status = 'initial' WHERE id = ?1",
    ] {
        kit.sql("UPDATE models SET status = 'success', type = 'lora'", []).await;
        kit.sql(change, [own.into()]).await;
        let reply = refused(&kit, &ann, json!([lora(other), lora(own)])).await;
        assert_eq!(reply, (409, "model_not_ready:loras[1]".to_string()), "{change}");
    }
}

#[tokio::test]
async fn malformed_lists_are_refused_without_a_transaction() {
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

/// A checkpoint of the account's.
async fn checkpoint(kit: &Kit, by: &Account) -> i64 {
    let id = model(kit, by, Some("5f")).await;
    kit.sql("UPDATE models SET type = 'ckp', name = '水墨', size = 7000000000 WHERE id = ?1", [id.into()]).await;
    id
}

#[tokio::test]
async fn submission_stores_what_runners_need_to_know_of_a_checkpoint() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let (ckp, lora) = (checkpoint(&kit, &ann).await, model(&kit, &ann, None).await);
    kit.batches();
    for (profile, shown, id) in [("v1", json!(ckp), json!(ckp)), ("v0", json!(ckp.to_string()), json!(ckp.to_string()))]
    {
        let body = json!({"prompt": "a", "model_id": id, "loras": [{"model_id": lora}]});
        let made = kit.post(&format!("/api/tasks?profile={profile}"), body).by(&ann).send().await;
        assert_eq!((made.status, kit.batches()), (201, 1), "{}", made.text());
        let made = made.json();
        assert_eq!(*made.get("model_id").or_else(|| made.get("modelId")).unwrap(), shown);
        let params = kit.sql("SELECT params FROM tasks ORDER BY id DESC LIMIT 1", []).await;
        let params: Value = serde_json::from_str(params.first().unwrap().text("params").unwrap()).unwrap();
        assert_eq!(
            params["model"],
            json!({"model_id": ckp, "name": "水墨", "size": 7_000_000_000_i64, "sha256": "5f"})
        );
        let params: DrawParams = serde_json::from_value(params).unwrap();
        assert_eq!((params.model.unwrap().model_id, params.loras.len()), (ckp, 1));
    }
    let camel = submit(&kit, &ann, json!({"prompt": "a", "modelId": ckp})).await;
    assert_eq!(camel["model_id"], ckp);
    assert_eq!(submit(&kit, &ann, json!({"prompt": "a"})).await["model_id"], Value::Null);
}

#[tokio::test]
async fn the_checkpoint_must_be_one_the_caller_may_use() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let (own, other, lora) =
        (checkpoint(&kit, &ann).await, checkpoint(&kit, &bob).await, model(&kit, &ann, None).await);
    let with = async |id: i64, loras: Value| {
        let before = kit.number("SELECT count(*) FROM tasks").await;
        let reply =
            kit.post("/api/tasks", json!({"prompt": "a", "model_id": id, "loras": loras})).by(&ann).send().await;
        let made = kit.number("SELECT count(*) FROM tasks").await - before;
        assert_eq!(made, i64::from(reply.status == 201));
        (reply.status, reply.error())
    };
    let unseen = (400, "invalid_parameter:model_id".to_string());
    let lora_list = json!([{"model_id": lora}]);
    assert_eq!(with(other, json!([])).await, unseen);
    assert_eq!(with(99, lora_list.clone()).await, unseen, "as one that does not exist");
    // The checkpoint is named first when both are wrong.
    assert_eq!(with(99, json!([{"model_id": 98}])).await, unseen);
    assert_eq!(with(own, json!([{"model_id": lora}, {"model_id": 98}])).await.1, "invalid_parameter:loras[1]");
    let not_ready = (409, "model_not_ready:model_id".to_string());
    assert_eq!(with(lora, lora_list.clone()).await, not_ready, "a LoRA is none");
    assert_eq!(with(own, json!([{"model_id": own}])).await, (409, "model_not_ready:loras[0]".to_string()));
    kit.sql("UPDATE models SET status = 'running' WHERE id = ?1", [own.into()]).await;
    assert_eq!(with(own, lora_list.clone()).await, not_ready);
    kit.sql("UPDATE models SET public = 1", []).await;
    assert_eq!(with(other, lora_list).await.0, 201);
}

#[tokio::test]
async fn runners_are_told_the_kind_of_each_adapter() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let (hyper, word, named) =
        (model(&kit, &ann, None).await, model(&kit, &ann, None).await, model(&kit, &ann, None).await);
    kit.sql("UPDATE models SET type = 'hyper' WHERE id = ?1", [hyper.into()]).await;
    kit.sql("UPDATE models SET type = 'ti', trigger_words = '<fox>' WHERE id = ?1", [word.into()]).await;
    kit.sql("UPDATE models SET type = 'ti', name = 'snow' WHERE id = ?1", [named.into()]).await;
    let loras = json!([{"model_id": hyper, "weight": 0.5}, {"model_id": word}, {"model_id": named}]);
    let made = submit(&kit, &ann, json!({"prompt": "a <fox>", "loras": loras})).await;
    let one = |id: i64, weight: f64, more: Value| {
        let mut one = json!({"model_id": id, "weight": weight, "size": 77, "sha256": null});
        for (key, value) in more.as_object().unwrap() {
            one[key] = value.clone();
        }
        one
    };
    assert_eq!(
        made["params"]["loras"],
        json!([
            one(hyper, 0.5, json!({"type": "hyper"})),
            one(word, 1.0, json!({"type": "ti", "word": "<fox>"})),
            one(named, 1.0, json!({"type": "ti", "word": "snow"})),
        ])
    );
    let params: DrawParams = serde_json::from_value(made["params"].clone()).unwrap();
    let kinds: Vec<_> = params.loras.iter().map(|lora| (lora.kind, lora.word.as_deref())).collect();
    let (hyper, ti) = (AdapterKind::Hyper, AdapterKind::Ti);
    assert_eq!(kinds, [(hyper, None), (ti, Some("<fox>")), (ti, Some("snow"))]);
}

#[tokio::test]
async fn a_training_is_a_task_too() {
    let kit = kit();
    let ann = kit.user("ann").await;
    kit.sql(
        "INSERT INTO datasets (id, name, user_id, created_at, updated_at) VALUES (1, 'd', ?1, 0, 0)",
        [ann.id.into()],
    )
    .await;
    kit.sql(
        "INSERT INTO dataset_images (dataset_id, user_id, position, source, key, size, sha256, status, created_at) \
         VALUES (1, ?1, 0, 's', 'data/a', 3, 'ab', 'ready', 0)",
        [ann.id.into()],
    )
    .await;
    let body =
        json!({"type": "訓練", "model_type": "lora", "name": "Fox", "dataset_id": 1, "steps": 9, "tags": ["fox"]});
    kit.batches();
    let task = submit(&kit, &ann, body).await;
    assert_eq!(kit.batches(), 1);
    for (field, value) in [
        ("type", json!("training")),
        ("status", json!("waiting")),
        ("name", json!("Fox")),
        ("model_id", json!(1)),
        ("cost", json!(20)),
        ("position", json!(1)),
        ("images", json!([])),
    ] {
        assert_eq!(task[field], value, "{field}");
    }
    assert_eq!((&task["params"]["type"], &task["params"]["steps"]), (&json!("lora"), &json!(9)));
    for query in ["type=training", "type=%E8%A8%93%E7%B7%B4", "search=Fox", "tag=fox"] {
        let found = kit.get(&format!("/api/tasks?{query}")).by(&ann).send().await.json();
        assert_eq!(found["list"][0]["id"], 1, "{query}");
    }
    // A deleted task ends the model, which stays.
    assert_eq!(kit.delete("/api/tasks/1").by(&ann).send().await.status, 204);
    assert_eq!(kit.number("SELECT count(*) FROM models WHERE status = 'error' AND task_id IS NULL").await, 1);
}
