//! What holds at every address: envelopes, methods, media types, CORS, languages, the documents.

use serde_json::json;
use tests::{Edge, Watch};

#[tokio::test]
async fn the_page_health_and_the_document_are_served() {
    let edge = Edge::shared();
    let page = edge.get("/").send().await.expect(200);
    assert!(page.header("content-type").starts_with("text/html") && !page.header("content-security-policy").is_empty());
    assert_eq!(edge.get("/healthz").send().await.expect(200).json()["status"], "ok");
    let document = edge.get("/api/openapi.json").send().await.expect(200).json();
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    for path in ["/api/tags", "/api/tasks/{id}", "/api/sessions", "/callbacks/claim"] {
        assert!(document["paths"].get(path).is_some(), "{path} is not documented");
    }
}

#[tokio::test]
async fn what_is_not_there_says_so_in_one_envelope() {
    let edge = Edge::shared();
    for path in
        ["/nowhere", "/api", "/api/nowhere", "/api/tags/1/nowhere", "/api/tasks/1/nowhere", "/callbacks/nowhere"]
    {
        edge.get(path).send().await.refused(404, "route_not_found");
    }
    for (method, path) in [("DELETE", "/api/tags"), ("PUT", "/api/tags/1"), ("POST", "/"), ("GET", "/callbacks/claim")]
    {
        let refused = edge.call(method, path).send().await.refused(405, "method_not_allowed");
        assert!(!refused.header("allow").is_empty(), "{method} {path} names what is allowed");
    }
}

#[tokio::test]
async fn bodies_have_a_type_and_a_size() {
    let edge = Edge::shared();
    let ann = edge.sign_up("ann").await;
    let send = |kind: &str, body: String| ann.call("POST", "/api/tags").body(kind, body).send();
    send("text/plain", r#"{"name":"x"}"#.into()).await.refused(415, "unsupported_media_type");
    send("application/json", format!(r#"{{"name":"{}"}}"#, "x".repeat(70_000))).await.refused(413, "body_too_large");
    send("application/json", r#"{"name":"#.into()).await.refused(400, "malformed_json");
    send("application/json", String::new()).await.refused(400, "malformed_json");
}

#[tokio::test]
async fn any_origin_may_ask() {
    let edge = Edge::shared();
    let preflight = edge.call("OPTIONS", "/api/tasks").header("origin", "https://example.org");
    let preflight = preflight.header("access-control-request-method", "POST").send().await.expect(204);
    assert_eq!(preflight.header("access-control-allow-origin"), "*");
    for header in ["authorization", "idempotency-key", "x-api-profile"] {
        assert!(preflight.header("access-control-allow-headers").contains(header), "{header}");
    }
    for path in ["/api/tags", "/api/nowhere", "/api/account"] {
        let answer = edge.get(path).header("origin", "https://example.org").send().await;
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
    }
}

#[tokio::test]
async fn head_and_a_trailing_slash_are_taken() {
    let edge = Edge::shared();
    let head = edge.call("HEAD", "/api/tags").send().await.expect(200);
    assert!(head.bytes.is_empty() && head.header("content-type").starts_with("application/json"));
    let plain = edge.get("/api/tags?search=none-such").send().await.expect(200);
    let slash = edge.get("/api/tags/?search=none-such").send().await.expect(200);
    assert_eq!(plain.bytes, slash.bytes);
}

#[tokio::test]
async fn messages_are_in_the_callers_language() {
    let edge = Edge::shared();
    let say = async |language: &str, path: &str| {
        let answer = edge.get(path).header("accept-language", language).send().await.expect(404);
        answer.error()["message"].as_str().expect("a text").to_owned()
    };
    for path in ["/api/tags/9007199254740991", "/nowhere"] {
        let texts = [say("en", path).await, say("zh-TW", path).await, say("zh-CN", path).await];
        assert!(texts[0] != texts[1] && texts[1] != texts[2], "{path}: {texts:?}");
    }
}

/// The header by which a function tells a room whom it admits is dropped where it comes from outside.
#[tokio::test]
async fn internal_headers_do_not_come_in() {
    let edge = Edge::shared();
    let ann = edge.sign_up("ann").await;
    let id = ann.submit(&json!({})).await;
    let mut forged = Watch::open_with(&edge, &format!("/api/tasks/{id}"), None, &[("x-internal-join", "e30=")]).await;
    assert_eq!(forged.next().await, Err(4401));
}
