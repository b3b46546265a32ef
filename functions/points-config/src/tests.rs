//! The routes over in-memory SQLite with the real migrations.

use edge::native::Kit;
use serde_json::{Value, json};

#[test]
fn openapi_is_fresh() {
    Kit::check_openapi(&crate::routes(), env!("CARGO_MANIFEST_DIR"));
}

const PATH: &str = "/api/points-config";
/// The seed's rows.
const ROWS: i64 = 8;

fn kit() -> Kit {
    Kit::new(crate::routes())
}

fn price(name: &str) -> Value {
    json!({"model_name": name, "points_cost": 12, "task_type": "text_to_image"})
}

async fn standards(kit: &Kit) -> Vec<i64> {
    let page = kit.get("/api/points-config?standard=true&enabled=true&sort=name").send().await.json();
    let mut ids: Vec<i64> = page["list"].as_array().unwrap().iter().filter_map(|p| p["id"].as_i64()).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn the_price_list_of_the_seed() {
    let kit = kit();
    let page = kit.get("/api/points-config?sort=name").send().await.json();
    let row = |i: usize| {
        let p = &page["list"][i];
        (p["model_name"].clone(), p["points_cost"].clone(), p["task_type"].clone(), p["aspect_ratio"].clone())
    };
    assert_eq!(page["total"], ROWS);
    assert_eq!(row(0), (json!("sc_soraimg_img2img_1x1"), json!(35), json!("image_to_image"), json!("1:1")));
    assert_eq!(row(7), (json!("sc_soraimg_text_auto"), json!(30), json!("text_to_image"), json!("auto")));
    assert_eq!(page["list"][7]["description"], "速创生图 文生图-自动比例");
    assert_eq!((&page["list"][7]["standard"], &page["list"][7]["defaults"]), (&json!(true), &json!({})));
}

#[tokio::test]
async fn a_price_may_name_a_whole_model_that_is_ready() {
    let kit = kit();
    let root = kit.admin("root").await;
    for (id, kind, status) in [(5, "ckp", "success"), (6, "lora", "success"), (7, "ckp", "running")] {
        kit.sql(
            "INSERT INTO models (id, name, type, base_model, key, status, user_id, created_at, updated_at) \
             VALUES (?1, 'a', ?2, 'SD1.5', 'up/' || ?1, ?3, ?4, 0, 0)",
            [i64::from(id).into(), kind.into(), status.into(), root.id.into()],
        )
        .await;
    }
    let body = |id: i64| json!({"model_name": format!("m{id}"), "points_cost": 1, "task_type": "text_to_image", "defaults": {"modelId": id}});
    for id in [6, 7, 8] {
        let made = kit.post(PATH, body(id)).by(&root).send().await;
        assert_eq!((made.status, made.error().as_str()), (409, "model_not_ready"), "{id}");
        let changed = kit.patch(&format!("{PATH}/1"), json!({"defaults": {"model_id": id}})).by(&root).send().await;
        assert_eq!((changed.status, changed.error().as_str()), (409, "model_not_ready"), "{id}");
    }
    let call = || kit.post(PATH, body(5)).header("idempotency-key", "k").by(&root).send();
    let made = call().await;
    assert_eq!((made.status, &made.json()["defaults"]), (201, &json!({"model_id": 5})), "{}", made.text());
    kit.sql("DELETE FROM models", []).await;
    assert_eq!(call().await.bytes, made.bytes, "a repeat is answered as before");
}

#[tokio::test]
async fn a_price_from_beginning_to_end() {
    let kit = kit();
    let root = kit.admin("root").await;
    let body = json!({"modelName": " dream ", "description": "夢", "points_cost": 0, "task_type": "image_to_image",
        "aspectRatio": "2:3", "size": 256, "enabled": false,
        "defaults": {"numInferenceSteps": 30.0, "guidance_scale": 5, "scheduler": "KLMS", "strength": 0.5,
            "negative_prompt": " 模糊 "}});
    let made = kit.post(PATH, body).by(&root).send().await;
    assert_eq!((made.status, made.header("location")), (201, "/api/points-config/9"), "{}", made.text());
    let expected = json!({"id": 9, "model_name": "dream", "description": "夢", "points_cost": 0,
        "task_type": "image_to_image", "aspect_ratio": "2:3", "size": 256,
        "defaults": {"num_inference_steps": 30, "guidance_scale": 5.0, "scheduler": "KLMS", "strength": 0.5,
            "negative_prompt": "模糊"},
        "standard": false, "enabled": false,
        "created_at": "2026-11-20T00:00:00.000Z", "updated_at": "2026-11-20T00:00:00.000Z"});
    assert_eq!(made.json(), expected);
    assert_eq!(kit.get("/api/points-config/9").send().await.json(), expected);

    kit.wait(5000);
    let change = json!({"points_cost": 1_000_000, "enabled": true, "defaults": {"strength": 1, "scheduler": null}});
    let changed = kit.patch("/api/points-config/9", change).by(&root).send().await;
    let mut expected = expected;
    expected["points_cost"] = json!(1_000_000);
    expected["enabled"] = json!(true);
    expected["defaults"] = json!({"strength": 1.0});
    expected["updated_at"] = json!("2026-11-20T00:00:05.000Z");
    assert_eq!((changed.status, changed.json()), (200, expected));

    assert_eq!(kit.delete("/api/points-config/9").by(&root).send().await.status, 204);
    let never = kit.get("/api/points-config/999").send().await;
    assert_eq!((never.status, kit.get("/api/points-config/9").send().await.bytes), (404, never.bytes));
    let plain = kit.post(PATH, price("plain")).by(&root).send().await.json();
    assert_eq!(
        (&plain["size"], &plain["aspect_ratio"], &plain["enabled"]),
        (&json!(512), &json!("auto"), &json!(true))
    );
}

#[tokio::test]
async fn the_earlier_profile() {
    let kit = kit();
    let page = kit.get("/api/points-config?profile=v0&pageSize=1").send().await.json();
    let row = &page["list"][0];
    assert_eq!((&page["pageSize"], &row["modelName"]), (&json!(1), &json!("sc_soraimg_img2img_3x2")));
    assert!(row["pointsCost"].is_i64() && row["createdAt"].is_string() && row.get("points_cost").is_none());
}

#[tokio::test]
async fn filters_and_search() {
    let kit = kit();
    let root = kit.admin("root").await;
    kit.patch("/api/points-config/2", json!({"enabled": false, "description": "Nothing"})).by(&root).send().await;
    for (query, total) in [
        ("task_type=text_to_image", 4),
        ("taskType=text_to_image,image_to_image", 8),
        ("task_type=text_to_image&task_type=image_to_image", 0),
        ("enabled=false", 1),
        ("enabled=true&task_type=text_to_image", 3),
        ("search=%E6%96%87%E7%94%9F%E5%9B%BE", 3),
        ("search=IMG2IMG", 4),
        ("search=nothing", 1),
        ("date=20000101-", 0),
        ("sort=cost&size=1&page=8", 8),
    ] {
        assert_eq!(kit.get(&format!("{PATH}?{query}")).send().await.json()["total"], total, "{query}");
    }
    let by_cost = kit.get("/api/points-config?sort=cost&size=5").send().await.json();
    assert_eq!((&by_cost["list"][3]["points_cost"], &by_cost["list"][4]["points_cost"]), (&json!(30), &json!(35)));
}

#[tokio::test]
async fn of_each_type_one_enabled_row_is_standard() {
    let kit = kit();
    let root = kit.admin("root").await;
    assert_eq!(standards(&kit).await, [1, 5]);
    let patch = |id: i64, body: Value| kit.patch(&format!("{PATH}/{id}"), body).by(&root);
    for body in [
        json!({"standard": false}),
        json!({"enabled": false}),
        json!({"task_type": "image_to_image"}),
        json!({"task_type": "image_to_image", "standard": true}),
        json!({"task_type": "image_to_image", "standard": false}),
    ] {
        let refused = patch(1, body.clone()).send().await;
        assert_eq!((refused.status, refused.error().split(':').next()), (409, Some("standard_price")), "{body}");
    }
    assert_eq!(patch(2, json!({"standard": true, "enabled": false})).send().await.error(), "standard_price");
    assert_eq!(kit.delete("/api/points-config/1").by(&root).send().await.error(), "standard_price");
    let off =
        json!({"model_name": "x", "points_cost": 1, "task_type": "text_to_image", "standard": true, "enabled": false});
    assert_eq!(kit.post(PATH, off).by(&root).send().await.error(), "standard_price");
    assert_eq!((standards(&kit).await, kit.number("SELECT count(*) FROM points_config").await), (vec![1, 5], ROWS));

    // Another takes the place, and the one before is free.
    assert_eq!(patch(2, json!({"standard": true})).send().await.json()["standard"], true);
    assert_eq!(standards(&kit).await, [2, 5]);
    assert_eq!(patch(2, json!({"standard": true})).send().await.status, 200, "again");
    let mut new = price("new");
    new["standard"] = json!(true);
    assert_eq!(kit.post(PATH, new).by(&root).send().await.json()["standard"], true);
    assert_eq!(standards(&kit).await, [5, 9]);
    assert_eq!(patch(3, json!({"task_type": "image_to_image", "standard": true})).send().await.status, 200);
    assert_eq!(standards(&kit).await, [3, 9]);
    assert_eq!(kit.delete("/api/points-config/1").by(&root).send().await.status, 204);
    assert_eq!(patch(5, json!({"enabled": false})).send().await.status, 200);
    assert_eq!(standards(&kit).await, [3, 9]);
}

#[tokio::test]
async fn bad_requests_are_named_and_change_nothing() {
    let kit = kit();
    let root = kit.admin("root").await;
    for (body, error) in [
        ("", "malformed_json"),
        ("[]", "malformed_json"),
        ("{\"model_name\":\"\\ud800\"}", "malformed_json"),
        ("{}", "missing_parameter:model_name"),
        ("{\"model_name\":\"a\"}", "missing_parameter:points_cost"),
        ("{\"model_name\":\"a\",\"points_cost\":1}", "missing_parameter:task_type"),
        ("{\"model_name\":\"a,b\"}", "invalid_parameter:model_name"),
        ("{\"model_name\":\"a\",\"points_cost\":-1}", "invalid_parameter:points_cost"),
        ("{\"model_name\":\"a\",\"points_cost\":1000001}", "invalid_parameter:points_cost"),
        ("{\"model_name\":\"a\",\"points_cost\":1.5}", "invalid_parameter:points_cost"),
        ("{\"model_name\":\"a\",\"points_cost\":\"1\"}", "invalid_parameter:points_cost"),
        ("{\"model_name\":\"a\",\"points_cost\":1,\"task_type\":\"video\"}", "invalid_parameter:task_type"),
    ] {
        let reply = kit.call("POST", PATH).body("application/json", body).by(&root).send().await;
        assert_eq!((reply.status, reply.error().as_str()), (400, error), "{body}");
    }
    for (field, value) in [
        ("aspect_ratio", json!("16:9")),
        ("size", json!(63)),
        ("size", json!(60)),
        ("size", json!(1032)),
        ("standard", json!(1)),
        ("enabled", json!("yes")),
        ("description", json!("x".repeat(501))),
        ("defaults", json!([])),
        ("defaults", json!("{}")),
        ("defaults", json!({"steps": 5})),
        ("defaults", json!({"prompt": "a"})),
        ("defaults", json!({"num_inference_steps": 0})),
        ("defaults", json!({"guidance_scale": 20.5})),
        ("defaults", json!({"scheduler": "DDPM"})),
        ("defaults", json!({"strength": 1.01})),
        ("defaults", json!({"strength": {}})),
        ("defaults", json!({"negative_prompt": "x".repeat(4001)})),
    ] {
        let mut body = price("a");
        body[field] = value.clone();
        let error = format!("invalid_parameter:{field}");
        assert_eq!(kit.post(PATH, body).by(&root).send().await.error(), error, "{value}");
        let mut patch = json!({});
        patch[field] = value.clone();
        assert_eq!(kit.patch("/api/points-config/1", patch).by(&root).send().await.error(), error, "{value}");
    }
    let named = json!({"defaults": {"guidanceScale": 0}});
    let reply = kit.patch("/api/points-config/1", named).by(&root).send().await.json();
    assert_eq!(reply["error"]["message"], "defaults.guidance_scale must be a number from 1 to 20.");
    assert_eq!(kit.patch("/api/points-config/1", json!({"id": 3})).by(&root).send().await.error(), "nothing_to_change");
    let huge = kit.call("POST", PATH).body("application/json", vec![b' '; 10 << 20]).by(&root).send().await;
    assert_eq!(huge.status, 413);
    for query in ["task_type=x", "enabled=2", "sort=points"] {
        assert_eq!(kit.get(&format!("{PATH}?{query}")).send().await.status, 400, "{query}");
    }
    for id in ["0", "x", "9007199254740992", "%00"] {
        assert_eq!(kit.patch(&format!("{PATH}/{id}"), json!({"size": 64})).by(&root).send().await.status, 404, "{id}");
    }
    let unchanged =
        "SELECT count(*) FROM points_config WHERE updated_at = created_at AND defaults = '{}' AND size = 512";
    assert_eq!(kit.number(unchanged).await, ROWS);
}

#[tokio::test]
async fn only_administrators_write_and_names_are_taken_once() {
    let kit = kit();
    let (ann, root) = (kit.user("ann").await, kit.admin("root").await);
    assert_eq!(kit.post(PATH, price("a")).send().await.error(), "unauthenticated");
    assert_eq!(kit.post(PATH, price("a")).by(&ann).send().await.error(), "forbidden");
    let change = json!({"points_cost": 1});
    assert_eq!(kit.patch("/api/points-config/2", change.clone()).by(&ann).send().await.error(), "forbidden");
    assert_eq!(kit.patch("/api/points-config/99", change.clone()).by(&ann).send().await.error(), "not_found");
    assert_eq!(kit.delete("/api/points-config/2").by(&ann).send().await.error(), "forbidden");
    assert_eq!(kit.delete("/api/points-config/2").send().await.status, 401);
    assert_eq!(kit.number("SELECT count(*) FROM points_config WHERE points_cost IN (30, 35)").await, ROWS);

    let taken = kit.post(PATH, price("sc_soraimg_text_1x1")).by(&root).send().await;
    assert_eq!((taken.status, taken.error().as_str()), (409, "name_taken:model_name"));
    let renamed =
        kit.patch("/api/points-config/2", json!({"model_name": "sc_soraimg_text_auto"})).by(&root).send().await;
    assert_eq!(renamed.error(), "name_taken:model_name");
    let reader = kit.key(&root, &["read", "tasks"]).await;
    assert_eq!(kit.patch("/api/points-config/2", change).by(&reader).send().await.error(), "missing_scope");
}

#[tokio::test]
async fn creating_again_with_the_same_key_replays() {
    let kit = kit();
    let root = kit.admin("root").await;
    let create = |name: &str| kit.post(PATH, price(name)).header("idempotency-key", "k").by(&root);
    let first = create("a").send().await;
    let again = create("a").send().await;
    assert_eq!((first.status, again.status, &again.bytes), (201, 201, &first.bytes));
    assert_eq!(create("b").send().await.status, 422);
    assert_eq!(kit.number("SELECT count(*) FROM points_config").await, ROWS + 1);
}

#[tokio::test]
async fn one_round_trip_each_and_watchers_are_told() {
    let kit = kit();
    let root = kit.admin("root").await;
    kit.batches();
    kit.get(PATH).send().await;
    assert_eq!(kit.batches(), 1, "list");
    kit.post(PATH, price("a")).header("idempotency-key", "k").by(&root).send().await;
    assert_eq!(kit.batches(), 1, "create");
    kit.get("/api/points-config/9").by(&root).send().await;
    assert_eq!(kit.batches(), 1, "read");
    kit.patch("/api/points-config/9", json!({"standard": true, "points_cost": 7})).by(&root).send().await;
    assert_eq!(kit.batches(), 1, "update");
    kit.delete("/api/points-config/2").by(&root).send().await;
    assert_eq!(kit.batches(), 1, "delete");
    let told = kit.told().await;
    let rooms: Vec<_> = told.iter().map(|(room, _)| room.as_str()).collect();
    assert_eq!(rooms, ["points-config/9", "points-config/2"]);
    assert!(told[0].1.public.as_ref().unwrap().v1.contains("\"points_cost\":7") && told[1].1.end);
}
