//! The suite over the native engines, by way of HTTP.

use edge::native::Kit;
use serde_json::json;

#[tokio::test]
async fn the_native_engines_conform() {
    let outcome = Kit::new(crate::routes()).get("/conformance").send().await;
    assert_eq!((outcome.status, outcome.json()), (200, json!({"sql": null, "kv": null, "blobs": null})));
}
