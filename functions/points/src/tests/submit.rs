//! Submitting: models, images to start from, sizes, idempotency, refusals.

use serde_json::{Value, json};
use testkit::Kit;

use super::{balance, data, kit, read, refused, send, submit};

/// The runner's parameters of the last task.
async fn params(kit: &Kit) -> Value {
    let rows = kit.sql("SELECT params FROM tasks ORDER BY id DESC LIMIT 1", []).await;
    serde_json::from_str(rows.first().unwrap().text("params").unwrap()).unwrap()
}

#[tokio::test]
async fn a_task_is_queued_and_charged() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let answer = data(&send(&kit, &ann, json!({"modelName": "sc_soraimg_text_2x3", "prompt": " 一只猫 "})).await);
    let number = answer["taskNo"].as_str().unwrap();
    assert!(number.starts_with("TASK-20261120080000000-"), "{number}: in Shanghai");
    assert_eq!(answer, json!({"taskNo": number, "status": "queued"}));
    assert_eq!(balance(&kit, &ann).await, 100_000 - 30);
    let params = params(&kit).await;
    for (name, value) in [
        ("prompt", json!("一只猫")),
        ("negative_prompt", json!("")),
        ("width", json!(512)),
        ("height", json!(768)),
        ("num_inference_steps", json!(20)),
        ("guidance_scale", json!(7.5)),
        ("scheduler", json!("DDIM")),
        ("n", json!(1)),
    ] {
        assert_eq!(params[name], value, "{name}");
    }
    assert!(params["seed"].is_u64() && params.get("from_images").is_none() && params.get("strength").is_none());
    assert_eq!(kit.number("SELECT public FROM tasks").await, 0, "its images are private");
    assert_eq!(kit.number("SELECT deadline - created_at FROM tasks").await, 170_000);
    kit.settle().await;
    assert_eq!(kit.number("SELECT count(*) FROM queue_messages WHERE queue = 'inference'").await, 1);
}

#[tokio::test]
async fn image_urls_are_read_in_every_form_that_clients_send() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let (one, two) = ("https://example.com/1.png", "http://example.com/2.jpg?x=[1]");
    for (given, shown, used) in [
        (json!(one), json!(one), json!([one])),
        (json!([one, two]), json!(json!([one, two]).to_string()), json!([one, two])),
        (json!(json!([one, two]).to_string()), json!(json!([one, two]).to_string()), json!([one, two])),
        (json!([one]), json!(one), json!([one])),
        (json!(format!(" [\"{one}\"]")), json!(one), json!([one])),
    ] {
        let body = json!({"modelName": "sc_soraimg_img2img_1x1", "prompt": "a", "imageUrl": given, "extra": 1});
        let answer = data(&send(&kit, &ann, body).await);
        let params = params(&kit).await;
        assert_eq!((&params["from_images"], &params["strength"]), (&used, &json!(0.75)), "{given}");
        let task = read(&kit, &ann, answer["taskNo"].as_str().unwrap()).await;
        assert_eq!((&task["imageUrl"], &task["taskType"]), (&shown, &json!("image_to_image")), "{given}");
    }
    for none in [json!(null), json!(""), json!(" "), json!([]), json!("[]")] {
        let body = |model: &str| json!({"modelName": model, "prompt": "a", "imageUrl": none});
        data(&send(&kit, &ann, body("sc_soraimg_text_auto")).await);
        let missing = send(&kit, &ann, body("sc_soraimg_img2img_auto")).await;
        assert_eq!(refused(&missing), "400 missing_parameter:imageUrl", "{none}");
    }
}

#[tokio::test]
async fn errors_name_the_parameter_and_no_points_are_taken() {
    let kit = kit();
    let ann = kit.user("ann").await;
    kit.sql("UPDATE points_config SET enabled = 0 WHERE model_name = 'sc_soraimg_text_3x2'", []).await;
    let url = "https://example.com/1.png";
    let image = |given: Value| json!({"modelName": "sc_soraimg_img2img_1x1", "prompt": "a", "imageUrl": given});
    let text = |model: Value, prompt: Value| json!({"modelName": model, "prompt": prompt});
    let known = || json!("sc_soraimg_text_1x1");
    for (body, error) in [
        (text(json!("nobody"), json!("a")), "unknown_model:modelName"),
        (text(json!("sc_soraimg_text_3x2"), json!("a")), "unknown_model:modelName"),
        (text(json!("SC_SORAIMG_TEXT_1X1"), json!("a")), "unknown_model:modelName"),
        (text(json!("' OR 1 = 1 --"), json!("a")), "unknown_model:modelName"),
        (text(json!("x".repeat(101)), json!("a")), "invalid_parameter:modelName"),
        (text(json!(""), json!("a")), "invalid_parameter:modelName"),
        (text(json!(7), json!("a")), "invalid_parameter:modelName"),
        (json!({"prompt": "a"}), "missing_parameter:modelName"),
        (json!({"modelName": known()}), "missing_parameter:prompt"),
        (text(known(), json!(null)), "missing_parameter:prompt"),
        (text(known(), json!("")), "invalid_parameter:prompt"),
        (text(known(), json!("x".repeat(4001))), "invalid_parameter:prompt"),
        (text(known(), json!(["a"])), "invalid_parameter:prompt"),
        (text(known(), json!("a\u{0}")), "invalid_parameter:prompt"),
        (image(json!(7)), "invalid_parameter:imageUrl"),
        (image(json!(true)), "invalid_parameter:imageUrl"),
        (image(json!({"url": url})), "invalid_parameter:imageUrl"),
        (image(json!("photo.jpg")), "invalid_parameter:imageUrl"),
        (image(json!("file:///etc/passwd")), "invalid_parameter:imageUrl"),
        (image(json!("data:image/png;base64,AAAA")), "invalid_parameter:imageUrl"),
        (image(json!("http://127.0.0.1/a.png")), "invalid_parameter:imageUrl"),
        (image(json!("http://169.254.169.254/latest")), "invalid_parameter:imageUrl"),
        (image(json!([url, "http://localhost/a.png"])), "invalid_parameter:imageUrl"),
        (image(json!([url, ""])), "invalid_parameter:imageUrl"),
        (image(json!([url, null])), "invalid_parameter:imageUrl"),
        (image(json!([[url]])), "invalid_parameter:imageUrl"),
        (image(json!("[\"https://example.com/1.png\"")), "invalid_parameter:imageUrl"),
        (image(json!("[1]")), "invalid_parameter:imageUrl"),
        (image(json!(vec![url; 9])), "invalid_parameter:imageUrl"),
        (image(json!(format!("{url}?{}", "x".repeat(2048)))), "invalid_parameter:imageUrl"),
        (image(json!("[".repeat(30_000))), "invalid_parameter:imageUrl"),
        (json!({"modelName": known(), "prompt": "a", "imageUrl": url}), "invalid_parameter:imageUrl"),
        (json!([]), "malformed_json"),
        (json!(null), "malformed_json"),
    ] {
        let reply = send(&kit, &ann, body.clone()).await;
        let shown: String = body.to_string().chars().take(200).collect();
        assert_eq!(refused(&reply), format!("400 {error}"), "{shown}");
    }
    for body in ["", "{", r#"{"modelName":"sc_soraimg_text_1x1","prompt":"\ud800"}"#] {
        let call = kit.call("POST", "/user/ai/tasks/submit").body("application/json", body).by(&ann);
        assert_eq!(refused(&call.send().await), "400 malformed_json", "{body}");
    }
    assert_eq!(kit.number("SELECT count(*) FROM tasks").await, 0);
    assert_eq!(balance(&kit, &ann).await, 100_000);
}

#[tokio::test]
async fn a_task_that_costs_more_than_the_balance_is_refused() {
    let kit = kit();
    let ann = kit.user("ann").await;
    kit.sql("UPDATE grants SET expired_at = 1", []).await;
    kit.grant(ann.id, 59).await;
    submit(&kit, &ann).await;
    let reply = send(&kit, &ann, json!({"modelName": "sc_soraimg_text_1x1", "prompt": "a"})).await;
    assert_eq!(refused(&reply), "402 insufficient_points");
    assert!(reply.json()["message"].as_str().unwrap().contains("积分不足"));
    assert_eq!((balance(&kit, &ann).await, kit.number("SELECT count(*) FROM tasks").await), (29, 1));
    kit.sql("UPDATE points_config SET points_cost = 29 WHERE model_name = 'sc_soraimg_text_1x1'", []).await;
    submit(&kit, &ann).await;
    assert_eq!(balance(&kit, &ann).await, 0);
}

#[tokio::test]
async fn the_size_follows_the_model_or_the_image() {
    let kit = kit();
    let ann = kit.user("ann").await;
    kit.sql("UPDATE points_config SET size = 64", []).await;
    let token = "0f".repeat(16);
    kit.sql(
        "INSERT INTO uploads (key, content_type, size, width, height, user_id, created_at, updated_at) \
         VALUES (?1, 'image/png', 1, 300, 200, ?2, 0, 0)",
        [format!("up/{token}.png").into(), ann.id.into()],
    )
    .await;
    let (own, outside) = (format!("/files/up/{token}.png"), "https://example.com/a.png");
    let (absolute, gone) = (format!("https://easel.example{own}"), format!("/files/up/{}.png", "1f".repeat(16)));
    for (model, images, expected) in [
        ("sc_soraimg_text_auto", json!(null), (64, 64)),
        ("sc_soraimg_text_3x2", json!(null), (96, 64)),
        ("sc_soraimg_img2img_auto", json!(own), (96, 64)),
        ("sc_soraimg_img2img_auto", json!(absolute), (96, 64)),
        ("sc_soraimg_img2img_auto", json!([outside, own]), (64, 64)),
        ("sc_soraimg_img2img_auto", json!(gone), (64, 64)),
        ("sc_soraimg_img2img_2x3", json!(own), (64, 96)),
    ] {
        let body = json!({"modelName": model, "prompt": "a", "imageUrl": images});
        let call = kit.post("https://easel.example/user/ai/tasks/submit", body).by(&ann);
        data(&call.send().await);
        let params = params(&kit).await;
        assert_eq!((&params["width"], &params["height"]), (&json!(expected.0), &json!(expected.1)), "{model} {images}");
    }
}

#[tokio::test]
async fn the_price_list_sets_default_parameters() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let defaults = json!({"num_inference_steps": 9, "guidance_scale": 3.5, "negative_prompt": "fog", "strength": 0.5});
    kit.sql("UPDATE points_config SET defaults = ?1", [defaults.to_string().into()]).await;
    let url = "https://example.com/1.png";
    let body = json!({"modelName": "sc_soraimg_img2img_1x1", "prompt": "a", "imageUrl": url});
    data(&send(&kit, &ann, body.clone()).await);
    let params = params(&kit).await;
    for (name, value) in defaults.as_object().unwrap() {
        assert_eq!(&params[name], value, "{name}");
    }
    // Invalid defaults are not the caller's fault.
    kit.sql("UPDATE points_config SET defaults = '{\"num_inference_steps\": \"x\"}'", []).await;
    assert_eq!(refused(&send(&kit, &ann, body).await), "500 internal_error");
}

#[tokio::test]
async fn the_price_list_sets_the_checkpoint() {
    let kit = kit();
    let ann = kit.user("ann").await;
    kit.sql(
        "INSERT INTO models (id, name, type, base_model, key, size, sha256, status, user_id, created_at, updated_at) \
         VALUES (7, '水墨', 'ckp', 'SD1.5', 'up/a.bin', 77, '5f', 'success', ?1, 0, 0)",
        [kit.user("bob").await.id.into()],
    )
    .await;
    kit.sql("UPDATE points_config SET defaults = '{\"model_id\":7}' WHERE model_name = 'sc_soraimg_text_1x1'", [])
        .await;
    // An administrator chose it, so the caller need not see it.
    let body = json!({"modelName": "sc_soraimg_text_1x1", "prompt": "a"});
    data(&send(&kit, &ann, body.clone()).await);
    let checkpoint = json!({"model_id": 7, "name": "水墨", "size": 77, "sha256": "5f"});
    assert_eq!(params(&kit).await["model"], checkpoint);
    kit.sql("UPDATE models SET status = 'error'", []).await;
    assert_eq!(refused(&send(&kit, &ann, body).await), "400 unknown_model:modelName");
}

#[tokio::test]
async fn a_repeat_with_the_same_key_is_one_task_and_one_debit() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let call = |prompt: &str| {
        let body = json!({"modelName": "sc_soraimg_text_1x1", "prompt": prompt});
        kit.post("/user/ai/tasks/submit", body).header("idempotency-key", "k").by(&ann)
    };
    let first = call("a").send().await;
    kit.wait(1000);
    for profile in ["v0", "v1"] {
        let again = call("a").header("x-api-profile", profile).send().await;
        assert_eq!((first.status, &first.bytes), (again.status, &again.bytes));
    }
    kit.sql("UPDATE points_config SET enabled = 0", []).await;
    let late = call("a").send().await;
    assert_eq!((late.status, &late.bytes), (200, &first.bytes), "whatever has become of the model");
    assert_eq!(refused(&call("b").send().await), "422 idempotency_key_reused:Idempotency-Key");
    assert_eq!(kit.number("SELECT count(*) FROM tasks").await, 1);
    assert_eq!(balance(&kit, &ann).await, 100_000 - 30);
}

#[tokio::test]
async fn a_number_that_is_taken_is_replaced_by_another() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let first = submit(&kit, &ann).await;
    let (time, digits) = first.rsplit_once('-').unwrap();
    // The kit's random bytes count up: the numbers that come next are known.
    let next: i64 = digits.parse().unwrap();
    for taken in next + 1..next + 12 {
        kit.sql(
            "INSERT INTO tasks (name, type, status, params, user_id, task_no, created_at, updated_at) \
             VALUES ('x', 'inference', 'ready', '{}', ?1, ?2, 0, 0)",
            [bob.id.into(), format!("{time}-{taken:04}").into()],
        )
        .await;
    }
    let second = submit(&kit, &ann).await;
    assert!(second.starts_with(time) && second != first);
    assert_eq!(balance(&kit, &ann).await, 100_000 - 60);
}
