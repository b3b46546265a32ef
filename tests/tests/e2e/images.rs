//! Pictures after they were drawn: who sees them, what can be said of them, and that deleting one ends its link.

use serde_json::{Value, json};
use tests::{Account, Edge, Watch, unique};

/// A picture of a task that sends `more`.
pub async fn drawn(ann: &Account, more: &Value) -> Value {
    let task = ann.submit(more).await;
    let (_, code) = Watch::of(ann, &format!("/api/tasks/{task}")).await.rest().await;
    assert_eq!(code, 1000);
    let page = ann.get(&format!("/api/images?task={task}")).send().await.expect(200).json();
    assert_eq!(page["total"], 1);
    page["list"][0].clone()
}

fn path(image: &Value) -> String {
    format!("/api/images/{}", image["id"])
}

#[tokio::test]
async fn a_picture_says_how_it_was_made_and_is_found_by_its_words() {
    let ann = Edge::shared().sign_up("ann").await;
    let tag = unique("tag");
    let task =
        json!({"prompt": "湖邊的天鵝", "negative_prompt": "fog", "guidance_scale": 3.5, "seed": 9, "tags": [tag]});
    let image = drawn(&ann, &task).await;
    for (name, value) in [
        ("prompt", json!("湖邊的天鵝")),
        ("negative_prompt", json!("fog")),
        ("guidance_scale", json!(3.5)),
        ("num_inference_steps", json!(4)),
        ("scheduler", json!("DDIM")),
        ("seed", json!(9)),
        ("width", json!(64)),
        ("height", json!(64)),
        ("public", json!(true)),
        ("tags", json!([tag])),
        ("user_id", json!(ann.id)),
    ] {
        assert_eq!(image[name], value, "{name}");
    }
    for (query, hits) in [("search=天鵝", 1), ("search=天湖", 0), (&format!("tag={tag}"), 1), ("public=false", 0)] {
        let page = ann.get(&format!("/api/images?user=me&{query}")).send().await.expect(200).json();
        assert_eq!(page["total"], hits, "{query}");
    }
    let v0 = ann.get(&format!("{}?profile=v0", path(&image))).send().await.expect(200).json();
    assert_eq!((&v0["user"]["id"], &v0["numInferenceSteps"]), (&json!(ann.id), &json!(4)));
}

#[tokio::test]
async fn a_private_picture_is_not_there_for_others() {
    let edge = Edge::shared();
    let (ann, bob) = (edge.sign_up("ann").await, edge.sign_up("bob").await);
    let image = drawn(&ann, &json!({"public": false})).await;
    let hidden = bob.get(&path(&image)).send().await.refused(404, "not_found");
    let never = bob.get("/api/images/9007199254740991").send().await.refused(404, "not_found");
    assert_eq!(hidden.bytes, never.bytes);
    let theirs = format!("/api/images?user={}", ann.id);
    assert_eq!(bob.get(&theirs).send().await.expect(200).json()["total"], 0);

    ann.patch(&path(&image), &json!({"public": true, "name": "open"})).send().await.expect(200);
    assert_eq!(bob.get(&theirs).send().await.expect(200).json()["total"], 1);
    bob.patch(&path(&image), &json!({"name": "mine"})).send().await.refused(403, "forbidden");
    bob.delete(&path(&image)).send().await.refused(403, "forbidden");
    assert_eq!(edge.get(&path(&image)).send().await.expect(200).json()["name"], "open");
}

#[tokio::test]
async fn deleting_a_picture_ends_its_link() {
    let ann = Edge::shared().sign_up("ann").await;
    let image = drawn(&ann, &json!({})).await;
    let url = image["url"].as_str().expect("a url");
    ann.edge.get(url).send().await.expect(200);
    ann.delete(&path(&image)).send().await.expect(204);
    ann.edge.get(url).send().await.refused(404, "not_found");
    ann.get(&path(&image)).send().await.refused(404, "not_found");
    let task = ann.task(image["task_id"].as_i64().expect("a task")).await;
    assert_eq!((&task["status"], &task["images"]), (&json!("success"), &json!([])));
}
