//! Articles: which pictures they have, what the pictures show of them, search, and who is told.

use serde_json::json;
use tests::{Edge, Watch, unique};

use crate::images::drawn;

#[tokio::test]
async fn pictures_show_their_article_in_both_versions() {
    let edge = Edge::shared();
    let (ann, bob) = (edge.sign_up("ann").await, edge.sign_up("bob").await);
    let (first, second) = (drawn(&ann, &json!({})).await, drawn(&ann, &json!({})).await);
    let theirs = drawn(&bob, &json!({})).await;
    let refused = ann.post("/api/articles", &json!({"title": "a", "images": [theirs["id"]]})).send().await;
    assert_eq!(refused.refused(400, "invalid_parameter").error()["param"], "images");

    let title = unique("雪景");
    let body = json!({"title": title, "body": "今年的第一場雪", "images": [second["id"], first["id"]]});
    let id = ann.make("/api/articles", &body).await;
    let path = format!("/api/articles/{id}");
    let read = edge.get(&path).send().await.expect(200).json();
    assert_eq!(read["images"], json!([second["id"], first["id"]]), "in their order");
    let picture = format!("/api/images/{}", first["id"]);
    assert_eq!(bob.get(&picture).send().await.expect(200).json()["article_id"], id);
    let v0 = bob.get(&format!("{picture}?profile=v0")).send().await.expect(200).json();
    assert_eq!(v0["article"], json!({"id": id, "title": title}));
    for (query, total) in [(format!("search={title}"), 1), (format!("search={title}&public=false"), 0)] {
        assert_eq!(
            edge.get(&format!("/api/articles?{query}")).send().await.expect(200).json()["total"],
            total,
            "{query}"
        );
    }
    assert_eq!(edge.get(&format!("/api/images?article={id}")).send().await.expect(200).json()["total"], 2);

    ann.patch(&path, &json!({"public": false})).send().await.expect(200);
    bob.get(&path).send().await.refused(404, "not_found");
    assert_eq!(bob.get(&picture).send().await.expect(200).json()["article_id"], json!(null));
    ann.delete(&path).send().await.expect(204);
    assert_eq!(ann.get(&picture).send().await.expect(200).json()["article_id"], json!(null));
}

#[tokio::test]
async fn watchers_of_a_picture_see_its_article_come_and_go() {
    let edge = Edge::shared();
    let ann = edge.sign_up("ann").await;
    let image = drawn(&ann, &json!({})).await;
    let mut picture = Watch::of(&ann, &format!("/api/images/{}", image["id"])).await;
    assert_eq!(picture.next().await.expect("a snapshot")["article_id"], json!(null));
    let id = ann.make("/api/articles", &json!({"title": "a", "images": [image["id"]]})).await;
    assert_eq!(picture.next().await.expect("an article")["article_id"], id);
    let mut article = Watch::open(&edge, &format!("/api/articles/{id}"), None).await;
    assert_eq!(article.next().await.expect("a snapshot")["images"], json!([image["id"]]));
    ann.delete(&format!("/api/images/{}", image["id"])).send().await.expect(204);
    assert_eq!(article.next().await.expect("an image less")["images"], json!([]));
    assert_eq!(picture.next().await, Err(4404));
    ann.delete(&format!("/api/articles/{id}")).send().await.expect(204);
    assert_eq!(article.next().await, Err(4404));
}
