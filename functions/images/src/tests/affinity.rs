//! Likes and the history of views.

use super::*;

async fn likes(kit: &Kit, id: i64) -> Value {
    kit.get(&format!("/api/images/{id}")).send().await.json()["likes"].clone()
}

#[tokio::test]
async fn a_user_likes_an_image_once() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let cat = image(&kit, &ann, "a cat", true).await;
    let path = format!("/api/images/{cat}/like");
    kit.batches();
    kit.published().await;
    for _ in 0..2 {
        assert_eq!(kit.call("PUT", &path).by(&bob).send().await.status, 204);
        assert_eq!(kit.batches(), 1);
        assert_eq!(likes(&kit, cat).await, 1);
        kit.batches();
    }
    let published = kit.published().await;
    let [(room, liked)] = published.as_slice() else { panic!("once: {published:?}") };
    assert_eq!(room, &format!("images/{cat}"));
    assert!(liked.public.as_ref().unwrap().text("v1").unwrap().contains(r#""likes":1"#));
    kit.call("PUT", &path).by(&ann).send().await;
    assert_eq!(likes(&kit, cat).await, 2);
    for _ in 0..2 {
        assert_eq!(kit.delete(&path).by(&bob).send().await.status, 204);
        assert_eq!(likes(&kit, cat).await, 1);
    }
    let published = kit.published().await;
    assert_eq!(published.len(), 2, "{published:?}");
    assert!(published[1].1.seq > published[0].1.seq && published[0].1.seq > liked.seq);
    // A like changes nothing of the image itself.
    let json = kit.get(&format!("/api/images/{cat}")).send().await.json();
    assert_eq!(json["created_at"], json["updated_at"]);
}

#[tokio::test]
async fn likes_are_found_and_go_with_image_and_user() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let (cat, dog) = (image(&kit, &ann, "a cat", true).await, image(&kit, &ann, "a dog", true).await);
    let hidden = image(&kit, &ann, "a fox", false).await;
    for id in [cat, hidden] {
        kit.call("PUT", &format!("/api/images/{id}/like")).by(&ann).send().await;
    }
    kit.call("PUT", &format!("/api/images/{dog}/like")).by(&bob).send().await;
    assert_eq!(ids(&kit, None, &format!("like={}", ann.id)).await, [cat], "not the hidden one");
    assert_eq!(ids(&kit, Some(&ann), "like=me").await, [hidden, cat]);
    assert_eq!(ids(&kit, None, &format!("like={},{}", ann.id, bob.id)).await, [dog, cat]);
    assert_eq!(ids(&kit, None, &format!("like={}&like={}", ann.id, bob.id)).await, [0_i64; 0]);
    assert_eq!(kit.get("/api/images?like=me").send().await.refusal(), "401 unauthenticated:like");
    kit.sql("DELETE FROM users WHERE id = ?1", [bob.id.into()]).await;
    assert_eq!(likes(&kit, dog).await, 0);
    kit.delete(&format!("/api/images/{cat}")).by(&ann).send().await;
    assert_eq!(kit.number("SELECT count(*) FROM image_likes").await, 1);
}

#[tokio::test]
async fn what_one_may_not_see_one_can_neither_like_nor_view() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let hidden = image(&kit, &ann, "a cat", false).await;
    for (method, what) in [("PUT", "like"), ("DELETE", "like"), ("POST", "view")] {
        let path = format!("/api/images/{hidden}/{what}");
        assert_eq!(kit.call(method, &path).by(&bob).send().await.refusal(), "404 not_found");
        assert_eq!(kit.call(method, &path).send().await.refusal(), "401 unauthenticated");
        assert_eq!(kit.call(method, &path).by(&ann).send().await.status, 204);
        let read = kit.key(&ann, &["read"]).await;
        assert_eq!(kit.call(method, &path).by(&read).send().await.refusal(), "403 missing_scope");
        let unknown = kit.call(method, &format!("/api/images/999/{what}")).by(&bob).send().await;
        assert_eq!(unknown.refusal(), "404 not_found");
    }
}

#[tokio::test]
async fn the_last_view_is_kept_for_a_while() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let (cat, dog) = (image(&kit, &ann, "a cat", true).await, image(&kit, &ann, "a dog", true).await);
    let view = async |id: i64| kit.call("POST", &format!("/api/images/{id}/view")).by(&ann).send().await.status;
    assert_eq!((view(cat).await, view(dog).await), (204, 204));
    kit.wait(2000);
    assert_eq!(view(cat).await, 204);
    assert_eq!(kit.number("SELECT count(*) FROM image_views").await, 2, "one a user and image");
    kit.wait(kit.config.history_ms - 1000);
    store::sweep::round(&kit.runtime()).await.unwrap();
    let left = kit.sql("SELECT image_id FROM image_views", []).await;
    assert_eq!(left.iter().filter_map(|row| row.int("image_id")).collect::<Vec<_>>(), [cat]);
}
