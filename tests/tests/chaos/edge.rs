//! The edge is stopped and started again over the same state.

use serde_json::{Value, json};
use tests::{Account, DedicatedEdge, RunnerProcess, State, Watch};

/// The same account at an edge that was started again: the old token, another address.
fn at(own: &DedicatedEdge, ann: Account) -> Account {
    Account { edge: own.edge.clone(), ..ann }
}

#[tokio::test]
async fn what_waits_when_the_edge_stops_is_drawn_when_it_is_back() {
    let state = State::new();
    let own = DedicatedEdge::start(&state, 2000, 0);
    let ann = own.edge.sign_up("ann").await;
    let task = ann.submit(&json!({"n": 2})).await;
    let tag = ann.make("/api/tags", &json!({"name": "kept"})).await;
    let mut watch = Watch::of(&ann, &format!("/api/tasks/{task}")).await;
    let snapshot = watch.next().await.expect("a snapshot");
    assert_eq!(snapshot["status"], "waiting");
    drop((watch, own));

    let own = DedicatedEdge::start(&state, 2000, 0);
    let ann = at(&own, ann);
    assert_eq!(ann.get("/api/account").send().await.expect(200).json()["id"], json!(ann.id), "the log-in still holds");
    assert_eq!(ann.get(&format!("/api/tags/{tag}")).send().await.expect(200).json()["name"], "kept");
    let watch = Watch::of(&ann, &format!("/api/tasks/{task}?since={}", snapshot["seq"])).await;
    let _runner = RunnerProcess::start(&own.edge, "runner");
    let (frames, code) = watch.rest().await;
    assert!(frames.iter().all(|frame| frame["seq"].as_i64() > snapshot["seq"].as_i64()), "{frames:?}");
    assert_eq!((code, &frames.last().expect("a frame")["status"]), (1000, &json!("success")));
    for picture in ann.task(task).await["images"].as_array().expect("pictures") {
        own.edge.get(picture["url"].as_str().expect("a url")).send().await.expect(200);
    }
}

/// The runner goes on drawing while nobody listens, and reports when somebody does again.
#[tokio::test]
async fn what_is_drawn_when_the_edge_stops_is_there_when_it_is_back() {
    let state = State::new();
    let own = DedicatedEdge::start(&state, 5000, 0);
    let port = own.port();
    let ann = own.edge.sign_up("ann").await;
    let _runner = RunnerProcess::start(&own.edge, "runner");
    let task = ann.submit(&json!({"width": 128, "height": 128, "num_inference_steps": 100})).await;
    let mut watch = Watch::of(&ann, &format!("/api/tasks/{task}")).await;
    watch.until(|frame| frame["data"]["step"].as_i64() > Some(0)).await;
    drop((watch, own));

    let own = DedicatedEdge::start(&state, 5000, port);
    let ann = at(&own, ann);
    let (frames, code) = Watch::of(&ann, &format!("/api/tasks/{task}")).await.rest().await;
    assert_eq!((code, &frames.last().expect("a frame")["status"]), (1000, &json!("success")));
    let images: Value = ann.get(&format!("/api/images?task={task}")).send().await.expect(200).json();
    assert_eq!(images["total"], 1);
}
