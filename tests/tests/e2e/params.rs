//! Defaults of forms, over the real key-value store.

use serde_json::json;
use tests::Edge;

/// Only the default seed of trainings is changed, which no other test leaves to chance.
#[tokio::test]
async fn administrators_change_a_default_that_the_schema_then_shows() {
    let edge = Edge::shared();
    let (ann, admin) = (edge.sign_up("ann").await, edge.admin().await);
    let page = edge.get("/api/params").send().await.expect(200).json();
    assert_eq!(
        (&page["total"], &page["list"][0]["name"], &page["list"][1]["name"]),
        (&json!(2), &json!("image"), &json!("model"))
    );

    let anonymous = edge.get("/api/params/image").send().await.expect(200);
    assert_eq!(anonymous.json()["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let etag = anonymous.header("etag").to_owned();
    edge.get("/api/params/image").header("if-none-match", &etag).send().await.expect(304);

    let path = "/api/params/model";
    let change = json!({"defaults": {"seed": 5}});
    edge.call("PATCH", path).json(&change).send().await.refused(401, "unauthenticated");
    ann.patch(path, &change).send().await.refused(403, "forbidden");
    admin.patch(path, &json!({"defaults": {"seed": -1}})).send().await.refused(400, "invalid_parameter");
    let changed = admin.patch(path, &change).send().await.expect(200).json();
    assert_eq!(changed["properties"]["seed"]["default"], 5);
    assert_eq!(ann.get(path).send().await.expect(200).json(), changed);
    let reset = admin.patch(path, &json!({"defaults": {"seed": null}})).send().await.expect(200).json();
    assert!(reset["properties"]["seed"].get("default").is_none(), "{reset}");
}
