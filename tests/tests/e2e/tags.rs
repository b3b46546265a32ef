//! Tags: the pattern of all resources.

use serde_json::{Value, json};
use tests::{Account, Edge, Watch, unique};

fn names(page: &Value) -> Vec<&str> {
    page["list"].as_array().into_iter().flatten().filter_map(|tag| tag["name"].as_str()).collect()
}

async fn several(ann: &Account, word: &str, number: usize) -> Vec<String> {
    let names: Vec<String> = (0..number).map(|i| format!("{word}-{i}")).collect();
    for name in &names {
        ann.make("/api/tags", &json!({"name": name})).await;
    }
    names
}

#[tokio::test]
async fn a_list_has_pages_cursors_and_both_profiles() {
    let edge = Edge::shared();
    let ann = edge.sign_up("ann").await;
    let word = unique("動物");
    let made = several(&ann, &word, 5).await;
    let query = format!("/api/tags?search={word}&sort=name&page_size=2");

    let mut cursor = String::new();
    let (mut by_page, mut by_cursor) = (Vec::new(), Vec::new());
    for page in 1..=3 {
        let json = edge.get(&format!("{query}&page={page}")).send().await.expect(200).json();
        assert_eq!((&json["total"], &json["page"], &json["next"]), (&json!(5), &json!(page), &json!(page < 3)));
        by_page.extend(names(&json).into_iter().map(str::to_owned));
        let json = edge.get(&format!("{query}{cursor}")).send().await.expect(200).json();
        by_cursor.extend(names(&json).into_iter().map(str::to_owned));
        cursor = format!("&cursor={}", json["next_cursor"].as_str().unwrap_or_default());
    }
    assert_eq!((&by_page, &by_cursor), (&made, &made));

    let v0 = edge.get(&query).header("x-api-profile", "v0").send().await.expect(200).json();
    assert_eq!((&v0["pageSize"], v0.get("page_size"), v0.get("total")), (&json!(2), None, None));
    assert!(v0["list"][0]["id"].is_string() && v0["list"][0]["createdAt"].is_string());
}

#[tokio::test]
async fn only_its_creator_and_administrators_change_a_tag() {
    let edge = Edge::shared();
    let (ann, bob, admin) = (edge.sign_up("ann").await, edge.sign_up("bob").await, edge.admin().await);
    let (name, other) = (unique("tag"), unique("tag"));
    let path = format!("/api/tags/{}", ann.make("/api/tags", &json!({"name": name})).await);

    edge.post("/api/tags", &json!({"name": other})).send().await.refused(401, "unauthenticated");
    bob.post("/api/tags", &json!({"name": name})).send().await.refused(409, "tag_exists");
    bob.patch(&path, &json!({"name": other})).send().await.refused(403, "forbidden");
    bob.delete(&path).send().await.refused(403, "forbidden");
    assert_eq!(edge.get(&path).send().await.expect(200).json()["name"], json!(name));
    assert_eq!(admin.patch(&path, &json!({"name": other})).send().await.expect(200).json()["name"], json!(other));
    ann.delete(&path).send().await.expect(204);
    let gone = edge.get(&path).send().await.refused(404, "not_found");
    let never = edge.get("/api/tags/9007199254740991").send().await.refused(404, "not_found");
    assert_eq!(gone.bytes, never.bytes);
}

#[tokio::test]
async fn twenty_creations_under_one_key_make_one_tag() {
    let ann = Edge::shared().sign_up("ann").await;
    let (key, name) = (unique("key"), unique("tag"));
    let create = || ann.post("/api/tags", &json!({"name": name})).header("idempotency-key", &key).send();
    let answers = futures_util::future::join_all((0..20).map(|_| create())).await;
    let first = &answers[0].bytes;
    for answer in &answers {
        assert_eq!((answer.status, &answer.bytes), (201, first), "{}", answer.text());
    }
    let page = ann.get(&format!("/api/tags?search={name}")).send().await.expect(200).json();
    assert_eq!(page["total"], 1);
    let other = ann.post("/api/tags", &json!({"name": unique("tag")})).header("idempotency-key", &key).send().await;
    other.refused(422, "idempotency_key_reused");
}

#[tokio::test]
async fn watchers_see_a_change_and_the_end() {
    let edge = Edge::shared();
    let ann = edge.sign_up("ann").await;
    let (before, after) = (unique("tag"), unique("tag"));
    let path = format!("/api/tags/{}", ann.make("/api/tags", &json!({"name": before})).await);
    let mut anyone = Watch::open(&edge, &path, None).await;
    let mut owner = Watch::open(&edge, &format!("{path}?profile=v0"), Some(ann.token())).await;
    assert_eq!(anyone.next().await.expect("a snapshot")["name"], json!(before));
    assert!(owner.next().await.expect("a snapshot")["createdAt"].is_string());
    ann.patch(&path, &json!({"name": after})).send().await.expect(200);
    assert_eq!(anyone.next().await.expect("the change")["name"], json!(after));
    assert_eq!(owner.next().await.expect("the change")["name"], json!(after));
    ann.delete(&path).send().await.expect(204);
    assert_eq!((anyone.next().await, owner.next().await), (Err(4404), Err(4404)));
}
