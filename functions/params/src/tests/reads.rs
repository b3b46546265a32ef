//! Lists, reads, caches, and the key-value store that is missing, broken, old or down.

use domain::Lang;
use ports::Kv;
use serde_json::{Value, json};
use store::params::{FRESH_MS, KEY};
use testkit::Reply;

use super::*;

/// The default width of images that anonymous callers see.
async fn width(kit: &Kit) -> Value {
    kit.get("/api/params/image").send().await.json()["properties"]["width"]["default"].clone()
}

/// Sets the default width in the table alone, as a change whose entry was lost.
async fn set_width_in_table(kit: &Kit, width: i64) {
    kit.sql(
        "INSERT INTO params (name, defaults, updated_at) VALUES ('image', json_object('width', ?1), 1) \
         ON CONFLICT (name) DO UPDATE SET defaults = excluded.defaults",
        [width.into()],
    )
    .await;
}

#[tokio::test]
async fn the_list_has_both_forms_in_the_envelope_of_each_version() {
    let kit = kit();
    let page = kit.get("/api/params").send().await;
    assert_eq!((page.status, page.column("name")), (200, vec!["image".into(), "model".into()]));
    let json = page.json();
    let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["list", "next", "next_cursor", "page", "page_size", "total"]);
    assert_eq!((&json["total"], &json["next"], &json["next_cursor"]), (&json!(2), &json!(false), &Value::Null));
    for row in json["list"].as_array().unwrap() {
        let name = row["name"].as_str().unwrap();
        assert_eq!(row["value"], kit.get(&format!("/api/params/{name}")).send().await.json(), "{name}");
    }
    let v0 = kit.get("/api/params?profile=v0&pageSize=1").send().await.json();
    let keys: Vec<&String> = v0.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["list", "next", "nextCursor", "page", "pageSize"]);
}

#[tokio::test]
async fn pages_follow_each_other_by_number_and_by_cursor() {
    let kit = kit();
    let first = kit.get("/api/params?size=1").send().await;
    assert_eq!((first.column("name"), &first.json()["next"]), (vec!["image".into()], &json!(true)));
    let second = kit.get("/api/params?size=1&page=2").send().await;
    assert_eq!((second.column("name"), &second.json()["next"]), (vec!["model".into()], &json!(false)));
    let cursor = first.json()["next_cursor"].as_str().unwrap().to_string();
    let after = kit.get(&format!("/api/params?size=1&cursor={cursor}")).send().await;
    assert_eq!((after.column("name"), &after.json()["next"]), (vec!["model".into()], &json!(false)));
    assert_eq!(after.json()["next_cursor"], Value::Null);
    for query in ["page=3&size=1", "page=100&size=100"] {
        let beyond = kit.get(&format!("/api/params?{query}")).send().await.json();
        assert_eq!((&beyond["list"], &beyond["total"]), (&json!([]), &json!(2)), "{query}");
    }
    for (query, refusal) in [
        ("page=0", "400 invalid_parameter:page"),
        ("page=101&size=100", "400 invalid_parameter:cursor"),
        ("size=101", "400 invalid_parameter:size"),
        ("sort=hot", "400 unknown_sort:sort"),
        ("cursor=x", "400 invalid_cursor:cursor"),
    ] {
        assert_eq!(kit.get(&format!("/api/params?{query}")).send().await.refusal(), refusal);
    }
}

#[tokio::test]
async fn unknown_names_and_methods_are_refused() {
    let kit = kit();
    let ann = kit.user("ann").await;
    for path in ["/api/params/images", "/api/params/IMAGE", "/api/params/%00", "/api/params/1"] {
        assert_eq!(kit.get(path).send().await.refusal(), "404 not_found", "{path}");
        assert_eq!(kit.get(path).by(&ann).send().await.refusal(), "404 not_found", "{path}");
    }
    assert_eq!(kit.post("/api/params", json!({})).send().await.status, 405);
    assert_eq!(kit.delete("/api/params/image").send().await.status, 405);
    assert_eq!(kit.get("/api/params/image/width").send().await.refusal(), "404 route_not_found");
}

#[tokio::test]
async fn anonymous_reads_are_cached_and_revalidated() {
    let kit = kit();
    for path in ["/api/params", "/api/params/image", "/api/params/model"] {
        let first = kit.get(path).send().await;
        let cached = |reply: &Reply| (reply.header("cache-control").to_string(), reply.header("etag").to_string());
        let etag = first.header("etag").to_string();
        assert_eq!((first.status, first.header("content-type")), (200, "application/json; charset=utf-8"));
        assert_eq!(first.header("cache-control"), "public, max-age=60, stale-while-revalidate=600");
        assert_eq!(first.header("vary"), "authorization, token, x-api-key, x-api-profile");
        assert!(etag.len() == 34 && etag.starts_with('"'), "{etag}");
        for sent in [etag.clone(), format!("\"x\", W/{etag}"), "*".into()] {
            let again = kit.get(path).header("if-none-match", &sent).send().await;
            assert_eq!((again.status, again.bytes.len(), cached(&again)), (304, 0, cached(&first)), "{sent}");
        }
        assert_eq!(kit.get(path).header("if-none-match", "\"x\"").send().await.status, 200);
        let head = kit.call("HEAD", path).send().await;
        assert_eq!((head.status, head.bytes.len(), cached(&head)), (200, 0, cached(&first)));
    }
    let v0 = kit.get("/api/params").header("x-api-profile", "v0").send().await;
    assert_ne!(v0.header("etag"), kit.get("/api/params").send().await.header("etag"));
}

#[tokio::test]
async fn anonymous_reads_come_from_the_key_value_store() {
    let kit = kit();
    kit.batches();
    for path in ["/api/params", "/api/params/image", "/api/params/model"] {
        let reply = kit.get(path).send().await;
        assert_eq!((reply.status, kit.batches(), kit.kv.reads()), (200, 0, 1), "{path}");
    }
}

#[tokio::test]
async fn authenticated_reads_come_from_the_table_and_are_private() {
    let kit = kit();
    let ann = kit.user("ann").await;
    set_width_in_table(&kit, 64).await;
    kit.batches();
    for path in ["/api/params", "/api/params/image"] {
        let reply = kit.get(path).by(&ann).send().await;
        assert_eq!((reply.status, kit.batches(), kit.kv.reads()), (200, 1, 0), "{path}");
        assert_eq!((reply.header("cache-control"), reply.header("etag")), ("private, no-store", ""));
        assert!(reply.text().contains(r#""default":64"#), "{path}");
    }
    assert_eq!(kit.get("/api/params/image").bearer("nonsense").send().await.refusal(), "401 invalid_token");
    kit.sql("DELETE FROM sessions", []).await;
    assert_eq!(kit.get("/api/params").by(&ann).send().await.status, 401);
}

#[tokio::test]
async fn a_missing_or_broken_entry_is_read_from_the_table_and_written_again() {
    for broken in [None, Some(""), Some("nonsense"), Some("{}"), Some(r#"{"read_at":0,"defaults":{"image":{"wid"#)] {
        let kit = kit();
        set_width_in_table(&kit, 64).await;
        match broken {
            None => kit.kv.delete(KEY).await.unwrap(),
            Some(text) => kit.kv.put(KEY, text).await.unwrap(),
        }
        kit.batches();
        assert_eq!((width(&kit).await, kit.batches()), (json!(64), 1), "{broken:?}");
        kit.settle().await;
        kit.batches();
        assert_eq!((width(&kit).await, kit.batches()), (json!(64), 0), "{broken:?}");
    }
}

#[tokio::test]
async fn an_old_entry_heals_after_a_minute() {
    let kit = kit();
    set_width_in_table(&kit, 64).await;
    kit.wait(FRESH_MS);
    assert_eq!(width(&kit).await, 512, "as old as it may be");
    kit.wait(1);
    assert_eq!(width(&kit).await, 64);
    kit.settle().await;
    kit.batches();
    assert_eq!((width(&kit).await, kit.batches()), (json!(64), 0));
}

#[tokio::test]
async fn an_entry_of_the_future_is_not_believed() {
    let kit = kit();
    set_width_in_table(&kit, 64).await;
    kit.wait(-FRESH_MS);
    assert_eq!(width(&kit).await, 512, "clocks may differ by a minute");
    kit.wait(-1);
    assert_eq!(width(&kit).await, 64);
}

#[tokio::test]
async fn reads_go_to_the_table_while_the_key_value_store_is_down() {
    let kit = kit();
    set_width_in_table(&kit, 64).await;
    kit.kv.set_down(true);
    kit.batches();
    for _ in 0..2 {
        assert_eq!((width(&kit).await, kit.batches()), (json!(64), 1));
        kit.settle().await;
    }
    kit.kv.set_down(false);
    assert_eq!(width(&kit).await, 512, "the entry of before, until it is a minute old");
}

#[tokio::test]
async fn a_default_that_its_field_no_longer_takes_is_left_out() {
    let kit = kit();
    set_width_in_table(&kit, 63).await;
    kit.kv.delete(KEY).await.unwrap();
    assert_eq!(width(&kit).await, 512);
}

#[tokio::test]
async fn titles_are_in_both_languages_whatever_the_caller_speaks() {
    let kit = kit();
    let english = kit.get("/api/params/image").send().await;
    let chinese = kit.get("/api/params/image").header("accept-language", Lang::Hant.tag()).send().await;
    assert_eq!(english.text(), chinese.text());
    let width = &english.json()["properties"]["width"];
    assert_eq!((&width["title"], &width["x-title-zh"]), (&json!("Width"), &json!("寬度")));
}
