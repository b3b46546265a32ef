//! A model from beginning to end: who sees it, who changes it, how lists find it.

use super::*;

#[tokio::test]
async fn a_model_from_beginning_to_end() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let id = model(&kit, &ann, json!({})).await;
    let key = kit.blobs.keys().remove(0);
    let expected = json!({"id": id, "name": "Ink", "type": "lora", "trigger_words": "ink", "base_model": "SD1.5",
        "model_path": format!("/files/{key}"), "size": 7, "hash": "ab", "status": "success", "progress": 100,
        "image": null, "epochs": null, "steps": null, "tags": [], "public": false, "downloads": 0, "user_id": ann.id,
        "dataset_id": null, "server_id": null, "task_id": null, "created_at": "2026-11-20T00:00:00.001Z",
        "updated_at": "2026-11-20T00:00:00.001Z"});
    assert_eq!(kit.get("/api/models/1").by(&ann).send().await.json(), expected);

    kit.wait(1000);
    let hidden = kit.patch("/api/models/1", json!({"public": false})).by(&ann).send().await.json();
    assert_eq!((&hidden["name"], &hidden["trigger_words"]), (&json!("Ink"), &json!("ink")), "a name is not required");
    kit.wait(4000);
    let change = json!({"name": "Tusche", "trigger_words": "", "public": true});
    let changed = kit.patch("/api/models/1", change).by(&ann).send().await;
    assert_eq!(changed.status, 200);
    let changed = changed.json();
    assert_eq!(
        (&changed["name"], &changed["trigger_words"], &changed["public"]),
        (&json!("Tusche"), &json!(""), &json!(true))
    );
    assert_eq!(changed["updated_at"], "2026-11-20T00:00:05.001Z");

    assert_eq!(kit.delete("/api/models/1").by(&ann).send().await.status, 204);
    let never = kit.get("/api/models/999").by(&ann).send().await;
    assert_eq!((never.status, &kit.get("/api/models/1").by(&ann).send().await.bytes), (404, &never.bytes));
    kit.settle().await;
    assert!(kit.blobs.keys().is_empty(), "its file went with it");
}

#[tokio::test]
async fn deleting_a_user_deletes_the_files_of_their_models() {
    let kit = kit();
    let ann = kit.user("ann").await;
    model(&kit, &ann, json!({})).await;
    kit.sql("DELETE FROM users WHERE id = ?1", [ann.id.into()]).await;
    assert_eq!(kit.number("SELECT count(*) FROM models").await, 0);
    assert_eq!(
        kit.number("SELECT count(*) FROM outbox WHERE kind = 'delete_blob' AND not_before <= created_at").await,
        1
    );
}

#[tokio::test]
async fn rows_in_v0() {
    let kit = kit();
    let ann = kit.user("ann").await;
    model(&kit, &ann, json!({})).await;
    let one = kit.get("/api/models/1?profile=v0").by(&ann).send().await.json();
    assert_eq!(
        (&one["id"], &one["baseModel"], &one["user"]["user_name"]),
        (&json!("1"), &json!("SD1.5"), &json!("ann"))
    );
    assert!(one.get("user_id").is_none() && one["modelPath"].is_string());
    let list = kit.get("/api/models?profile=v0").by(&ann).send().await.json();
    assert_eq!(list["list"], json!([one]));
}

#[tokio::test]
async fn a_model_is_private_until_its_owner_publishes_it() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    model(&kit, &ann, json!({})).await;
    for path in ["/api/models/", "/api/models/{}/download"] {
        let at = |id: &str| if path.contains("{}") { path.replace("{}", id) } else { format!("{path}{id}") };
        let never = kit.get(&at("999")).by(&bob).send().await;
        assert_eq!(never.status, 404);
        assert_eq!(kit.get(&at("1")).by(&bob).send().await.bytes, never.bytes);
        assert_eq!(kit.get(&at("1")).send().await.bytes, never.bytes);
        assert!(kit.get(&at("1")).by(&root).send().await.status < 400);
    }
    let patch = || kit.patch("/api/models/1", json!({"name": "b"}));
    assert_eq!(patch().send().await.status, 401);
    assert_eq!(patch().by(&bob).send().await.status, 404);
    assert_eq!(kit.get("/api/models").by(&bob).send().await.json()["total"], 0);
    kit.patch("/api/models/1", json!({"public": true})).by(&ann).send().await;
    assert_eq!(kit.get("/api/models").send().await.json()["total"], 1);
    assert_eq!(kit.get("/api/models/1").send().await.status, 200);
    assert_eq!(patch().by(&bob).send().await.error(), "forbidden");
    assert_eq!(kit.delete("/api/models/1").by(&bob).send().await.status, 403);
    assert_eq!(patch().by(&root).send().await.status, 200);
}

#[tokio::test]
async fn downloads_are_counted_and_redirected_to_the_file() {
    let kit = kit();
    let ann = kit.user("ann").await;
    model(&kit, &ann, json!({})).await;
    let key = kit.blobs.keys().remove(0);
    kit.batches();
    let reply = kit.get("/api/models/1/download").by(&ann).send().await;
    assert_eq!((reply.status, reply.header("location"), kit.batches()), (302, format!("/files/{key}").as_str(), 1));
    assert_eq!((reply.header("cache-control"), reply.bytes.len()), ("no-store", 0));
    kit.call("HEAD", "/api/models/1/download").by(&ann).send().await;
    assert_eq!(kit.get("/api/models/1").by(&ann).send().await.json()["downloads"], 1);
    kit.sql("UPDATE models SET status = 'running', key = NULL", []).await;
    assert_eq!(kit.get("/api/models/1/download").by(&ann).send().await.error(), "not_found");
    assert_eq!(kit.get("/api/models/1").by(&ann).send().await.json()["model_path"], json!(null));
}

#[tokio::test]
async fn lists_are_filtered_searched_and_sorted() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    model(&kit, &ann, json!({"name": "水墨", "public": true})).await;
    model(&kit, &ann, json!({"name": "Oil", "type": "ti", "base_model": "SDXL", "trigger_words": "thick OIL"})).await;
    model(&kit, &bob, json!({"name": "Chalk", "type": "ckp", "base_model": "SD2", "public": true})).await;
    kit.get("/api/models/1/download").by(&ann).send().await;
    for (query, names) in [
        ("", "Oil 水墨"),
        ("user=me", "Oil 水墨"),
        ("type=LoRA", "水墨"),
        ("type=ti,ckp", "Oil"),
        ("base_model=SDXL", "Oil"),
        ("baseModel=SD1.5", "水墨"),
        ("status=success", "Oil 水墨"),
        ("status=running", ""),
        ("public=true", "水墨"),
        ("date=2025", ""),
        ("search=%E6%B0%B4", "水墨"),
        ("search=%E6%B0%B4%E5%A2%A8", "水墨"),
        ("search=%E5%A2%A8%E6%B0%B4", ""),
        ("search=thick", "Oil"),
        ("search=oil+THI", "Oil"),
        ("search=name%3Aoil", ""),
    ] {
        kit.sql("UPDATE models SET public = 0 WHERE user_id = ?1", [bob.id.into()]).await;
        let json = kit.get(&format!("/api/models?{query}")).by(&ann).send().await.json();
        let mut found: Vec<&str> = json["list"].as_array().unwrap().iter().filter_map(|m| m["name"].as_str()).collect();
        found.sort_unstable();
        assert_eq!(found.join(" "), names, "{query}");
    }
    for (sort, first) in [("createdAt", 2), ("date%2B", 1), ("hot", 1), ("name", 2), ("date-", 2), ("created_at", 2)] {
        let json = kit.get(&format!("/api/models?sort={sort}")).by(&ann).send().await.json();
        assert_eq!(json["list"][0]["id"], first, "{sort}");
    }
    assert_eq!(kit.get("/api/models?type=x").send().await.error(), "invalid_parameter:type");
}

#[tokio::test]
async fn bad_changes_are_refused_and_change_nothing() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let before = kit.get(&format!("/api/models/{}", model(&kit, &ann, json!({})).await)).by(&ann).send().await.json();
    rules::refuses_malformed_bodies(&kit, "PATCH", "/api/models/1", &ann).await;
    let refusals = [
        (json!({}), "400 nothing_to_change"),
        (json!({"status": "error"}), "400 nothing_to_change"),
        (json!({"name": ""}), "400 invalid_parameter:name"),
        (json!({"public": 1}), "400 invalid_parameter:public"),
        (json!({"trigger_words": 7}), "400 invalid_parameter:trigger_words"),
    ];
    rules::refuses_bodies(&kit, "PATCH", "/api/models/1", &ann, &refusals).await;
    assert_eq!(kit.get("/api/models/1").by(&ann).send().await.json(), before);
    for path in ["/api/models/0", "/api/models/x", "/api/models/9007199254740992", "/api/models/1/2"] {
        assert_eq!(kit.get(path).by(&ann).send().await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn each_request_is_one_transaction_and_changes_are_published() {
    let kit = kit();
    let ann = kit.user("ann").await;
    model(&kit, &ann, json!({})).await;
    kit.published().await;
    kit.batches();
    kit.get("/api/models").by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "list");
    kit.get("/api/models/1").by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "read");
    kit.patch("/api/models/1", json!({"name": "b"})).by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "update");
    kit.delete("/api/models/1").by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "delete");
    let published = kit.published().await;
    let [(_, changed), (_, gone)] = published.as_slice() else { panic!("{published:?}") };
    assert!(published.iter().all(|(room, _)| room == "models/1"), "{published:?}");
    let frame: Value = serde_json::from_str(changed.owner.as_ref().unwrap().text("v1").unwrap()).unwrap();
    let seq = kit.now().0 + 1;
    let expected = json!({"id": 1, "status": "success", "progress": 100, "data": {}, "error": null, "image": null,
        "task_id": null, "seq": seq});
    assert_eq!(frame, expected);
    assert!(changed.public.is_none() && !changed.end && changed.seq == seq);
    assert!(gone.end && gone.owner.is_none() && gone.seq > changed.seq);
}

#[tokio::test]
async fn what_is_used_lately_is_hot() {
    let kit = kit();
    let ann = kit.user("ann").await;
    for name in ["old", "new"] {
        model(&kit, &ann, json!({"name": name, "public": true})).await;
    }
    let hot = async || {
        let json = kit.get("/api/models?sort=hot").send().await.json();
        let names = json["list"].as_array().unwrap().iter().filter_map(|model| model["name"].as_str());
        names.collect::<Vec<_>>().join(" ")
    };
    for _ in 0..3 {
        kit.get("/api/models/1/download").send().await;
    }
    kit.get("/api/models/2/download").send().await;
    assert_eq!(hot().await, "old new");
    // Two weeks later three old downloads weigh less than one.
    kit.wait(14 * 24 * 60 * 60 * 1000);
    kit.get("/api/models/2/download").send().await;
    assert_eq!(hot().await, "new old");
    kit.call("HEAD", "/api/models/1/download").send().await;
    assert_eq!(hot().await, "new old", "only downloads count");
}

#[tokio::test]
async fn hot_models_are_paged_by_cursor_without_gaps_and_repeats() {
    let kit = kit();
    let ann = kit.user("ann").await;
    for n in 0..30 {
        model(&kit, &ann, json!({"name": format!("{n:02}"), "public": true})).await;
        // Each third has a tie with the one before: a page may end between the two.
        kit.wait(if n % 3 == 2 { 0 } else { 1_234_567 });
        for _ in 0..=n % 4 {
            kit.get(&format!("/api/models/{}/download", n + 1)).send().await;
        }
    }
    kit.sql("UPDATE models SET hot = (SELECT hot FROM models m WHERE m.id = models.id - 1) WHERE id % 3 = 0", []).await;
    let whole = kit.get("/api/models?sort=hot&size=100").send().await.column("id");
    assert_eq!(whole.len(), 30);
    for size in [1, 4, 7] {
        let (mut ids, mut path) = (Vec::new(), format!("/api/models?sort=hot&size={size}"));
        loop {
            let page = kit.get(&path).send().await;
            ids.extend(page.column("id"));
            let Some(cursor) = page.json()["next_cursor"].as_str().map(str::to_string) else { break };
            assert!(ids.len() < 60, "pages of {size} do not end: {ids:?}");
            path = format!("/api/models?sort=hot&size={size}&cursor={cursor}");
        }
        assert_eq!(ids, whole, "pages of {size}");
    }
}

#[tokio::test]
async fn a_download_counts_once_whatever_parts_it_comes_in() {
    let kit = kit();
    let ann = kit.user("ann").await;
    model(&kit, &ann, json!({"public": true})).await;
    for (range, downloads) in [
        ("", 1),
        ("bytes=0-", 2),
        ("bytes=0-99", 3),
        ("bytes=100-199", 3),
        ("bytes=200-", 3),
        ("bytes=-5", 3),
        ("x", 4),
    ] {
        kit.batches();
        let reply = kit.get("/api/models/1/download").header("range", range).send().await;
        assert_eq!((reply.status, kit.batches()), (302, 1), "{range}");
        assert_eq!(kit.get("/api/models/1").send().await.json()["downloads"], downloads, "{range}");
    }
    let weight = domain::popularity::weight(kit.now());
    let hot = kit.sql("SELECT hot FROM models", []).await;
    assert_eq!(hot.values[0][0], ports::Value::Real(4.0 * weight));
}
