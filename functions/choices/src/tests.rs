//! The routes over in-memory SQLite with the real migrations.

mod counts;
mod images;

use serde_json::{Value, json};
use testkit::rules::{self, CreatedBy, Resource, SeenBy};
use testkit::{Account, Kit, golden};

const PATH: &str = "/api/choices";

fn kit() -> Kit {
    Kit::new(crate::routes())
}

/// A new choice of the account. Returns its id.
async fn choice(kit: &Kit, by: &Account, body: Value) -> i64 {
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
async fn choices_keep_the_rules_of_every_resource() {
    let resource = Resource {
        path: PATH,
        create: &|n| json!({"name": format!("c{n}")}),
        change: Some(json!({"info": "changed"})),
        seen_by: SeenBy::Owner,
        created_by: CreatedBy::Users,
    };
    resource.check(&kit()).await;
}

#[tokio::test]
async fn replies_in_both_versions() {
    let kit = kit();
    let ann = kit.user("ann").await;
    choice(&kit, &ann, json!({"name": "年度精選", "info": "雪景", "public": true})).await;
    let image = kit.image(ann.id, true).await;
    kit.call("PUT", &format!("/api/choices/1/images/{image}")).by(&ann).send().await;
    golden::check(&kit, env!("CARGO_MANIFEST_DIR"), "choices", &ann, &[PATH, "/api/choices/1"]).await;
}

#[tokio::test]
async fn a_choice_from_creation_to_deletion() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let made = kit.post(PATH, json!({"name": " 年度精選 "})).by(&ann).send().await;
    assert_eq!((made.status, made.header("location")), (201, "/api/choices/1"));
    let expected = json!({"id": 1, "name": "年度精選", "info": "", "count": 0, "public": false, "user_id": ann.id,
        "created_at": "2026-11-20T00:00:00.000Z", "updated_at": "2026-11-20T00:00:00.000Z"});
    assert_eq!(made.json(), expected);
    kit.wait(1000);
    let patch = json!({"name": "雪", "info": "冬天", "public": true});
    let changed = kit.patch("/api/choices/1", patch).by(&ann).send().await.json();
    assert_eq!(
        (&changed["name"], &changed["info"], &changed["public"], &changed["updated_at"]),
        (&json!("雪"), &json!("冬天"), &json!(true), &json!("2026-11-20T00:00:01.000Z"))
    );
    let image = kit.image(ann.id, true).await;
    kit.call("PUT", &format!("/api/choices/1/images/{image}")).by(&ann).send().await;
    assert_eq!(kit.delete("/api/choices/1").by(&ann).send().await.status, 204);
    assert_eq!(kit.number("SELECT count(*) FROM choice_images").await, 0);
    assert_eq!(kit.number("SELECT count(*) FROM images").await, 1, "its images stay");
}

#[tokio::test]
async fn a_published_choice_is_everyones_to_see_and_its_owners_to_change() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    choice(&kit, &ann, json!({"name": "a", "public": true})).await;
    assert_eq!(kit.get("/api/choices/1").send().await.status, 200);
    assert_eq!(kit.get(PATH).by(&bob).send().await.json()["total"], 1);
    let patch = || kit.patch("/api/choices/1", json!({"public": false}));
    assert_eq!(patch().by(&bob).send().await.refusal(), "403 forbidden");
    assert_eq!(kit.delete("/api/choices/1").by(&bob).send().await.refusal(), "403 forbidden");
    assert_eq!(patch().by(&root).send().await.status, 200);
    assert_eq!(kit.get("/api/choices/1").by(&bob).send().await.status, 404);
}

#[tokio::test]
async fn lists_are_filtered_searched_and_sorted() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    for (by, name, info, public) in
        [(&ann, "b", "冬天的雪景", true), (&ann, "a", "", false), (&bob, "c", "Snow", true), (&bob, "d", "", false)]
    {
        choice(&kit, by, json!({"name": name, "info": info, "public": public})).await;
    }
    for (query, names) in [
        ("", vec!["c", "a", "b"]),
        ("user=me", vec!["a", "b"]),
        ("user=2", vec!["c"]),
        ("public=true", vec!["c", "b"]),
        ("public=false", vec!["a"]),
        ("sort=name", vec!["a", "b", "c"]),
        ("sort=date%2B", vec!["b", "a", "c"]),
        ("search=%E9%9B%AA%E6%99%AF", vec!["b"]),
        ("search=snow", vec!["c"]),
        ("date=2025", vec![]),
    ] {
        let page = kit.get(&format!("{PATH}?{query}")).by(&ann).send().await;
        assert_eq!(page.column("name"), names, "{query}");
        assert_eq!(page.json()["total"], names.len(), "{query}");
    }
}

#[tokio::test]
async fn bad_bodies_are_refused() {
    let kit = kit();
    let ann = kit.user("ann").await;
    rules::refuses_malformed_bodies(&kit, "POST", PATH, &ann).await;
    let refusals = [
        (json!({}), "400 missing_parameter:name"),
        (json!({"name": " "}), "400 invalid_parameter:name"),
        (json!({"name": "x".repeat(201)}), "400 invalid_parameter:name"),
        (json!({"name": "a", "info": "字".repeat(2001)}), "400 invalid_parameter:info"),
        (json!({"name": "a", "public": 1}), "400 invalid_parameter:public"),
    ];
    rules::refuses_bodies(&kit, "POST", PATH, &ann, &refusals).await;
    assert_eq!(kit.number("SELECT count(*) FROM choices").await, 0);
}

#[tokio::test]
async fn lists_read_no_more_than_they_show() {
    testkit::plans::check(&crate::routes(), &[]).await;
}
