//! Tags of models: set by name, shown, filtered by and searched.

use super::*;

async fn names(kit: &Kit, by: &Account, query: &str) -> Vec<String> {
    let reply = kit.get(&format!("/api/models?{query}")).by(by).send().await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.text());
    let mut names = reply.column("name");
    assert_eq!(reply.json()["total"], names.len(), "{query}");
    names.sort_unstable();
    names
}

async fn patch(kit: &Kit, by: &Account, id: i64, body: Value) -> Value {
    kit.batches();
    let reply = kit.patch(&format!("/api/models/{id}"), body).by(by).send().await;
    assert_eq!((reply.status, kit.batches()), (200, 1), "{}", reply.text());
    reply.json()
}

#[tokio::test]
async fn tags_are_made_and_shown_sorted() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let one = model(&kit, &ann, json!({"tags": ["動物", "cat", "動物"]})).await;
    let shown = kit.get(&format!("/api/models/{one}")).by(&ann).send().await.json();
    assert_eq!(shown["tags"], json!(["cat", "動物"]));
    let two = model(&kit, &bob, json!({})).await;
    assert_eq!(patch(&kit, &bob, two, json!({"tags": ["動物", "dog"]})).await["tags"], json!(["dog", "動物"]));
    assert_eq!(kit.number("SELECT count(*) FROM tags").await, 3);
    assert_eq!(kit.number("SELECT user_id FROM tags WHERE name = '動物'").await, ann.id);
    assert_eq!(patch(&kit, &bob, two, json!({"name": "b"})).await["tags"], json!(["dog", "動物"]), "not sent: kept");
    assert_eq!(patch(&kit, &bob, two, json!({"tags": ["dog"]})).await["tags"], json!(["dog"]));
    assert_eq!(patch(&kit, &bob, two, json!({"tags": []})).await["tags"], json!([]));
    assert_eq!(kit.number("SELECT count(*) FROM tags").await, 3, "tags stay");
    kit.delete(&format!("/api/models/{one}")).by(&ann).send().await;
    assert_eq!(kit.number("SELECT count(*) FROM model_tags").await, 0);
}

#[tokio::test]
async fn models_are_filtered_by_the_id_or_name_of_a_tag() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    model(&kit, &ann, json!({"name": "a", "tags": ["動物", "cat"], "public": true})).await;
    model(&kit, &ann, json!({"name": "b", "tags": ["動物"], "public": true})).await;
    model(&kit, &ann, json!({"name": "c", "tags": ["cat"]})).await;
    let cat = kit.number("SELECT id FROM tags WHERE name = 'cat'").await;
    let animal = "tag=%E5%8B%95%E7%89%A9";
    for (query, found) in [
        (animal.to_string(), vec!["a", "b"]),
        (format!("tag={cat}"), vec!["a", "c"]),
        ("tag=%E5%8B%95%E7%89%A9,cat".to_string(), vec!["a", "b", "c"]),
        (format!("{animal}&tag=cat"), vec!["a"]),
        (format!("{animal}&public=true&search=a"), vec!["a"]),
        ("tag=dog".to_string(), vec![]),
    ] {
        assert_eq!(names(&kit, &ann, &query).await, found, "{query}");
    }
    assert_eq!(names(&kit, &bob, "tag=cat").await, ["a"], "private models stay hidden");
    let empty = kit.get("/api/models?tag=").send().await;
    assert_eq!(empty.refusal(), "400 invalid_parameter:tag");
}

#[tokio::test]
async fn search_finds_name_trigger_words_and_tags_as_they_are_now() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let id = model(&kit, &ann, json!({"name": "水墨山水", "trigger_words": "ink-wash 留白", "tags": ["布穀鳥"]})).await;
    let found = async |query: &str| {
        let query: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        !names(&kit, &ann, &format!("search={query}")).await.is_empty()
    };
    for query in ["水墨", "山水", "留白", "WASH", "ink", "布穀鳥", "布穀", "穀鳥", "鳥", "水墨 布穀鳥"]
    {
        assert!(found(query).await, "{query}");
    }
    for query in ["墨水", "鳥布", "ash", "油畫", "水墨 油畫", "水墨留白", "tags:布穀鳥", "\"", "*"] {
        assert!(!found(query).await, "{query}");
    }
    patch(&kit, &ann, id, json!({"name": "油畫"})).await;
    assert!(found("油畫").await && found("留白").await && found("布穀鳥").await && !found("水墨").await);
    patch(&kit, &ann, id, json!({"trigger_words": "厚塗"})).await;
    assert!(found("油畫").await && found("厚塗").await && !found("留白").await);
    patch(&kit, &ann, id, json!({"tags": ["動物", "貓"]})).await;
    assert!(found("動物").await && found("貓").await && !found("布穀鳥").await);
    kit.sql("DELETE FROM tags WHERE name = '動物'", []).await;
    assert!(found("貓").await && !found("動物").await);
    kit.delete(&format!("/api/models/{id}")).by(&ann).send().await;
    assert_eq!(kit.number("SELECT count(*) FROM models_search").await, 0);
}

#[tokio::test]
async fn bad_tags_are_refused() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let id = model(&kit, &ann, json!({})).await;
    let refusals = [
        (json!({"tags": "cat"}), "400 invalid_parameter:tags"),
        (json!({"tags": [1]}), "400 invalid_parameter:tags"),
        (json!({"tags": ["a,b"]}), "400 invalid_parameter:tags"),
        (json!({"tags": [""]}), "400 invalid_parameter:tags"),
        (json!({"tags": vec!["t"; 33]}), "400 invalid_parameter:tags"),
    ];
    rules::refuses_bodies(&kit, "PATCH", &format!("/api/models/{id}"), &ann, &refusals).await;
    assert_eq!(kit.number("SELECT count(*) FROM tags").await, 0);
}
