//! The engines under workerd keep the promises of the ports; see `tests/conformance`.

use serde_json::json;
use tests::Edge;

#[tokio::test]
async fn the_engines_of_the_edge_conform() {
    let outcome = Edge::shared().get("/conformance").send().await.expect(200).json();
    assert_eq!(outcome, json!({"sql": null, "kv": null, "blobs": null}));
}
