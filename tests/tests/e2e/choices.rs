//! Choices: pictures are collected, counted for each reader, listed by the filter, and watched.

use serde_json::{Value, json};
use tests::{Edge, Watch, unique};

use crate::images::drawn;

fn ids(page: &Value) -> Vec<&Value> {
    page["list"].as_array().into_iter().flatten().map(|image| &image["id"]).collect()
}

#[tokio::test]
async fn pictures_of_others_are_collected_and_listed() {
    let edge = Edge::shared();
    let (ann, bob) = (edge.sign_up("ann").await, edge.sign_up("bob").await);
    let (open, hidden) = (drawn(&bob, &json!({})).await, drawn(&ann, &json!({"public": false})).await);
    let name = unique("精選");
    let id = ann.make("/api/choices", &json!({"name": name, "info": "雪景"})).await;
    let path = format!("/api/choices/{id}");
    let at = |image: &Value| format!("{path}/images/{}", image["id"]);
    let listed = format!("/api/images?choice={id}");

    for image in [&open, &hidden, &open] {
        ann.call("PUT", &at(image)).send().await.expect(204);
    }
    let never = bob.get("/api/choices/9007199254740991").send().await.refused(404, "not_found");
    assert_eq!(bob.get(&path).send().await.refused(404, "not_found").bytes, never.bytes);
    assert_eq!(bob.get(&listed).send().await.expect(200).json()["total"], 0, "a hidden choice finds nothing");

    ann.patch(&path, &json!({"public": true})).send().await.expect(200);
    assert_eq!(ann.get(&path).send().await.expect(200).json()["count"], 2);
    assert_eq!(bob.get(&path).send().await.expect(200).json()["count"], 1);
    assert_eq!(ids(&edge.get(&listed).send().await.expect(200).json()), [&open["id"]]);
    let found = edge.get(&format!("/api/choices?search={name}&profile=v0")).send().await.expect(200).json();
    assert_eq!((&found["list"][0]["name"], &found["list"][0]["user"]["id"]), (&json!(name), &json!(ann.id)));

    bob.call("PUT", &at(&open)).send().await.refused(403, "forbidden");
    bob.delete(&at(&open)).send().await.refused(403, "forbidden");
    edge.call("PUT", &at(&open)).send().await.refused(401, "unauthenticated");
    ann.delete(&at(&open)).send().await.expect(204);
    ann.delete(&at(&open)).send().await.refused(404, "not_found");
    ann.delete(&path).send().await.expect(204);
    bob.get(&format!("/api/images/{}", open["id"])).send().await.expect(200);
}

#[tokio::test]
async fn watchers_see_the_count_change_when_a_picture_is_hidden_or_deleted() {
    let edge = Edge::shared();
    let ann = edge.sign_up("ann").await;
    let image = drawn(&ann, &json!({})).await;
    let picture = format!("/api/images/{}", image["id"]);
    let path = format!("/api/choices/{}", ann.make("/api/choices", &json!({"name": "a", "public": true})).await);
    let mut anyone = Watch::open(&edge, &path, None).await;
    assert_eq!(anyone.next().await.expect("a snapshot")["count"], 0);
    ann.call("PUT", &format!("{path}/images/{}", image["id"])).send().await.expect(204);
    assert_eq!(anyone.next().await.expect("an image more")["count"], 1);
    for (public, count) in [(false, 0), (true, 1)] {
        ann.patch(&picture, &json!({"public": public})).send().await.expect(200);
        assert_eq!(anyone.next().await.expect("the change")["count"], count);
    }
    ann.delete(&picture).send().await.expect(204);
    assert_eq!(anyone.next().await.expect("an image less")["count"], 0);
    ann.delete(&path).send().await.expect(204);
    assert_eq!(anyone.next().await, Err(4404));
}
