//! The line through the whole system: prompt → edge → queue → runner → pictures → socket.

use serde_json::{Value, json};
use tests::{Account, Edge, Watch, size_of, until};

fn states(frames: &[Value]) -> Vec<&str> {
    let mut states: Vec<&str> = frames.iter().filter_map(|frame| frame["status"].as_str()).collect();
    states.dedup();
    states
}

/// A task drawn to its end: its id and the result's pictures.
async fn drawn(ann: &Account, more: &Value) -> (i64, Vec<Value>) {
    let id = ann.submit(more).await;
    let (frames, code) = Watch::of(ann, &format!("/api/tasks/{id}")).await.rest().await;
    let last = frames.last().expect("a frame");
    assert_eq!((code, &last["status"]), (1000, &json!("success")), "{last}");
    (id, last["data"]["images"].as_array().expect("pictures").clone())
}

fn url(picture: &Value) -> &str {
    picture["url"].as_str().expect("a picture has a url")
}

#[tokio::test]
async fn from_prompt_to_picture() {
    let edge = Edge::shared();
    let ann = edge.sign_up("ann").await;
    let task = json!({"type": "推理", "prompt": "雪山下的小屋", "negative_prompt": "fog", "width": 64, "height": 72,
        "num_inference_steps": 30, "guidance_scale": 5.5, "scheduler": "DDIM", "seed": 41, "n": 2, "public": false});
    let made = ann.post("/api/tasks", &task).send().await.expect(201);
    let id = made.json()["id"].as_i64().expect("an id");
    assert_eq!(made.header("location"), format!("/api/tasks/{id}"));
    assert_eq!((&made.json()["status"], &made.json()["type"]), (&json!("waiting"), &json!("inference")));

    let path = format!("/api/tasks/{id}");
    let mut watch = Watch::of(&ann, &path).await;
    let mut frames = vec![watch.next().await.expect("a snapshot")];
    // A preview is there while the task runs.
    let (with_preview, before) = watch.until(|frame| frame["data"]["image_url"].is_string()).await;
    let preview = edge.get(with_preview["data"]["image_url"].as_str().expect("a url")).send().await.expect(200);
    assert_eq!(preview.header("content-type"), "image/png");
    size_of(&preview.bytes);
    frames.extend(before);
    frames.push(with_preview);
    let (rest, code) = watch.rest().await;
    frames.extend(rest);
    assert_eq!(code, 1000);

    assert!(frames.iter().all(|frame| frame["id"] == json!(id)));
    let all = states(&frames);
    assert!(all == ["waiting", "running", "success"] || all == ["running", "success"], "{all:?}");
    for key in ["seq", "progress"] {
        let numbers: Vec<i64> = frames.iter().filter_map(|frame| frame[key].as_i64()).collect();
        assert!(numbers.len() == frames.len() && numbers.is_sorted(), "{key}: {numbers:?}");
    }
    let (last, running) = frames.split_last().expect("frames");
    // Steps are counted over all pictures.
    let steps = |frame: &Value| frame["data"]["steps"] == json!(60) && frame["data"]["eta_seconds"].is_number();
    assert!(running.iter().any(steps), "{running:?}");
    assert_eq!(last["progress"], 100);
    let images = last["data"]["images"].as_array().expect("pictures");
    assert_eq!(images.iter().map(|i| i["seed"].as_i64()).collect::<Vec<_>>(), [Some(41), Some(42)]);
    for picture in images {
        let file = edge.get(url(picture)).send().await.expect(200);
        assert_eq!((file.header("content-type"), size_of(&file.bytes)), ("image/png", (64, 72)));
    }

    let task = ann.task(id).await;
    assert_eq!(
        (&task["status"], &task["attempt"], &task["images"]),
        (&json!("success"), &json!(1), &last["data"]["images"])
    );
    assert_eq!(task["params"]["prompt"], "雪山下的小屋");
    assert!(task["started_at"].is_string() && task["finished_at"].is_string() && task["error"].is_null());
}

#[tokio::test]
async fn a_picture_is_the_same_whatever_the_batch() {
    let ann = Edge::shared().sign_up("ann").await;
    let (_, batch) = drawn(&ann, &json!({"n": 3, "seed": 100})).await;
    let (_, alone) = drawn(&ann, &json!({"n": 1, "seed": 101})).await;
    let file = async |picture: &Value| ann.edge.get(url(picture)).send().await.expect(200).bytes;
    let (second, first, alone) = (file(&batch[1]).await, file(&batch[0]).await, file(&alone[0]).await);
    assert!(second == alone && first != alone);
}

#[tokio::test]
async fn the_earlier_profile_has_string_ids_and_four_states() {
    let ann = Edge::shared().sign_up("ann").await;
    let id = ann.submit(&json!({})).await;
    let (frames, code) = Watch::of(&ann, &format!("/api/tasks/{id}?profile=v0")).await.rest().await;
    assert_eq!(code, 1000);
    for frame in &frames {
        assert_eq!(frame["id"], json!(id.to_string()));
        assert!(["waiting", "running", "success"].contains(&frame["status"].as_str().unwrap_or_default()), "{frame}");
    }
    let task = ann.get(&format!("/api/tasks/{id}?profile=v0")).send().await.expect(200).json();
    assert_eq!((&task["id"], &task["user"]["id"]), (&json!(id.to_string()), &json!(ann.id)));
    assert!(task["createdAt"].is_string() && task.get("user_id").is_none());
}

#[tokio::test]
async fn out_of_range_names_the_field_and_nothing_is_made() {
    let ann = Edge::shared().sign_up("ann").await;
    for (field, value) in [
        ("width", json!(65)),
        ("height", json!(4096)),
        ("num_inference_steps", json!(501)),
        ("guidance_scale", json!(20.5)),
        ("scheduler", json!("EULER")),
        ("seed", json!(2_147_483_648_i64)),
        ("n", json!(9)),
        ("prompt", json!("")),
        ("type", json!("painting")),
        ("public", json!("yes")),
        ("tags", json!(["a,b"])),
    ] {
        let mut task = json!({"prompt": "x"});
        task[field] = value;
        let refused = ann.post("/api/tasks", &task).send().await.refused(400, "invalid_parameter");
        assert_eq!(refused.error()["param"], json!(field));
    }
    ann.post("/api/tasks", &json!({})).send().await.refused(400, "missing_parameter");
    assert_eq!(ann.get("/api/tasks").send().await.expect(200).json()["total"], 0);
}

#[tokio::test]
async fn others_do_not_see_a_task() {
    let edge = Edge::shared();
    let (ann, bob) = (edge.sign_up("ann").await, edge.sign_up("bob").await);
    let path = format!("/api/tasks/{}", ann.submit(&json!({})).await);
    let hidden = bob.get(&path).send().await.refused(404, "not_found");
    let never = bob.get("/api/tasks/9007199254740991").send().await.refused(404, "not_found");
    assert_eq!(hidden.bytes, never.bytes);
    bob.patch(&path, &json!({"name": "mine"})).send().await.refused(404, "not_found");
    bob.call("POST", &format!("{path}/cancel")).send().await.refused(404, "not_found");
    bob.delete(&path).send().await.refused(404, "not_found");
    assert_eq!(bob.get(&format!("/api/tasks?user={}", ann.id)).send().await.expect(200).json()["total"], 0);
}

/// So much work that it cannot have ended by itself when it is cancelled.
fn long() -> Value {
    json!({"width": 512, "height": 512, "num_inference_steps": 500})
}

fn under_way(frame: &Value) -> bool {
    frame["data"]["step"].as_i64() > Some(0)
}

#[tokio::test]
async fn a_running_task_is_cancelled_and_its_runner_goes_on_with_the_next() {
    let ann = Edge::shared().sign_up("ann").await;
    let path = format!("/api/tasks/{}", ann.submit(&long()).await);
    let mut watch = Watch::of(&ann, &path).await;
    watch.until(under_way).await;
    ann.call("POST", &format!("{path}/cancel")).send().await.expect(200);
    let (frames, code) = watch.rest().await;
    let last = frames.last().expect("a frame");
    assert_eq!((code, &last["status"], &last["error"]["code"]), (1000, &json!("error"), &json!("canceled")));
    ann.call("POST", &format!("{path}/cancel")).send().await.refused(409, "task_ended");
    drawn(&ann, &json!({})).await;
    let task = ann.get(&path).send().await.expect(200).json();
    assert_eq!((&task["status"], &task["images"]), (&json!("error"), &json!([])));
}

#[tokio::test]
async fn deleting_a_task_ends_its_watches_and_leaves_the_pictures() {
    let ann = Edge::shared().sign_up("ann").await;
    let (id, pictures) = drawn(&ann, &json!({})).await;
    ann.delete(&format!("/api/tasks/{id}")).send().await.expect(204);
    ann.get(&format!("/api/tasks/{id}")).send().await.refused(404, "not_found");
    ann.edge.get(url(&pictures[0])).send().await.expect(200);

    let running = ann.submit(&long()).await;
    let mut watch = Watch::of(&ann, &format!("/api/tasks/{running}")).await;
    watch.until(under_way).await;
    ann.delete(&format!("/api/tasks/{running}")).send().await.expect(204);
    let (_, code) = watch.rest().await;
    assert_eq!(code, 4404);
    // The runner loses its lease and is free.
    drawn(&ann, &json!({})).await;
}

#[tokio::test]
async fn a_finished_task_is_found_by_status_and_tag() {
    let ann = Edge::shared().sign_up("ann").await;
    let tag = tests::unique("tag");
    let id = ann.submit(&json!({"tags": [tag]})).await;
    let found = until("the task is listed as done", async || {
        let page = ann.get(&format!("/api/tasks?status=success&tag={tag}")).send().await.expect(200).json();
        (page["total"] == 1).then_some(page)
    });
    assert_eq!(found.await["list"][0]["id"], json!(id));
    let tags = ann.edge.get(&format!("/api/tags?search={tag}")).send().await.expect(200).json();
    assert_eq!(tags["list"][0]["count"], 1);
}
