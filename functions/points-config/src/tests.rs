//! The routes over in-memory SQLite with the real migrations.

use serde_json::{Value, json};
use testkit::rules::{self, CreatedBy, Resource, SeenBy};
use testkit::{Kit, golden};

#[test]
fn openapi_is_fresh() {
    Kit::check_openapi(&crate::routes(), env!("CARGO_MANIFEST_DIR"));
}

const PATH: &str = "/api/points-config";
/// The seed's rows.
const ROWS: i64 = 9;

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
async fn prices_keep_the_rules_of_every_resource() {
    let resource = Resource {
        path: PATH,
        create: &|n| price(&format!("m{n}")),
        change: Some(json!({"points_cost": 7})),
        seen_by: SeenBy::Everyone,
        created_by: CreatedBy::Administrators,
    };
    resource.check(&kit()).await;
}

#[tokio::test]
async fn replies_are_those_of_the_golden_file() {
    let kit = kit();
    let root = kit.admin("root").await;
    // The migration's rows have the time of the migration.
    kit.sql("UPDATE points_config SET created_at = 0, updated_at = 0", []).await;
    let paths = ["/api/points-config?page_size=1&sort=name", "/api/points-config/1"];
    golden::check(&kit, env!("CARGO_MANIFEST_DIR"), "points-config", &root, &paths).await;
}

#[tokio::test]
async fn the_seed_has_eight_prices_and_one_of_trainings() {
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
async fn a_price_may_name_a_checkpoint_that_is_ready() {
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
    let body = |id: i64| {
        let mut body = price(&format!("m{id}"));
        body["defaults"] = json!({"modelId": id});
        body
    };
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
    assert_eq!((made.status, made.header("location")), (201, "/api/points-config/10"), "{}", made.text());
    let expected = json!({"id": 10, "model_name": "dream", "description": "夢", "points_cost": 0,
        "task_type": "image_to_image", "aspect_ratio": "2:3", "size": 256,
        "defaults": {"num_inference_steps": 30, "guidance_scale": 5.0, "scheduler": "KLMS", "strength": 0.5,
            "negative_prompt": "模糊"},
        "standard": false, "enabled": false,
        "created_at": "2026-11-20T00:00:00.000Z", "updated_at": "2026-11-20T00:00:00.000Z"});
    assert_eq!(made.json(), expected);
    assert_eq!(kit.get("/api/points-config/10").send().await.json(), expected);

    kit.wait(5000);
    let change = json!({"points_cost": 1_000_000, "enabled": true, "defaults": {"strength": 1, "scheduler": null}});
    let changed = kit.patch("/api/points-config/10", change).by(&root).send().await;
    let mut expected = expected;
    expected["points_cost"] = json!(1_000_000);
    expected["enabled"] = json!(true);
    expected["defaults"] = json!({"strength": 1.0});
    expected["updated_at"] = json!("2026-11-20T00:00:05.000Z");
    assert_eq!((changed.status, changed.json()), (200, expected));

    assert_eq!(kit.delete("/api/points-config/10").by(&root).send().await.status, 204);
    let never = kit.get("/api/points-config/999").send().await;
    assert_eq!((never.status, kit.get("/api/points-config/10").send().await.bytes), (404, never.bytes));
    let plain = kit.post(PATH, price("plain")).by(&root).send().await.json();
    assert_eq!(
        (&plain["size"], &plain["aspect_ratio"], &plain["enabled"]),
        (&json!(512), &json!("auto"), &json!(true))
    );
}

#[tokio::test]
async fn version_0_has_keys_in_camel_case() {
    let kit = kit();
    let page = kit.get("/api/points-config?profile=v0&pageSize=1").send().await.json();
    let row = &page["list"][0];
    assert_eq!((&page["pageSize"], &row["modelName"]), (&json!(1), &json!("training")));
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
        ("task_type=%E8%A8%93%E7%B7%B4", 1),
        ("sort=cost&size=1&page=9", ROWS),
    ] {
        assert_eq!(kit.get(&format!("{PATH}?{query}")).send().await.json()["total"], total, "{query}");
    }
    let by_cost = kit.get("/api/points-config?sort=cost&size=6").send().await.json();
    assert_eq!((&by_cost["list"][4]["points_cost"], &by_cost["list"][5]["points_cost"]), (&json!(30), &json!(35)));
}

#[tokio::test]
async fn each_task_type_has_one_enabled_standard() {
    let kit = kit();
    let root = kit.admin("root").await;
    assert_eq!(standards(&kit).await, [1, 5, 9]);
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
    assert_eq!((standards(&kit).await, kit.number("SELECT count(*) FROM points_config").await), (vec![1, 5, 9], ROWS));

    // Another becomes standard, and the one before may be changed.
    assert_eq!(patch(2, json!({"standard": true})).send().await.json()["standard"], true);
    assert_eq!(standards(&kit).await, [2, 5, 9]);
    assert_eq!(patch(2, json!({"standard": true})).send().await.status, 200, "again");
    let mut new = price("new");
    new["standard"] = json!(true);
    assert_eq!(kit.post(PATH, new).by(&root).send().await.json()["standard"], true);
    assert_eq!(standards(&kit).await, [5, 9, 10]);
    assert_eq!(patch(3, json!({"task_type": "image_to_image", "standard": true})).send().await.status, 200);
    assert_eq!(standards(&kit).await, [3, 9, 10]);
    assert_eq!(kit.delete("/api/points-config/1").by(&root).send().await.status, 204);
    assert_eq!(patch(5, json!({"enabled": false})).send().await.status, 200);
    assert_eq!(standards(&kit).await, [3, 9, 10]);
}

#[tokio::test]
async fn errors_name_the_parameter_and_nothing_is_written() {
    let kit = kit();
    let root = kit.admin("root").await;
    rules::refuses_malformed_bodies(&kit, "POST", PATH, &root).await;
    let refusals = [
        (json!({}), "400 missing_parameter:model_name"),
        (json!({"model_name": "a"}), "400 missing_parameter:points_cost"),
        (json!({"model_name": "a", "points_cost": 1}), "400 missing_parameter:task_type"),
        (json!({"model_name": "a,b"}), "400 invalid_parameter:model_name"),
        (json!({"model_name": "a", "points_cost": -1}), "400 invalid_parameter:points_cost"),
        (json!({"model_name": "a", "points_cost": 1_000_001}), "400 invalid_parameter:points_cost"),
        (json!({"model_name": "a", "points_cost": 1.5}), "400 invalid_parameter:points_cost"),
        (json!({"model_name": "a", "points_cost": "1"}), "400 invalid_parameter:points_cost"),
        (json!({"model_name": "a", "points_cost": 1, "task_type": "video"}), "400 invalid_parameter:task_type"),
    ];
    rules::refuses_bodies(&kit, "POST", PATH, &root, &refusals).await;
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
        ("defaults", json!({"steps": null})),
        ("defaults", json!({"num_inference_steps": 0})),
        ("defaults", json!({"guidance_scale": 20.5})),
        ("defaults", json!({"scheduler": "DDPM"})),
        ("defaults", json!({"strength": 1.01})),
        ("defaults", json!({"strength": {}})),
        ("defaults", json!({"negative_prompt": "x".repeat(4001)})),
    ] {
        let mut body = price("a");
        body[field] = value.clone();
        let refusal = format!("400 invalid_parameter:{field}");
        rules::refuses_bodies(&kit, "POST", PATH, &root, &[(body, &refusal)]).await;
        let patch = json!({field: value});
        rules::refuses_bodies(&kit, "PATCH", "/api/points-config/1", &root, &[(patch, &refusal)]).await;
    }
    let named = json!({"defaults": {"guidanceScale": 0}});
    let reply = kit.patch("/api/points-config/1", named).by(&root).send().await.json();
    assert_eq!(reply["error"]["message"], "defaults.guidance_scale must be a number from 1 to 20.");
    let unknown = kit.patch("/api/points-config/1", json!({"defaults": {"steps": 5}})).by(&root).send().await.json();
    let message = unknown["error"]["message"].as_str().unwrap();
    assert!(message.contains("num_inference_steps, guidance_scale, scheduler"), "{message}");
    assert_eq!(kit.patch("/api/points-config/1", json!({"id": 3})).by(&root).send().await.error(), "nothing_to_change");
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
async fn strangers_may_not_change_a_price() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let change = json!({"points_cost": 1});
    assert_eq!(kit.patch("/api/points-config/99", change.clone()).by(&ann).send().await.refusal(), "404 not_found");
    assert_eq!(kit.patch("/api/points-config/2", change).by(&ann).send().await.refusal(), "403 forbidden");
    assert_eq!(kit.delete("/api/points-config/2").by(&ann).send().await.refusal(), "403 forbidden");
    assert_eq!(kit.number("SELECT count(*) FROM points_config WHERE points_cost IN (20, 30, 35)").await, ROWS);
}

#[tokio::test]
async fn model_names_are_unique() {
    let kit = kit();
    let root = kit.admin("root").await;
    let taken = kit.post(PATH, price("sc_soraimg_text_1x1")).by(&root).send().await;
    assert_eq!(taken.refusal(), "409 name_taken:model_name");
    let rename = json!({"model_name": "sc_soraimg_text_auto"});
    let renamed = kit.patch("/api/points-config/2", rename).by(&root).send().await;
    assert_eq!(renamed.refusal(), "409 name_taken:model_name");
}

#[tokio::test]
async fn a_new_standard_is_one_transaction_and_watchers_see_it() {
    let kit = kit();
    let root = kit.admin("root").await;
    kit.batches();
    let changed = kit.patch("/api/points-config/2", json!({"standard": true, "points_cost": 7})).by(&root).send().await;
    assert_eq!((changed.status, kit.batches()), (200, 1), "{}", changed.text());
    let published = kit.published().await;
    let [(room, event)] = published.as_slice() else { panic!("{published:?}") };
    let frame: Value = serde_json::from_str(event.public.as_ref().unwrap().text("v1").unwrap()).unwrap();
    assert_eq!((room.as_str(), frame, event.end), ("points-config/2", changed.json(), false));
}

#[tokio::test]
async fn lists_read_no_more_than_they_show() {
    testkit::plans::check(&crate::routes(), &[]).await;
}
