//! Which images an article has, and what the images show of it.

use domain::room::{Audience, Event};

use super::*;

async fn images_of(kit: &Kit, by: Option<&Account>, article: i64) -> Value {
    let call = kit.get(&format!("{PATH}/{article}"));
    let reply = if let Some(by) = by { call.by(by) } else { call }.send().await;
    reply.json()["images"].clone()
}

async fn set(kit: &Kit, by: &Account, article: i64, images: &[i64]) -> Value {
    kit.wait(1);
    kit.batches();
    let changed = kit.patch(&format!("{PATH}/{article}"), json!({"images": images})).by(by).send().await;
    assert_eq!((changed.status, kit.batches()), (200, 1), "{}", changed.text());
    changed.json()["images"].clone()
}

/// `room: key` of each published frame, sorted: `images/1: 7`, with one column of the owner's frame.
async fn published(kit: &Kit, column: &str) -> Vec<String> {
    let events = kit.published().await;
    let mut told: Vec<String> =
        events.iter().map(|(room, event)| format!("{room}: {}", shown(event, column))).collect();
    told.sort();
    told
}

fn shown(event: &Event, column: &str) -> Value {
    let Some(frame) = event.frame(Audience::Owner) else { return "gone".into() };
    serde_json::from_str::<Value>(frame.text("v1").unwrap()).unwrap()[column].clone()
}

#[tokio::test]
async fn images_come_in_the_order_they_were_named_in() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let [a, b, c] = [kit.image(ann.id, true).await, kit.image(ann.id, true).await, kit.image(ann.id, true).await];
    let id = article(&kit, &ann, json!({"title": "a", "images": [c, a.to_string(), c]})).await;
    assert_eq!(images_of(&kit, None, id).await, json!([c, a]), "an image named twice has its first place");
    assert_eq!(set(&kit, &ann, id, &[b, a, c]).await, json!([b, a, c]));
    assert_eq!(set(&kit, &ann, id, &[a]).await, json!([a]));
    let kept = kit.patch(&format!("{PATH}/{id}"), json!({"body": "x"})).by(&ann).send().await.json();
    assert_eq!(kept["images"], json!([a]), "what is not sent stays");
    assert_eq!(set(&kit, &ann, id, &[]).await, json!([]));
}

#[tokio::test]
async fn an_image_belongs_to_one_article() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let [a, b] = [kit.image(ann.id, true).await, kit.image(ann.id, true).await];
    let first = article(&kit, &ann, json!({"title": "a", "images": [a, b]})).await;
    let second = article(&kit, &ann, json!({"title": "b", "images": [b]})).await;
    assert_eq!((images_of(&kit, None, first).await, images_of(&kit, None, second).await), (json!([a]), json!([b])));
}

#[tokio::test]
async fn readers_see_the_images_that_they_may_see() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    let (open, hidden) = (kit.image(ann.id, true).await, kit.image(ann.id, false).await);
    let id = article(&kit, &ann, json!({"title": "a", "images": [hidden, open]})).await;
    for (who, seen) in [
        (Some(&ann), json!([hidden, open])),
        (Some(&root), json!([hidden, open])),
        (Some(&bob), json!([open])),
        (None, json!([open])),
    ] {
        assert_eq!(images_of(&kit, who, id).await, seen);
    }
}

#[tokio::test]
async fn administrators_too_give_an_article_images_of_its_author_alone() {
    let kit = kit();
    let (ann, root) = (kit.user("ann").await, kit.admin("root").await);
    let (hers, own) = (kit.image(ann.id, false).await, kit.image(root.id, true).await);
    let id = article(&kit, &ann, json!({"title": "a"})).await;
    assert_eq!(set(&kit, &root, id, &[hers]).await, json!([hers]));
    let refused = kit.patch(&format!("{PATH}/{id}"), json!({"title": "b", "images": [own]})).by(&root).send().await;
    assert_eq!(refused.refusal(), "400 invalid_parameter:images");
    let kept = kit.get(&format!("{PATH}/{id}")).send().await.json();
    assert_eq!((&kept["title"], images_of(&kit, Some(&ann), id).await), (&json!("a"), json!([hers])));
}

#[tokio::test]
async fn deleting_an_article_leaves_its_images() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let image = kit.image(ann.id, true).await;
    let id = article(&kit, &ann, json!({"title": "a", "images": [image]})).await;
    assert_eq!(kit.number("SELECT article_id FROM images").await, id);
    kit.delete(&format!("{PATH}/{id}")).by(&ann).send().await;
    assert_eq!(
        kit.number("SELECT count(*) FROM images WHERE article_id IS NULL AND article_position IS NULL").await,
        1
    );
}

#[tokio::test]
async fn watchers_of_images_and_articles_are_told_of_every_change() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let [a, b] = [kit.image(ann.id, true).await, kit.image(ann.id, true).await];
    kit.wait(1);
    let first = article(&kit, &ann, json!({"title": "a", "images": [a, b]})).await;
    assert_eq!(published(&kit, "article_id").await, ["images/1: 1", "images/2: 1"]);

    article(&kit, &ann, json!({"title": "b", "images": [b]})).await;
    assert_eq!(
        published(&kit, "images").await,
        ["articles/1: [1]", "images/2: null"],
        "the first article lost an image"
    );

    set(&kit, &ann, first, &[]).await;
    assert_eq!(published(&kit, "article_id").await, ["articles/1: null", "images/1: null"]);
    set(&kit, &ann, first, &[a]).await;
    kit.published().await;

    kit.patch("/api/articles/1", json!({"public": false})).by(&ann).send().await;
    let events = kit.published().await;
    let image = events.iter().find(|(room, _)| room == "images/1").map(|(_, event)| event).unwrap();
    let public = image.frame(Audience::Public).and_then(|frame| frame.text("v0")).unwrap();
    assert!(public.contains(r#""article":null"#), "a hidden article is shown to nobody else: {public}");
    assert_eq!(shown(image, "article_id"), json!(1), "its author still sees it");

    kit.wait(1);
    kit.batches();
    kit.delete("/api/articles/1").by(&ann).send().await;
    assert_eq!(kit.batches(), 1, "one transaction");
    let gone = kit.published().await;
    let seqs = |events: &[(String, Event)]| events.iter().find(|(room, _)| room == "images/1").map(|(_, e)| e.seq);
    assert!(seqs(&gone) > seqs(&events), "the order of changes");
    let told: Vec<&str> = gone.iter().map(|(room, _)| room.as_str()).collect();
    assert_eq!(told, ["articles/1", "images/1"]);
}

#[tokio::test]
async fn a_repeat_of_a_creation_changes_nothing() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let image = kit.image(ann.id, true).await;
    let create = || kit.post(PATH, json!({"title": "a", "images": [image]})).header("idempotency-key", "k").by(&ann);
    let first = create().send().await;
    article(&kit, &ann, json!({"title": "b", "images": [image]})).await;
    kit.published().await;
    assert_eq!(create().send().await.bytes, first.bytes);
    assert_eq!(kit.number("SELECT article_id FROM images").await, 2);
    assert!(kit.published().await.is_empty());
}
