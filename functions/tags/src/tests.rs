//! The routes over in-memory SQLite with the real migrations.

use serde_json::json;
use testkit::rules::{self, CreatedBy, Resource, SeenBy};
use testkit::{Account, Kit, golden};

fn kit() -> Kit {
    Kit::new(crate::routes())
}

async fn tag(kit: &Kit, by: &Account, name: &str) -> i64 {
    kit.wait(1);
    let made = kit.post("/api/tags", json!({"name": name})).by(by).send().await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["id"].as_i64().unwrap()
}

#[test]
fn openapi_is_fresh() {
    Kit::check_openapi(&crate::routes(), env!("CARGO_MANIFEST_DIR"));
}

#[tokio::test]
async fn tags_keep_the_rules_of_every_resource() {
    let resource = Resource {
        path: "/api/tags",
        create: &|n| json!({"name": format!("t{n}")}),
        change: Some(json!({"name": "changed"})),
        seen_by: SeenBy::Everyone,
        created_by: CreatedBy::Users,
    };
    resource.check(&kit()).await;
}

#[tokio::test]
async fn a_tag_from_beginning_to_end() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let made = kit.post("/api/tags", json!({"name": " 動物 "})).by(&ann).send().await;
    assert_eq!((made.status, made.header("location")), (201, "/api/tags/1"));
    let expected = json!({"id": 1, "name": "動物", "count": 0,
        "created_at": "2026-11-20T00:00:00.000Z", "updated_at": "2026-11-20T00:00:00.000Z"});
    assert_eq!(made.json(), expected);
    assert_eq!(kit.get("/api/tags/1").send().await.json(), expected);

    kit.wait(5000);
    let renamed = kit.patch("/api/tags/1", json!({"name": "風景"})).by(&ann).send().await;
    assert_eq!((renamed.status, renamed.json()["name"].clone()), (200, json!("風景")));
    assert_eq!(renamed.json()["updated_at"], "2026-11-20T00:00:05.000Z");

    let gone = kit.delete("/api/tags/1").by(&ann).send().await;
    assert_eq!((gone.status, gone.text().as_str()), (204, ""));
    let never = kit.get("/api/tags/999").send().await;
    assert_eq!(never.status, 404);
    assert_eq!(kit.get("/api/tags/1").send().await.bytes, never.bytes);
}

#[tokio::test]
async fn the_earlier_profile() {
    let kit = kit();
    let ann = kit.user("ann").await;
    tag(&kit, &ann, "a").await;
    let list = kit.get("/api/tags?profile=v0&pageSize=1").send().await.json();
    assert_eq!(list["pageSize"], 1);
    assert_eq!(list["list"][0]["id"], "1");
    assert!(list["list"][0]["createdAt"].is_string() && list["list"][0].get("created_at").is_none());
    assert!(list.get("total").is_none() && list.get("page_size").is_none());
    let one = kit.get("/api/tags/1").header("x-api-profile", "v0").send().await.json();
    assert_eq!(one, list["list"][0]);
}

#[tokio::test]
async fn pages_and_cursors_agree() {
    let kit = kit();
    let ann = kit.user("ann").await;
    // Pairs of equal times: ties are broken by id.
    for i in 0..7 {
        if i % 2 == 0 {
            kit.wait(1000);
        }
        let made = kit.post("/api/tags", json!({"name": format!("t{i}")})).by(&ann).send().await;
        assert_eq!(made.status, 201);
    }
    for sort in ["createdAt", "date%2B", "name", "hot"] {
        let names = |json: &serde_json::Value| -> Vec<String> {
            json["list"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap().to_string()).collect()
        };
        let whole = kit.get(&format!("/api/tags?sort={sort}&size=100")).send().await.json();
        assert_eq!((whole["total"].clone(), whole["next"].clone()), (json!(7), json!(false)));
        assert_eq!(whole["next_cursor"], json!(null));
        let (mut by_page, mut by_cursor) = (Vec::new(), Vec::new());
        let mut cursor = String::new();
        for page in 1..=3 {
            let json = kit.get(&format!("/api/tags?sort={sort}&page={page}&page_size=3")).send().await.json();
            assert_eq!(json["next"], page < 3);
            by_page.extend(names(&json));
            let json = kit.get(&format!("/api/tags?sort={sort}&size=3{cursor}")).send().await.json();
            assert_eq!((json["next"].clone(), json["total"].clone()), (json!(page < 3), json!(7)));
            by_cursor.extend(names(&json));
            cursor = format!("&cursor={}", json["next_cursor"].as_str().unwrap_or_default());
        }
        assert_eq!(by_page, names(&whole));
        assert_eq!(by_cursor, names(&whole), "{sort}");
    }
    let beyond = kit.get("/api/tags?page=500").send().await.json();
    assert_eq!((beyond["list"].clone(), beyond["next"].clone()), (json!([]), json!(false)));
    let too_far = kit.get("/api/tags?page=501").send().await;
    assert_eq!(too_far.refusal(), "400 invalid_parameter:cursor", "numbered pages reach the first 10,000 rows");
}

#[tokio::test]
async fn filters_and_search() {
    let kit = kit();
    let ann = kit.user("ann").await;
    for name in ["動物", "小動物園", "Cat", "2022"] {
        tag(&kit, &ann, name).await;
    }
    let found = |query: &'static str| {
        let call = kit.get(query);
        async move {
            let json = call.send().await.json();
            let mut names: Vec<String> =
                json["list"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap().to_string()).collect();
            assert_eq!(json["total"], names.len());
            names.sort();
            names.join(" ")
        }
    };
    assert_eq!(found("/api/tags?search=%E5%8B%95%E7%89%A9").await, "動物 小動物園");
    assert_eq!(found("/api/tags?search=CAT").await, "Cat");
    assert_eq!(found("/api/tags?search=%25").await, "", "no wildcards");
    assert_eq!(found("/api/tags?tag=%E5%8B%95%E7%89%A9,3").await, "Cat 動物", "a union");
    assert_eq!(found("/api/tags?tag=1,2&tag=2,3").await, "小動物園", "an intersection");
    assert_eq!(found("/api/tags?date=20261120%2B&unknown=x").await, "2022 Cat 動物 小動物園");
    assert_eq!(found("/api/tags?date=20261120+").await, "2022 Cat 動物 小動物園");
    assert_eq!(found("/api/tags?date=2025~202610").await, "");
    assert_eq!(found("/api/tags?user=1").await, "", "ann has no pictures");
}

#[tokio::test]
async fn tags_are_counted_over_pictures_the_caller_sees() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let admin = kit.admin("root").await;
    tag(&kit, &ann, "a").await;
    for (key, public) in [("1", 1), ("2", 0)] {
        kit.sql(
            "INSERT INTO images (name, key, width, height, size, sha256, prompt, num_inference_steps, guidance_scale, scheduler, seed, public, user_id, created_at, updated_at) \
             VALUES ('', ?1, 1, 1, 1, '', '', 1, 1, 'DDIM', 0, ?2, 1, 0, 0)",
            [key.into(), public.into()],
        )
        .await;
    }
    kit.sql("INSERT INTO image_tags (image_id, tag_id) SELECT id, 1 FROM images", []).await;
    assert_eq!(kit.get("/api/tags/1").send().await.json()["count"], 1);
    assert_eq!(kit.get("/api/tags/1").by(&bob).send().await.json()["count"], 1);
    assert_eq!(kit.get("/api/tags/1").by(&ann).send().await.json()["count"], 2);
    assert_eq!(kit.get("/api/tags/1").by(&admin).send().await.json()["count"], 2);
    assert_eq!(kit.get("/api/tags?user=me").by(&ann).send().await.json()["total"], 1);
    assert_eq!(kit.get("/api/tags?user=me").send().await.error(), "unauthenticated:user");
}

/// A new model with a tag, inserted into the database.
async fn model(kit: &Kit, by: &Account, name: &str, public: bool, tag: i64) {
    kit.sql(
        "INSERT INTO models (name, type, base_model, key, status, public, user_id, created_at, updated_at) \
         VALUES (?1, 'lora', 'SD1.5', ?1, 'success', ?2, ?3, 0, 0)",
        [name.into(), public.into(), by.id.into()],
    )
    .await;
    kit.sql("INSERT INTO model_tags SELECT max(id), ?1, '布穀 穀鳥 鳥' FROM models", [tag.into()]).await;
}

#[tokio::test]
async fn the_tags_a_user_uses_are_those_of_their_images_and_models() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let [open, hidden, drawn] =
        [tag(&kit, &ann, "open").await, tag(&kit, &ann, "hidden").await, tag(&kit, &ann, "drawn").await];
    tag(&kit, &ann, "unused").await;
    model(&kit, &ann, "a", true, open).await;
    model(&kit, &ann, "b", false, hidden).await;
    let image = kit.image(ann.id, true).await;
    kit.sql("INSERT INTO image_tags (image_id, tag_id) VALUES (?1, ?2)", [image.into(), drawn.into()]).await;
    for (who, names) in [(&ann, vec!["drawn", "hidden", "open"]), (&bob, vec!["drawn", "open"])] {
        let page = kit.get(&format!("/api/tags?user={}&sort=name", ann.id)).by(who).send().await;
        assert_eq!(
            (page.column("name"), page.json()["total"].clone()),
            (names.iter().map(|n| n.to_string()).collect(), json!(names.len()))
        );
    }
}

#[tokio::test]
async fn models_are_found_by_the_new_name_of_a_tag() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let id = tag(&kit, &ann, "布穀鳥").await;
    model(&kit, &ann, "a", true, id).await;
    assert_eq!(kit.number("SELECT count(*) FROM models_search WHERE models_search MATCH '布穀'").await, 1);
    kit.batches();
    kit.patch(&format!("/api/tags/{id}"), json!({"name": "動物"})).by(&ann).send().await;
    assert_eq!(kit.batches(), 1);
    assert_eq!(kit.number("SELECT count(*) FROM models_search WHERE models_search MATCH '布穀'").await, 0);
    assert_eq!(kit.number("SELECT count(*) FROM models_search WHERE models_search MATCH '動物'").await, 1);
    kit.delete(&format!("/api/tags/{id}")).by(&ann).send().await;
    assert_eq!(kit.number("SELECT count(*) FROM models_search WHERE models_search MATCH '動物'").await, 0);
}

#[tokio::test]
async fn replies_are_those_of_the_golden_file() {
    let kit = kit();
    let ann = kit.user("ann").await;
    tag(&kit, &ann, "動物").await;
    golden::check(&kit, env!("CARGO_MANIFEST_DIR"), "tags", &ann, &["/api/tags", "/api/tags/1"]).await;
}

#[tokio::test]
async fn bad_requests_are_named_and_change_nothing() {
    let kit = kit();
    let ann = kit.user("ann").await;
    for (query, error) in [
        ("page=0", "invalid_parameter:page"),
        ("page=x", "invalid_parameter:page"),
        ("page=99999999999999999999", "invalid_parameter:page"),
        ("pageSize=101", "invalid_parameter:pageSize"),
        ("size=0", "invalid_parameter:size"),
        ("sort=nope", "unknown_sort:sort"),
        ("cursor=zzz", "invalid_cursor:cursor"),
        ("user=x", "invalid_parameter:user"),
        ("date=2022-02-14", "invalid_parameter:date"),
        ("tag=", "invalid_parameter:tag"),
    ] {
        let reply = kit.get(&format!("/api/tags?{query}")).send().await;
        assert_eq!((reply.status, reply.error().as_str()), (400, error), "{query}");
    }
    rules::refuses_malformed_bodies(&kit, "POST", "/api/tags", &ann).await;
    let refusals = [
        (json!({}), "400 missing_parameter:name"),
        (json!({"name": null}), "400 missing_parameter:name"),
        (json!({"name": 7}), "400 invalid_parameter:name"),
        (json!({"name": "a,b"}), "400 invalid_parameter:name"),
        (json!({"name": "  "}), "400 invalid_parameter:name"),
        (json!({"name": "長".repeat(65)}), "400 invalid_parameter:name"),
    ];
    rules::refuses_bodies(&kit, "POST", "/api/tags", &ann, &refusals).await;
    assert_eq!(kit.number("SELECT count(*) FROM tags").await, 0);
    let put = kit.call("PUT", "/api/tags").send().await;
    assert_eq!((put.status, put.error().as_str(), put.header("allow").is_empty()), (405, "method_not_allowed", false));
}

#[tokio::test]
async fn only_those_who_may_change_a_tag() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    let id = tag(&kit, &ann, "a").await;
    let path = format!("/api/tags/{id}");
    let rename = json!({"name": "b"});
    assert_eq!(kit.post("/api/tags", rename.clone()).send().await.status, 401);
    assert_eq!(kit.patch(&path, rename.clone()).send().await.error(), "unauthenticated");
    assert_eq!(kit.patch(&path, rename.clone()).by(&bob).send().await.error(), "forbidden");
    assert_eq!(kit.delete(&path).by(&bob).send().await.status, 403);
    assert_eq!(kit.delete("/api/tags/99").by(&bob).send().await.status, 404);
    assert_eq!(kit.patch(&path, rename).by(&root).send().await.status, 200);
    tag(&kit, &bob, "c").await;
    let taken = kit.patch(&path, json!({"name": "c"})).by(&ann).send().await;
    assert_eq!((taken.status, taken.error().as_str()), (409, "tag_exists:name"));
    assert_eq!(kit.patch(&path, json!({})).by(&ann).send().await.error(), "nothing_to_change");
}

#[tokio::test]
async fn tokens_end_with_their_sessions() {
    let kit = kit();
    let ann = kit.user("ann").await;
    assert_eq!(kit.get("/api/tags").by(&ann).send().await.status, 200);
    assert_eq!(kit.get("/api/tags").header("token", &ann.token).send().await.status, 200);
    for bad in ["x", "a.b.c", &ann.token[..ann.token.len() - 2], &format!("{}x", ann.token)] {
        assert_eq!(kit.get("/api/tags").bearer(bad).send().await.error(), "invalid_token");
    }
    let runner = web::mint_runner(&kit.config, web::RunnerToken { server_id: ann.id, epoch: 1 }, kit.now()).unwrap();
    assert_eq!(kit.get("/api/tags").bearer(&runner).send().await.error(), "invalid_token");
    let mut other = kit.config.clone();
    other.jwt_keys[0].1 = "another-key-another-key-another-key-x".into();
    let session = web::Session { user_id: ann.id, session_id: ann.session_id.clone() };
    let forged = web::mint_session(&other, &session, kit.now(), kit.now().plus(10_000)).unwrap();
    assert_eq!(kit.get("/api/tags").bearer(&forged).send().await.status, 401);
    let mut older = kit.config.clone();
    older.jwt_keys.reverse();
    let rotated = web::mint_session(&older, &session, kit.now(), kit.now().plus(10_000)).unwrap();
    assert_eq!(kit.get("/api/tags").bearer(&rotated).send().await.status, 200, "older keys still verify");

    kit.sql("DELETE FROM sessions", []).await;
    assert_eq!(kit.get("/api/tags").by(&ann).send().await.error(), "invalid_token");
    assert_eq!(kit.post("/api/tags", json!({"name": "a"})).by(&ann).send().await.status, 401);
    assert_eq!(kit.number("SELECT count(*) FROM tags").await, 0);
}

#[tokio::test]
async fn creating_again_with_the_same_key_replays() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let create = |name: &str, by| kit.post("/api/tags", json!({"name": name})).header("idempotency-key", "k 1").by(by);
    let first = create("a", &ann).send().await;
    assert_eq!(first.status, 201);
    kit.wait(60_000);
    let again = create("a", &ann).send().await;
    assert_eq!((again.status, &again.bytes, again.header("location")), (201, &first.bytes, first.header("location")));
    let other = create("b", &ann).send().await;
    assert_eq!((other.status, other.error().as_str()), (422, "idempotency_key_reused:Idempotency-Key"));
    assert_eq!(create("b", &bob).send().await.status, 201, "keys are each user's own");
    assert_eq!(kit.number("SELECT count(*) FROM tags").await, 2);
    kit.wait(24 * 60 * 60 * 1000);
    assert_eq!(create("c", &ann).send().await.status, 201, "forgotten after 24 h");
    let bad = kit.post("/api/tags", json!({"name": "d"})).header("idempotency-key", &"x".repeat(256)).by(&ann);
    assert_eq!(bad.send().await.error(), "invalid_idempotency_key:Idempotency-Key");
}

#[tokio::test]
async fn errors_speak_the_callers_language() {
    let kit = kit();
    for (accept, text, tag) in [
        ("zh-TW", "找不到此物件。", "zh-Hant"),
        ("zh-CN", "找不到该对象。", "zh-Hans"),
        ("fr", "There is no such object.", "en"),
    ] {
        let reply = kit.get("/api/tags/9").header("accept-language", accept).send().await;
        assert_eq!(reply.json()["error"]["message"], text);
        assert_eq!(reply.header("content-language"), tag);
    }
}

#[tokio::test]
async fn browsers_of_other_origins_may_ask() {
    let kit = kit();
    let preflight = kit.call("OPTIONS", "/api/tags").header("access-control-request-method", "PATCH").send().await;
    assert_eq!(preflight.status, 204);
    assert!(preflight.header("access-control-allow-methods").contains("PATCH"));
    assert_eq!(kit.get("/api/tags/").send().await.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn lists_read_no_more_than_they_show() {
    testkit::plans::check(&crate::routes(), &[]).await;
}
