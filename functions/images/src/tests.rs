//! The routes over in-memory SQLite with the real migrations.

mod affinity;
mod collections;
mod png_info;

use ports::{BlobBody, Blobs};
use serde_json::{Value, json};
use testkit::{Account, Kit, golden, rules};

fn kit() -> Kit {
    Kit::new(crate::routes())
}

/// A new image of this user with its file, as a successful task inserts it.
async fn image(kit: &Kit, by: &Account, prompt: &str, public: bool) -> i64 {
    kit.wait(1000);
    let (key, now) = (format!("out/7/1/{}.png", kit.runtime().token()), kit.now().0);
    kit.blobs.put(&key, "image/png", None, BlobBody::Bytes("png".into())).await.unwrap();
    let rows = kit
        .sql(
            "INSERT INTO images (name, key, width, height, size, sha256, prompt, negative_prompt, num_inference_steps, \
             guidance_scale, scheduler, seed, public, user_id, created_at, updated_at) \
             VALUES ('', ?1, 64, 72, 3, 'abc', ?2, 'blurry', 20, 7.5, 'DDIM', 42, ?3, ?4, ?5, ?5) RETURNING id",
            [key.into(), prompt.into(), public.into(), by.id.into(), now.into()],
        )
        .await;
    let id = rows.first().and_then(|row| row.int("id")).unwrap();
    let pairs = domain::search::index(prompt);
    kit.sql("INSERT INTO images_search (rowid, pairs) VALUES (CAST(?1 AS INTEGER), ?2)", [id.into(), pairs.into()])
        .await;
    id
}

async fn patch(kit: &Kit, by: &Account, id: i64, body: Value) -> Value {
    let reply = kit.patch(&format!("/api/images/{id}"), body).by(by).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// The ids of a list, in its order; the total agrees.
async fn ids(kit: &Kit, by: Option<&Account>, query: &str) -> Vec<i64> {
    let call = kit.get(&format!("/api/images?{query}"));
    let reply = if let Some(by) = by { call.by(by) } else { call }.send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let json = reply.json();
    let ids: Vec<i64> = json["list"].as_array().unwrap().iter().map(|i| i["id"].as_i64().unwrap()).collect();
    assert_eq!(json["total"], ids.len());
    ids
}

#[test]
fn openapi_is_fresh() {
    Kit::check_openapi(&crate::routes(), env!("CARGO_MANIFEST_DIR"));
}

#[tokio::test]
async fn the_result_of_the_safety_checker_is_shown() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let id = image(&kit, &ann, "a cat", true).await;
    for (nsfw, shown) in [(None, json!(null)), (Some(0), json!(false)), (Some(1), json!(true))] {
        kit.sql("UPDATE images SET nsfw = ?1", [nsfw.into()]).await;
        assert_eq!(kit.get(&format!("/api/images/{id}")).send().await.json()["nsfw"], shown);
    }
}

#[tokio::test]
async fn an_image_from_beginning_to_end() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let id = image(&kit, &ann, "a cat", true).await;
    let key = kit.blobs.keys().remove(0);
    let expected = json!({"id": id, "name": "", "url": format!("/files/{key}"), "width": 64, "height": 72,
        "prompt": "a cat", "negative_prompt": "blurry", "num_inference_steps": 20, "guidance_scale": 7.5,
        "scheduler": "DDIM", "seed": 42, "from_image": null, "strength": null, "model_id": null, "loras": [],
        "task_id": null, "hash": "abc", "nsfw": null, "public": true, "tags": [], "likes": 0, "user_id": ann.id,
        "article_id": null, "created_at": "2026-11-20T00:00:01.000Z", "updated_at": "2026-11-20T00:00:01.000Z"});
    assert_eq!(kit.get("/api/images/1").send().await.json(), expected);
    assert_eq!(kit.get("/api/images").send().await.json()["list"], json!([expected]));

    kit.wait(1000);
    let changed = patch(&kit, &ann, id, json!({"name": " Tom ", "tags": ["動物", "cat"], "public": false})).await;
    assert_eq!(
        (&changed["name"], &changed["tags"], &changed["public"]),
        (&json!("Tom"), &json!(["cat", "動物"]), &json!(false))
    );
    assert_eq!(changed["updated_at"], "2026-11-20T00:00:02.000Z");
    let kept = patch(&kit, &ann, id, json!({"name": ""})).await;
    assert_eq!((&kept["name"], &kept["tags"], &kept["public"]), (&json!(""), &json!(["cat", "動物"]), &json!(false)));

    assert_eq!(kit.delete("/api/images/1").by(&ann).send().await.status, 204);
    assert_eq!(kit.blobs.keys(), Vec::<String>::new(), "the link ends with the reply");
    let never = kit.get("/api/images/999").by(&ann).send().await;
    assert_eq!(kit.get("/api/images/1").by(&ann).send().await.bytes, never.bytes);
    kit.settle().await;
    assert_eq!(kit.number("SELECT count(*) FROM outbox").await, 0);
    assert_eq!(kit.number("SELECT count(*) FROM images_search WHERE images_search MATCH 'cat'").await, 0);
    assert_eq!(kit.number("SELECT count(*) FROM tags").await, 2, "tags stay");
}

#[tokio::test]
async fn the_outbox_deletes_a_file_that_was_not_deleted_at_once() {
    let kit = kit();
    let ann = kit.user("ann").await;
    image(&kit, &ann, "a cat", true).await;
    let key = kit.blobs.keys().remove(0);
    kit.delete("/api/images/1").by(&ann).send().await;
    kit.blobs.put(&key, "image/png", None, BlobBody::Bytes("still here".into())).await.unwrap();
    kit.settle().await;
    assert_eq!(kit.blobs.keys(), Vec::<String>::new());
}

#[tokio::test]
async fn replies_are_those_of_the_golden_file() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let id = image(&kit, &ann, "一隻貓在窗台", true).await;
    kit.sql("INSERT INTO articles (title, user_id, created_at, updated_at) VALUES ('雪景', ?1, 0, 0)", [ann.id.into()])
        .await;
    kit.sql(
        "UPDATE images SET article_id = 1, task_id = NULL, model_id = 7, strength = 0.5, from_image = '/files/a', nsfw = 0, \
         loras = '[{\"model_id\":3,\"weight\":0.8}]'",
        [],
    )
    .await;
    patch(&kit, &ann, id, json!({"name": "Tom", "tags": ["動物", "cat"]})).await;
    golden::check(&kit, env!("CARGO_MANIFEST_DIR"), "images", &ann, &["/api/images", "/api/images/1"]).await;
}

#[tokio::test]
async fn rows_in_v0() {
    let kit = kit();
    let ann = kit.user("ann").await;
    image(&kit, &ann, "a cat", true).await;
    let one = kit.get("/api/images/1?profile=v0").send().await.json();
    assert_eq!((&one["id"], &one["user"]), (&json!(1), &json!({"id": ann.id, "user_name": "ann"})));
    assert!(one["negativePrompt"].is_string() && one["createdAt"].is_string() && one.get("user_id").is_none());
    assert!(one.as_object().unwrap().keys().all(|key| !key.contains('_')));
}

#[tokio::test]
async fn private_images_are_shown_to_their_owner_and_administrators_alone() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    let (open, hidden) = (image(&kit, &ann, "a cat", true).await, image(&kit, &ann, "a cat", false).await);
    for (who, seen) in [
        (None, vec![open]),
        (Some(&bob), vec![open]),
        (Some(&ann), vec![hidden, open]),
        (Some(&root), vec![hidden, open]),
    ] {
        for query in ["", "search=cat", "user=1", "date=2026"] {
            assert_eq!(ids(&kit, who, query).await, seen, "{query}");
        }
    }
    assert_eq!(ids(&kit, Some(&ann), "public=false").await, [hidden]);
    assert_eq!(ids(&kit, None, "public=false").await, Vec::<i64>::new());
    let never = kit.get("/api/images/999").by(&bob).send().await;
    let path = format!("/api/images/{hidden}");
    assert_eq!((never.status, kit.get(&path).by(&bob).send().await.bytes), (404, never.bytes.clone()));
    assert_eq!(kit.patch(&path, json!({"public": true})).by(&bob).send().await.bytes, never.bytes);
    assert_eq!(kit.delete(&path).by(&bob).send().await.bytes, never.bytes);
    assert_eq!(kit.get(&path).by(&root).send().await.status, 200);
}

#[tokio::test]
async fn owners_and_administrators_alone_change_an_image() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    let id = image(&kit, &ann, "a cat", true).await;
    let (path, body) = (format!("/api/images/{id}"), json!({"name": "x", "tags": ["stolen"]}));
    assert_eq!(kit.patch(&path, body.clone()).send().await.status, 401);
    assert_eq!(kit.patch(&path, body.clone()).by(&bob).send().await.error(), "forbidden");
    assert_eq!(kit.delete(&path).send().await.status, 401);
    assert_eq!(kit.delete(&path).by(&bob).send().await.status, 403);
    assert_eq!((kit.number("SELECT count(*) FROM tags").await, kit.blobs.keys().len()), (0, 1));
    assert_eq!(patch(&kit, &root, id, body).await["name"], "x");
    assert_eq!(kit.post("/api/images", json!({})).by(&ann).send().await.status, 405);
}

#[tokio::test]
async fn setting_tags_creates_missing_ones_and_removes_others_from_the_image() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let (one, two) = (image(&kit, &ann, "a cat", true).await, image(&kit, &bob, "a dog", true).await);
    patch(&kit, &ann, one, json!({"tags": ["動物", "cat", "動物"]})).await;
    patch(&kit, &bob, two, json!({"tags": ["動物", "dog"]})).await;
    assert_eq!(kit.number("SELECT count(*) FROM tags").await, 3);
    assert_eq!(kit.number("SELECT user_id FROM tags WHERE name = '動物'").await, ann.id);
    assert_eq!(kit.number("SELECT user_id FROM tags WHERE name = 'dog'").await, bob.id);
    let animal = "tag=%E5%8B%95%E7%89%A9";
    assert_eq!(ids(&kit, None, animal).await, [two, one]);
    assert_eq!(ids(&kit, None, "tag=1").await, [two, one]);
    assert_eq!(ids(&kit, None, "tag=cat,dog").await, [two, one], "a union");
    assert_eq!(ids(&kit, None, &format!("{animal}&tag=cat")).await, [one], "an intersection");
    assert_eq!(ids(&kit, None, "tag=cat&tag=dog").await, Vec::<i64>::new());
    assert_eq!(ids(&kit, None, "tag=none").await, Vec::<i64>::new());
    let left = patch(&kit, &ann, one, json!({"tags": ["cat"]})).await;
    assert_eq!(left["tags"], json!(["cat"]));
    assert_eq!(ids(&kit, None, animal).await, [two]);
    assert_eq!(patch(&kit, &ann, one, json!({"tags": []})).await["tags"], json!([]));
}

#[tokio::test]
async fn lists_are_filtered_sorted_and_searched() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let cat = image(&kit, &ann, "一隻貓在窗台, masterpiece", true).await;
    let dog = image(&kit, &bob, "A Dog on the beach", true).await;
    for (query, found) in [
        ("search=%E7%AA%97%E5%8F%B0", vec![cat]),
        ("search=%E8%B2%93", vec![cat]),
        ("search=%E5%8F%B0%E7%AA%97", vec![]),
        ("search=dog", vec![dog]),
        ("search=beach+DO", vec![dog]),
        ("search=dog+OR+cat", vec![]),
        ("search=%22*%28%29", vec![]),
        ("search=pairs%3Adog", vec![]),
        ("user=1,2", vec![dog, cat]),
        ("user=1&user=2", vec![]),
        ("user_id=2", vec![dog]),
        ("date=20261120%2B", vec![dog, cat]),
        ("date=2025~202610", vec![]),
        ("task=1", vec![]),
        ("sort=date%2B", vec![cat, dog]),
        ("sort=date-&similar=3", vec![dog, cat]),
        ("choice=2", vec![]),
        ("article=2", vec![]),
    ] {
        assert_eq!(ids(&kit, None, query).await, found, "{query}");
    }
    assert_eq!(ids(&kit, Some(&bob), "user=me").await, [dog]);
    for (query, error) in [
        ("sort=like", "unknown_sort:sort"),
        ("user=x", "invalid_parameter:user"),
        ("public=maybe", "invalid_parameter:public"),
        ("date=2022-02-14", "invalid_parameter:date"),
        ("tag=", "invalid_parameter:tag"),
        ("task=x", "invalid_parameter:task"),
        ("choice=me", "invalid_parameter:choice"),
        ("article=x", "invalid_parameter:article"),
        ("page=0", "invalid_parameter:page"),
    ] {
        let reply = kit.get(&format!("/api/images?{query}")).send().await;
        assert_eq!((reply.status, reply.error().as_str()), (400, error), "{query}");
    }
    assert_eq!(kit.get("/api/images?user=me").send().await.error(), "unauthenticated:user");
    let first = kit.get("/api/images?size=1").send().await.json();
    assert_eq!((&first["next"], &first["total"], &first["list"][0]["id"]), (&json!(true), &json!(2), &json!(dog)));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = kit.get(&format!("/api/images?size=1&cursor={cursor}")).send().await.json();
    assert_eq!((&second["next"], &second["list"][0]["id"]), (&json!(false), &json!(cat)));
}

#[tokio::test]
async fn bad_changes_are_refused_and_change_nothing() {
    let kit = kit();
    let ann = kit.user("ann").await;
    image(&kit, &ann, "a cat", true).await;
    let before = kit.get("/api/images/1").send().await.bytes;
    kit.wait(1000);
    rules::refuses_malformed_bodies(&kit, "PATCH", "/api/images/1", &ann).await;
    let refusals = [
        (json!({}), "400 nothing_to_change"),
        (json!({"prompt": "another", "url": "x", "user_id": 2}), "400 nothing_to_change"),
        (json!({"name": 1}), "400 invalid_parameter:name"),
        (json!({"name": "長".repeat(201)}), "400 invalid_parameter:name"),
        (json!({"tags": "cat"}), "400 invalid_parameter:tags"),
        (json!({"tags": [1]}), "400 invalid_parameter:tags"),
        (json!({"tags": ["a,b"]}), "400 invalid_parameter:tags"),
        (json!({"tags": [""]}), "400 invalid_parameter:tags"),
        (json!({"tags": vec!["t"; 33]}), "400 invalid_parameter:tags"),
        (json!({"public": "yes"}), "400 invalid_parameter:public"),
    ];
    rules::refuses_bodies(&kit, "PATCH", "/api/images/1", &ann, &refusals).await;
    for path in ["/api/images/0", "/api/images/x", "/api/images/9007199254740992", "/api/images/1/likes"] {
        assert_eq!(kit.get(path).send().await.status, 404, "{path}");
    }
    assert_eq!(kit.get("/api/images/1").send().await.bytes, before);
    assert_eq!(kit.number("SELECT count(*) FROM tags").await, 0);
}

#[tokio::test]
async fn each_request_is_one_transaction() {
    let kit = kit();
    let ann = kit.user("ann").await;
    image(&kit, &ann, "a cat", true).await;
    kit.batches();
    kit.get("/api/images?search=cat&tag=x&user=me").by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "list");
    kit.get("/api/images/1").by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "read");
    kit.patch("/api/images/1", json!({"tags": ["a"]})).by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "update");
    kit.delete("/api/images/1").by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "delete");
}

#[tokio::test]
async fn changes_are_published_to_those_who_may_see_them() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let id = image(&kit, &ann, "a cat", true).await;
    patch(&kit, &ann, id, json!({"name": "b"})).await;
    patch(&kit, &ann, id, json!({"public": false})).await;
    kit.delete("/api/images/1").by(&ann).send().await;
    let published = kit.published().await;
    assert!(published.iter().all(|(room, _)| room == "images/1"), "{published:?}");
    assert!(published.windows(2).all(|pair| pair[0].1.seq < pair[1].1.seq));
    let [(_, renamed), (_, hidden), (_, gone)] = published.as_slice() else { panic!("{published:?}") };
    assert!(renamed.public.as_ref().unwrap().text("v1").unwrap().contains("\"name\":\"b\""));
    assert!(hidden.public.is_none() && hidden.owner.is_some() && !hidden.end);
    assert!(gone.end && gone.public.is_none() && gone.owner.is_none());
}

#[tokio::test]
async fn lists_read_no_more_than_they_show() {
    testkit::plans::check(&crate::routes(), &[]).await;
}
