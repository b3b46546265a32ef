//! The routes over in-memory SQLite with the real migrations.

mod images;

use serde_json::{Value, json};
use testkit::rules::{self, CreatedBy, Resource, SeenBy};
use testkit::{Account, Kit, golden};

const PATH: &str = "/api/articles";

fn kit() -> Kit {
    Kit::new(crate::routes())
}

/// A new article of the account. Returns its id.
async fn article(kit: &Kit, by: &Account, body: Value) -> i64 {
    kit.wait(1);
    let made = kit.post(PATH, body).by(by).send().await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["id"].as_i64().unwrap()
}

#[test]
fn openapi_is_fresh() {
    Kit::check_openapi(&crate::routes(), env!("CARGO_MANIFEST_DIR"));
}

#[tokio::test]
async fn articles_keep_the_rules_of_every_resource() {
    let resource = Resource {
        path: PATH,
        create: &|n| json!({"title": format!("a{n}")}),
        change: Some(json!({"body": "changed"})),
        seen_by: SeenBy::Everyone,
        created_by: CreatedBy::Users,
    };
    resource.check(&kit()).await;
}

#[tokio::test]
async fn private_articles_are_shown_to_their_author_and_administrators_alone() {
    let resource = Resource {
        path: PATH,
        create: &|n| json!({"title": format!("a{n}"), "public": false}),
        change: Some(json!({"body": "changed"})),
        seen_by: SeenBy::Owner,
        created_by: CreatedBy::Users,
    };
    resource.check(&kit()).await;
}

#[tokio::test]
async fn replies_are_those_of_the_golden_file() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let images = [kit.image(ann.id, true).await, kit.image(ann.id, false).await];
    article(&kit, &ann, json!({"title": "雪景", "body": "一隻貓在窗台", "images": images})).await;
    golden::check(&kit, env!("CARGO_MANIFEST_DIR"), "articles", &ann, &[PATH, "/api/articles/1"]).await;
}

#[tokio::test]
async fn an_article_from_creation_to_deletion() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let made = kit.post(PATH, json!({"title": " 雪景 "})).by(&ann).send().await;
    assert_eq!((made.status, made.header("location")), (201, "/api/articles/1"));
    let expected = json!({"id": 1, "title": "雪景", "body": "", "images": [], "public": true, "user_id": ann.id,
        "created_at": "2026-11-20T00:00:00.000Z", "updated_at": "2026-11-20T00:00:00.000Z"});
    assert_eq!(made.json(), expected);
    kit.wait(1000);
    let patch = json!({"title": "冬", "body": "下雪了", "public": false});
    let changed = kit.patch("/api/articles/1", patch).by(&ann).send().await.json();
    let expected = json!({"id": 1, "title": "冬", "body": "下雪了", "images": [], "public": false, "user_id": ann.id,
        "created_at": "2026-11-20T00:00:00.000Z", "updated_at": "2026-11-20T00:00:01.000Z"});
    assert_eq!(changed, expected);
    assert_eq!(kit.delete("/api/articles/1").by(&ann).send().await.status, 204);
    assert_eq!(kit.number("SELECT count(*) FROM articles_search").await, 0);
}

#[tokio::test]
async fn lists_are_filtered_searched_and_sorted() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    for (by, title, body, public) in [
        (&ann, "b", "冬天的雪景, 一隻貓在窗台", true),
        (&ann, "a", "", false),
        (&bob, "雪景", "Snow and MOUNTAINS", true),
        (&bob, "d", "雪景", false),
    ] {
        article(&kit, by, json!({"title": title, "body": body, "public": public})).await;
    }
    for (query, titles) in [
        ("", vec!["雪景", "a", "b"]),
        ("user=me", vec!["a", "b"]),
        ("user=2", vec!["雪景"]),
        ("public=true", vec!["雪景", "b"]),
        ("public=false", vec!["a"]),
        ("sort=title", vec!["a", "b", "雪景"]),
        ("sort=date%2B", vec!["b", "a", "雪景"]),
        ("search=%E9%9B%AA%E6%99%AF", vec!["雪景", "b"]),
        ("search=%E7%AA%97%E5%8F%B0", vec!["b"]),
        ("search=%E6%99%AF%E9%9B%AA", vec![]),
        ("search=mountain", vec!["雪景"]),
        ("search=%E9%9B%AA%E6%99%AF+snow", vec!["雪景"]),
        ("search=title%3Ab", vec![]),
        ("date=2025", vec![]),
    ] {
        let page = kit.get(&format!("{PATH}?{query}")).by(&ann).send().await;
        assert_eq!(page.column("title"), titles, "{query}");
        assert_eq!(page.json()["total"], titles.len(), "{query}");
    }
    kit.patch("/api/articles/1", json!({"title": "山"})).by(&ann).send().await;
    kit.patch("/api/articles/3", json!({"body": "夏天"})).by(&bob).send().await;
    for (query, titles) in [
        ("search=%E9%9B%AA%E6%99%AF", vec!["雪景", "山"]),
        ("search=%E5%B1%B1", vec!["山"]),
        ("search=snow", vec![]),
        ("search=%E5%A4%8F%E5%A4%A9", vec!["雪景"]),
    ] {
        let page = kit.get(&format!("{PATH}?{query}")).by(&ann).send().await;
        assert_eq!(page.column("title"), titles, "{query}, after a change of one column");
    }
}

#[tokio::test]
async fn bad_bodies_are_refused() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let (theirs, hidden) = (kit.image(bob.id, true).await, kit.image(bob.id, false).await);
    rules::refuses_malformed_bodies(&kit, "POST", PATH, &ann).await;
    let refusals = [
        (json!({}), "400 missing_parameter:title"),
        (json!({"title": " "}), "400 invalid_parameter:title"),
        (json!({"title": "x".repeat(201)}), "400 invalid_parameter:title"),
        (json!({"title": "a", "body": "字".repeat(20_001)}), "400 invalid_parameter:body"),
        (json!({"title": "a", "images": 1}), "400 invalid_parameter:images"),
        (json!({"title": "a", "images": ["x"]}), "400 invalid_parameter:images"),
        (json!({"title": "a", "images": vec![1; 101]}), "400 invalid_parameter:images"),
        (json!({"title": "a", "images": [theirs]}), "400 invalid_parameter:images"),
        (json!({"title": "a", "images": [hidden]}), "400 invalid_parameter:images"),
        (json!({"title": "a", "images": [999]}), "400 invalid_parameter:images"),
        (json!({"title": "a", "public": 1}), "400 invalid_parameter:public"),
    ];
    rules::refuses_bodies(&kit, "POST", PATH, &ann, &refusals).await;
    assert_eq!(kit.number("SELECT count(*) FROM articles").await, 0);
}

#[tokio::test]
async fn lists_read_no_more_than_they_show() {
    testkit::plans::check(&crate::routes(), &[]).await;
}
