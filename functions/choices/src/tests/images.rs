//! Adding images to a choice and removing them.

use domain::room::Audience;

use super::*;

fn at(choice: i64, image: i64) -> String {
    format!("/api/choices/{choice}/images/{image}")
}

async fn send(kit: &Kit, method: &str, by: &Account, choice: i64, image: i64) -> String {
    let reply = kit.call(method, &at(choice, image)).by(by).send().await;
    if reply.status == 204 { "204".into() } else { reply.refusal() }
}

async fn count(kit: &Kit, by: Option<&Account>, choice: i64) -> Value {
    let call = kit.get(&format!("/api/choices/{choice}"));
    let reply = if let Some(by) = by { call.by(by) } else { call }.send().await;
    reply.json()["count"].clone()
}

#[tokio::test]
async fn adding_twice_counts_once_and_removing_twice_is_not_found() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let (choice, image) = (choice(&kit, &ann, json!({"name": "a"})).await, kit.image(ann.id, true).await);
    for _ in 0..2 {
        assert_eq!(send(&kit, "PUT", &ann, choice, image).await, "204");
        assert_eq!(count(&kit, Some(&ann), choice).await, 1);
    }
    assert_eq!(send(&kit, "DELETE", &ann, choice, image).await, "204");
    assert_eq!(count(&kit, Some(&ann), choice).await, 0);
    assert_eq!(send(&kit, "DELETE", &ann, choice, image).await, "404 not_found");
    assert_eq!(kit.number("SELECT count(*) FROM images").await, 1);
}

#[tokio::test]
async fn only_the_owner_and_administrators_add_and_remove() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    let open = choice(&kit, &ann, json!({"name": "a", "public": true})).await;
    let hidden = choice(&kit, &ann, json!({"name": "b"})).await;
    let image = kit.image(bob.id, true).await;
    let never = kit.call("PUT", &at(999, image)).by(&bob).send().await.bytes;
    for method in ["PUT", "DELETE"] {
        assert_eq!(kit.call(method, &at(open, image)).send().await.refusal(), "401 unauthenticated", "{method}");
        assert_eq!(send(&kit, method, &bob, open, image).await, "403 forbidden");
        assert_eq!(kit.call(method, &at(hidden, image)).by(&bob).send().await.bytes, never);
        for path in ["/api/choices/1/images/x", "/api/choices/x/images/1", "/api/choices/1/images/0"] {
            assert_eq!(kit.call(method, path).by(&ann).send().await.refusal(), "404 not_found", "{method} {path}");
        }
    }
    let reads = kit.key(&ann, &["read"]).await;
    assert_eq!(send(&kit, "PUT", &reads, open, image).await, "403 missing_scope");
    for method in ["PUT", "DELETE"] {
        assert_eq!(send(&kit, method, &root, open, image).await, "204");
    }
}

#[tokio::test]
async fn an_image_that_the_caller_does_not_see_is_not_found() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    let choice = choice(&kit, &ann, json!({"name": "a", "public": true})).await;
    let (theirs, hidden) = (kit.image(bob.id, true).await, kit.image(bob.id, false).await);
    let never = kit.call("PUT", &at(choice, 999)).by(&ann).send().await;
    assert_eq!(never.refusal(), "404 not_found");
    assert_eq!(kit.call("PUT", &at(choice, hidden)).by(&ann).send().await.bytes, never.bytes);
    assert_eq!(send(&kit, "PUT", &ann, choice, theirs).await, "204", "anyone's public image may be in a choice");
    assert_eq!(send(&kit, "PUT", &root, choice, hidden).await, "204");
    for (who, seen) in [(Some(&root), 2), (Some(&bob), 2), (Some(&ann), 1), (None, 1)] {
        assert_eq!(count(&kit, who, choice).await, seen);
    }
    assert_eq!(send(&kit, "DELETE", &ann, choice, hidden).await, "404 not_found", "what is hidden is not there");
}

#[tokio::test]
async fn watchers_are_told_when_the_count_changes_and_only_then() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let choice = choice(&kit, &ann, json!({"name": "a", "public": true})).await;
    let (open, hidden) = (kit.image(ann.id, true).await, kit.image(ann.id, false).await);
    let mut seq = 0;
    for (method, image, published) in [
        ("PUT", open, Some((1, 1))),
        ("PUT", open, None),
        ("PUT", hidden, Some((2, 1))),
        ("DELETE", open, Some((1, 0))),
        ("DELETE", open, None),
    ] {
        kit.batches();
        send(&kit, method, &ann, choice, image).await;
        assert_eq!(kit.batches(), 1, "one transaction");
        let events = kit.published().await;
        let counts = events.iter().map(|(room, event)| {
            assert_eq!((room.as_str(), event.end), ("choices/1", false));
            assert!(event.seq > seq, "the order of changes");
            seq = event.seq;
            let count = |audience| {
                let text = event.frame(audience).unwrap().text("v1").unwrap();
                serde_json::from_str::<Value>(text).unwrap()["count"].as_i64().unwrap()
            };
            (count(Audience::Owner), count(Audience::Public))
        });
        assert_eq!(counts.collect::<Vec<_>>(), Vec::from_iter(published), "{method} {image}");
    }
}

#[tokio::test]
async fn deleting_an_image_removes_it_from_every_choice() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let (choice, image) = (choice(&kit, &ann, json!({"name": "a"})).await, kit.image(ann.id, true).await);
    send(&kit, "PUT", &ann, choice, image).await;
    kit.sql("DELETE FROM images WHERE id = ?1", [image.into()]).await;
    assert_eq!(count(&kit, Some(&ann), choice).await, 0);
}
