//! The routes over in-memory SQLite with the real migrations, objects in memory, and a scripted outside.

use serde_json::{Value, json};
use testkit::{Account, Kit, Reply, rules};

mod copies;
mod hostile;
mod images;
mod trainings;

fn kit() -> Kit {
    Kit::new(crate::routes())
}

/// The address of the n-th image outside.
fn url(n: usize) -> String {
    format!("https://oss.example.com/{n}.png")
}

/// A PNG file's header, which is all that is looked at, and `more` bytes.
fn png(width: u32, height: u32, more: usize) -> Vec<u8> {
    let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
    [b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", &sides[..], b"\x08\x02\0\0\0", &vec![7; more]].concat()
}

async fn create(kit: &Kit, by: &Account, images: Value) -> Reply {
    kit.wait(1);
    kit.post("/api/datasets", json!({"images": images})).by(by).send().await
}

/// A new dataset of the account: its path.
async fn dataset(kit: &Kit, by: &Account, images: Value) -> String {
    let made = create(kit, by, images).await;
    assert_eq!(made.status, 201, "{}", made.text());
    format!("/api/datasets/{}", made.json()["id"])
}

/// Copies all that is due.
async fn copy(kit: &Kit) {
    while store::dataset_copies::copy(&kit.runtime()).await.unwrap() {}
}

/// The rows of the images of a dataset.
async fn rows(kit: &Kit, by: &Account, path: &str) -> Vec<Value> {
    let list = kit.get(&format!("{path}/images?size=100")).by(by).send().await;
    assert_eq!(list.status, 200, "{}", list.text());
    list.json()["list"].as_array().unwrap().clone()
}

/// One key over the rows.
fn column(rows: &[Value], key: &str) -> Vec<Value> {
    rows.iter().map(|row| row[key].clone()).collect()
}

async fn read(kit: &Kit, by: &Account, path: &str) -> Value {
    let reply = kit.get(path).by(by).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

#[test]
fn openapi_is_fresh() {
    Kit::check_openapi(&crate::routes(), env!("CARGO_MANIFEST_DIR"));
}

#[tokio::test]
async fn datasets_keep_the_rules_of_every_resource() {
    let resource = rules::Resource {
        path: "/api/datasets",
        create: &|n| json!({"name": format!("d{n}"), "images": [url(n)]}),
        change: Some(json!({"name": "changed", "images": [url(1), url(2)]})),
        seen_by: rules::SeenBy::Owner,
        created_by: rules::CreatedBy::Users,
    };
    resource.check(&kit()).await;
}

#[tokio::test]
async fn a_dataset_from_beginning_to_end() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let body =
        json!({"name": "Foxes", "info": "red ones", "images": [url(1), {"url": url(2), "caption": "a fox"}, url(1)]});
    let made = kit.post("/api/datasets", body).by(&ann).send().await;
    assert_eq!((made.status, made.header("location")), (201, "/api/datasets/1"), "{}", made.text());
    let expected = json!({"id": 1, "name": "Foxes", "info": "red ones", "images": [url(1), url(2)], "count": 2,
        "pending": 2, "failed": 0, "public": false, "user_id": ann.id,
        "created_at": "2026-11-20T00:00:00.000Z", "updated_at": "2026-11-20T00:00:00.000Z"});
    assert_eq!(made.json(), expected);
    assert_eq!(read(&kit, &ann, "/api/datasets/1").await, expected);
    let v0 = kit.get("/api/datasets/1?profile=v0").by(&ann).send().await.json();
    assert_eq!(
        v0,
        json!({"id": 1, "name": "Foxes", "info": "red ones", "images": [url(1), url(2)], "count": 2,
        "pending": 2, "failed": 0, "public": false, "user": {"id": ann.id, "user_name": "ann"},
        "createdAt": "2026-11-20T00:00:00.000Z", "updatedAt": "2026-11-20T00:00:00.000Z"})
    );
    kit.fetch.respond(&url(1), 200, &[], png(640, 480, 5));
    kit.fetch.respond(&url(2), 404, &[], "");
    copy(&kit).await;
    let images = rows(&kit, &ann, "/api/datasets/1").await;
    let file = images[0]["url"].as_str().unwrap();
    assert_eq!(
        images[0],
        json!({"id": 1, "url": file, "source": url(1), "caption": "", "width": 640, "height": 480,
        "size": 34, "status": "ready", "error": null, "created_at": "2026-11-20T00:00:00.000Z"})
    );
    assert_eq!((&images[1]["caption"], &images[1]["status"]), (&json!("a fox"), &json!("failed")));
    assert_eq!(images[1]["error"]["code"], "image_unreachable");
    let settled = read(&kit, &ann, "/api/datasets/1").await;
    assert_eq!(
        (&settled["images"], &settled["pending"], &settled["failed"]),
        (&json!([file, url(2)]), &json!(0), &json!(1))
    );
    assert_eq!(settled["updated_at"], expected["updated_at"], "a copy is no change of the owner's");

    kit.wait(5000);
    let change = kit.patch("/api/datasets/1", json!({"public": true, "name": "狐狸"})).by(&ann).send().await.json();
    assert_eq!((&change["name"], &change["public"], &change["count"]), (&json!("狐狸"), &json!(true), &json!(2)));
    assert_eq!(change["updated_at"], "2026-11-20T00:00:05.000Z");
    assert_eq!(kit.delete("/api/datasets/1").by(&ann).send().await.status, 204);
    copy(&kit).await;
    store::outbox::flush(&kit.runtime()).await.unwrap();
    assert!(kit.blobs.keys().is_empty(), "the copies went with it");
    assert_eq!(kit.number("SELECT count(*) FROM dataset_images").await, 0);
}

#[tokio::test]
async fn filters_search_and_sorts() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    for (by, name, public, count) in [(&ann, "Foxes", true, 1), (&ann, "貓與狐狸", false, 3), (&bob, "Cats", true, 2)]
    {
        kit.wait(1);
        let images: Vec<String> = (0..count).map(url).collect();
        let body = json!({"name": name, "public": public, "images": images});
        assert_eq!(kit.post("/api/datasets", body).by(by).send().await.status, 201);
    }
    for (query, names) in [
        ("", vec!["Cats", "貓與狐狸", "Foxes"]),
        ("user=me", vec!["貓與狐狸", "Foxes"]),
        ("user=2", vec!["Cats"]),
        ("public=false", vec!["貓與狐狸"]),
        ("search=%E7%8B%90%E7%8B%B8", vec!["貓與狐狸"]),
        ("sort=name", vec!["Cats", "Foxes", "貓與狐狸"]),
        ("sort=date%2B", vec!["Foxes", "貓與狐狸", "Cats"]),
        ("sort=count", vec!["貓與狐狸", "Cats", "Foxes"]),
        ("date=20261120-", vec![]),
    ] {
        assert_eq!(kit.get(&format!("/api/datasets?{query}")).by(&ann).send().await.column("name"), names, "{query}");
    }
    assert_eq!(kit.get("/api/datasets?sort=name").send().await.column("name"), ["Cats", "Foxes"]);
}

#[tokio::test]
async fn lists_and_frames_have_the_first_images_and_a_dataset_alone_has_all() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let urls: Vec<String> = (0..50).map(url).collect();
    let path = dataset(&kit, &ann, json!(urls)).await;
    assert_eq!(read(&kit, &ann, &path).await["images"], json!(urls));
    let listed = kit.get("/api/datasets").by(&ann).send().await.json();
    assert_eq!((&listed["list"][0]["images"], &listed["list"][0]["count"]), (&json!(urls[..20]), &json!(50)));
    let join = kit.get(&path).header("upgrade", "websocket").by(&ann).send().await.join.unwrap();
    let (_, event) = join.admit.unwrap();
    let frame: Value = serde_json::from_str(event.owner.unwrap().text("v1").unwrap()).unwrap();
    assert_eq!(frame["images"], json!(urls[..20]));
}

#[tokio::test]
async fn sources_are_shown_to_the_owner_alone() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let path = dataset(&kit, &ann, json!([url(1), url(2)])).await;
    kit.patch(&path, json!({"public": true})).by(&ann).send().await;
    kit.fetch.respond(&url(1), 200, &[], png(1, 1, 0));
    copy(&kit).await;
    let seen = read(&kit, &bob, &path).await;
    assert_eq!((seen["images"].as_array().unwrap().len(), &seen["count"]), (1, &json!(2)));
    let images = rows(&kit, &bob, &path).await;
    assert_eq!(column(&images, "source"), [Value::Null, Value::Null]);
    assert!(!kit.get(&format!("{path}/images")).send().await.text().contains("oss.example.com"));
    assert_eq!(column(&rows(&kit, &ann, &path).await, "source"), [json!(url(1)), json!(url(2))]);
}

#[tokio::test]
async fn lists_read_no_more_than_they_show() {
    // Images are listed of one dataset alone, which has an index.
    testkit::plans::check(&crate::routes(), &["dataset_images"]).await;
}
