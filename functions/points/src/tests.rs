//! The routes over in-memory SQLite with the real migrations. What runners do is tested in `callbacks`.

mod balance;
mod life;
mod submit;
mod watching;

use serde_json::{Value, json};
use testkit::{Account, Kit, Reply};

fn kit() -> Kit {
    Kit::new(crate::routes())
}

/// The `data` of a success.
#[track_caller]
fn data(reply: &Reply) -> Value {
    let json = reply.json();
    assert_eq!((reply.status, &json["code"], &json["message"]), (200, &json!(200), &json!("success")), "{json}");
    json["data"].clone()
}

/// `status code:param` of an error, which must be in the envelope and in Chinese.
#[track_caller]
fn refused(reply: &Reply) -> String {
    let json = reply.json();
    assert_eq!((&json["code"], &json["data"]), (&json!(reply.status), &Value::Null), "{json}");
    assert!(json["message"].as_str().is_some_and(|text| text.chars().any(|c| c > '\u{4e00}')), "{json}");
    format!("{} {}", reply.status, reply.error())
}

async fn send(kit: &Kit, by: &Account, body: Value) -> Reply {
    kit.post("/user/ai/tasks/submit", body).by(by).send().await
}

/// Submits a task from text and returns its number.
async fn submit(kit: &Kit, by: &Account) -> String {
    let reply = send(kit, by, json!({"modelName": "sc_soraimg_text_1x1", "prompt": "一只可爱的柴犬"})).await;
    data(&reply)["taskNo"].as_str().unwrap().to_string()
}

async fn read(kit: &Kit, by: &Account, number: &str) -> Value {
    data(&kit.get(&format!("/user/ai/tasks/{number}")).by(by).send().await)
}

async fn balance(kit: &Kit, by: &Account) -> i64 {
    let reply = kit.get("/user/points/consumption/balance").by(by).send().await;
    data(&reply)["balance"].as_i64().unwrap()
}

/// A redeem code that gives 50 points for an hour, to as many people as `uses` says.
async fn code(kit: &Kit, number: usize, uses: i64) -> String {
    let digits = domain::redeem_code::digits(b"key", "nonce", number);
    kit.sql(
        "INSERT INTO redeem_codes (hash, prefix, batch, points, max_uses, grant_ms, created_at, updated_at) \
         VALUES (?1, 'X', 'x', 50, ?2, 3600000, 0, 0) ON CONFLICT DO NOTHING",
        [web::sha256_hex(digits.as_bytes()).into(), uses.into()],
    )
    .await;
    domain::redeem_code::grouped(&digits)
}

#[test]
fn openapi_is_fresh() {
    Kit::check_openapi(&crate::routes(), env!("CARGO_MANIFEST_DIR"));
}

#[tokio::test]
async fn errors_are_in_chinese_whatever_language_was_asked_for() {
    let kit = kit();
    let ann = kit.user("ann").await;
    for (method, path) in [
        ("POST", "/user/ai/tasks/submit"),
        ("GET", "/user/ai/tasks/list"),
        ("GET", "/user/ai/tasks/TASK-20261120080000000-0001"),
        ("POST", "/user/ai/tasks/TASK-20261120080000000-0001/cancel"),
        ("GET", "/user/points/consumption/balance"),
        ("GET", "/user/points/consumption/list"),
        ("POST", "/user/points/redeem"),
        ("GET", "/user/notifications"),
    ] {
        let call = || kit.call(method, path).json(json!({})).header("accept-language", "en");
        for reply in [call().send().await, call().bearer("x.y.z").send().await] {
            assert!(refused(&reply).starts_with("401 "), "{path}");
            assert!(reply.json()["message"].as_str().unwrap().contains("未登录"), "{path}");
        }
    }
    for (method, path, error) in [
        ("GET", "/user/nowhere", "404 route_not_found"),
        ("GET", "/user", "404 route_not_found"),
        ("GET", "/user/ai/tasks/submit", "405 method_not_allowed"),
        ("DELETE", "/user/ai/tasks/list", "405 method_not_allowed"),
    ] {
        assert_eq!(refused(&kit.call(method, path).by(&ann).send().await), error, "{path}");
    }
    let text = kit.call("POST", "/user/ai/tasks/submit").body("text/plain", "{}").by(&ann).send().await;
    assert_eq!(refused(&text), "415 unsupported_media_type:Content-Type");
    let large = kit.call("POST", "/user/ai/tasks/submit").body("application/json", "x".repeat(10 << 20));
    assert_eq!(refused(&large.by(&ann).send().await), "413 body_too_large");
}

#[tokio::test]
async fn each_request_is_one_transaction_but_submitting_and_redeeming_are_two() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let number = submit(&kit, &ann).await;
    kit.batches();
    let image = json!("https://example.com/a.png");
    for (method, path, batches) in [
        ("POST", "/user/ai/tasks/submit".to_string(), 2),
        ("GET", "/user/ai/tasks/list".to_string(), 1),
        ("GET", format!("/user/ai/tasks/{number}"), 1),
        ("POST", format!("/user/ai/tasks/{number}/cancel"), 1),
        ("GET", "/user/points/consumption/balance".to_string(), 1),
        ("GET", "/user/points/consumption/list".to_string(), 1),
        ("GET", "/user/notifications".to_string(), 1),
        ("POST", "/user/points/redeem".to_string(), 2),
    ] {
        let code = code(&kit, 1, 1).await;
        let body = json!({"modelName": "sc_soraimg_img2img_auto", "prompt": "a", "imageUrl": image, "code": code});
        data(&kit.call(method, &path).json(body).header("idempotency-key", "k").by(&ann).send().await);
        assert_eq!(kit.batches(), batches, "{method} {path}");
    }
}

#[tokio::test]
async fn lists_read_no_more_than_they_show() {
    testkit::plans::check(&crate::routes(), &[]).await;
}
