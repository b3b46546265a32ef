//! The functions as Spin components (WASI 0.2), in the host that `cargo xtask test` starts for them: the same source,
//! the same answers. What a Spin deployment has not bound (an object store, a hub) says so by name.

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

async fn call(method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> (u16, Value) {
    let url = std::env::var("SPIN_URL").expect("SPIN_URL: run cargo xtask test");
    let mut request = Client::new().request(method, format!("{url}{path}"));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let response: Response = request.send().await.expect("the Spin host answers");
    let status = response.status().as_u16();
    let text = response.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn log_in() -> String {
    let admin =
        json!({"email": std::env::var("ADMIN_EMAIL").unwrap(), "password": std::env::var("ADMIN_PASSWORD").unwrap()});
    let (status, session) = call(Method::POST, "/api/sessions", None, Some(admin)).await;
    assert_eq!(status, 201, "{session}");
    session["token"].as_str().expect("a token").to_string()
}

#[tokio::test]
async fn the_engines_conform_where_they_are_bound() {
    let server = tests::fetch_server().await;
    let path = format!("/conformance?server={}&closed={}", server.url(""), tests::Receiver::closed().await);
    let (_, outcome) = call(Method::GET, &path, None, None).await;
    for port in ["sql", "kv", "queue", "fetch"] {
        assert_eq!(outcome[port], Value::Null, "{port}");
    }
    for port in ["blobs", "hub"] {
        assert!(outcome[port].as_str().is_some_and(|difference| difference.contains("not bound")), "{outcome}");
    }
}

#[tokio::test]
async fn a_tag_from_beginning_to_end() {
    let token = log_in().await;
    let (status, tag) = call(Method::POST, "/api/tags", Some(&token), Some(json!({"name": "組件"}))).await;
    assert_eq!(status, 201, "{tag}");
    let path = format!("/api/tags/{}", tag["id"]);
    let (status, again) = call(Method::POST, "/api/tags", Some(&token), Some(json!({"name": "組件"}))).await;
    assert_eq!((status, &again["error"]["code"]), (409, &json!("tag_exists")));
    let (_, list) = call(Method::GET, "/api/tags?search=%E7%B5%84%E4%BB%B6&profile=v0", None, None).await;
    assert_eq!(list["list"][0]["id"], tag["id"].to_string());
    let (status, renamed) = call(Method::PATCH, &path, Some(&token), Some(json!({"name": "零件"}))).await;
    assert_eq!((status, &renamed["name"]), (200, &json!("零件")));
    assert_eq!(call(Method::DELETE, &path, Some(&token), None).await.0, 204);
    assert_eq!(call(Method::GET, &path, None, None).await.0, 404);
}

#[tokio::test]
async fn a_submitted_task_is_hinted_to_the_runners() {
    let token = log_in().await;
    let (status, task) = call(Method::POST, "/api/tasks", Some(&token), Some(json!({"prompt": "a boat"}))).await;
    assert_eq!((status, &task["status"]), (201, &json!("waiting")), "{task}");
    let queue = std::env::var("QUEUE_TOKEN").unwrap();
    let pull = "/client/v4/accounts/local/queues/inference/messages/pull";
    let (_, pulled) = call(Method::POST, pull, Some(&queue), Some(json!({}))).await;
    let message = &pulled["result"]["messages"][0];
    assert_eq!(message["body"], format!("{{\"task_id\":{}}}", task["id"]), "{pulled}");
}

#[tokio::test]
async fn errors_are_the_same_envelope() {
    assert_eq!(call(Method::POST, "/api/tags", None, Some(json!({"name": "a"}))).await.0, 401);
    let (status, error) = call(Method::GET, "/api/tags?page=0", None, None).await;
    assert_eq!((status, &error["error"]["param"]), (400, &json!("page")));
    assert_eq!(call(Method::PUT, "/api/tags", None, None).await.0, 405);
    assert_eq!(call(Method::GET, "/api/tags/1/2", None, None).await.1["error"]["code"], "route_not_found");
}
