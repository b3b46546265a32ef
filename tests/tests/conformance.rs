//! The engines under workerd conform to the ports; see `tests/conformance`.

use serde_json::json;
use tests::{Edge, Receiver};

#[tokio::test]
async fn the_engines_of_the_edge_conform() {
    let server = tests::fetch_server().await;
    let path = format!("/conformance?server={}&closed={}", server.url(""), Receiver::closed().await);
    let outcome = Edge::shared().get(&path).send().await.expect(200).json();
    let conform = json!({"sql": null, "kv": null, "blobs": null, "queue": null, "hub": null, "fetch": null});
    assert_eq!(outcome, conform);
}
