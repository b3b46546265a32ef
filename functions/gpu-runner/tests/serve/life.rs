//! What a runner does when all goes well, from registering to stopping.

use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::id::hex;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::edge::Edge;
use crate::rig::{Runner, params};

#[tokio::test]
async fn a_task_becomes_pictures() {
    let mut edge = Edge::start().await;
    edge.submit(5, params("fox", 4, 2));
    let runner = Runner::free(&edge.url);
    let done = edge.next("succeeded").await;
    edge.until("idle", |call| call.what == "heartbeat" && call.json["status"] == "idle").await;
    runner.stop().await;

    let order: Vec<_> = edge.rest(&["register", "pull", "claim", "succeeded"]).iter().map(|call| call.what).collect();
    assert_eq!(order, ["register", "pull", "claim", "succeeded"]);
    let ack = &edge.all(&["ack"])[0].json;
    assert_eq!(ack["acks"], json!([{"lease_id": "message-0-13"}]));
    assert!(edge.all(&["claim"])[0].id.starts_with("claim_5_"));

    let outputs = done.json["outputs"].as_array().unwrap();
    assert_eq!(outputs.len(), 2);
    for (i, output) in outputs.iter().enumerate() {
        assert_eq!(output["nsfw"], false);
        let embedding = protocol::runner::embedding_vector(output["embedding"].as_str().unwrap());
        assert_eq!(embedding, Some(vec![0.6, -0.8]));
        let put = edge.all(&["put"]).into_iter().find(|call| output["key"] == call.key.as_str()).unwrap();
        assert_eq!(output["size"], put.body.len());
        assert_eq!(output["sha256"], hex(&Sha256::digest(&put.body)).as_str());
        assert_eq!((&output["width"], &output["height"], &output["seed"]), (&json!(64), &json!(72), &json!(41 + i)));
        let reader = png::Decoder::new(std::io::Cursor::new(&put.body)).read_info().unwrap();
        assert_eq!((reader.info().width, reader.info().height), (64, 72));
    }
    assert_ne!(outputs[0]["sha256"], outputs[1]["sha256"]);
}

#[tokio::test]
async fn each_step_is_told_with_its_preview() {
    let mut edge = Edge::start().await;
    edge.submit(5, params("fox", 5, 1));
    let runner = Runner::gated(&edge.url, |_| {});
    for step in 0..=5 {
        let told = edge.next("progress").await.json;
        assert_eq!((&told["step"], &told["steps"], &told["seq"]), (&json!(step), &json!(5), &json!(step + 1)));
        assert_eq!((&told["task_id"], &told["attempt"]), (&json!(5), &json!(1)));
        assert_eq!(told["eta_seconds"].as_f64().unwrap() > 0.0, (1..5).contains(&step), "{told}");
        // Every second step has one, stored before it is named.
        let puts = edge.all(&["put"]);
        if step != 0 && step % 2 == 0 {
            assert_eq!(told["preview"], puts.last().unwrap().key.as_str());
        } else {
            assert!(told.get("preview").is_none());
        }
        assert_eq!(puts.len(), step / 2);
        runner.gate.open(1);
    }
    let done = edge.next("succeeded").await.json;
    assert_eq!(done["seq"], 7);
    runner.stop().await;
}

#[tokio::test]
async fn tasks_come_one_after_the_other_and_the_edge_is_told_what_the_runner_does() {
    let mut edge = Edge::start().await;
    for task in 1..=3 {
        edge.submit(task, params("fox", 2, 1));
    }
    // Ends of a step between two callbacks are told together, so the number of calls is free; their order is not.
    let runner = Runner::gated(&edge.url, |_| {});
    edge.until("work", |call| call.what == "heartbeat" && call.json["status"] == "working").await;
    runner.gate.open(usize::MAX);
    for task in 1..=3 {
        assert_eq!(edge.next("succeeded").await.json["task_id"], task);
    }
    edge.until("idle", |call| call.what == "heartbeat" && call.json["status"] == "idle").await;
    assert_eq!(runner.gate.made.load(Ordering::SeqCst), 1);
    runner.stop().await;
    let last = edge.until("stopping", |call| call.what == "heartbeat" && call.json["status"] == "stopping").await;
    assert_eq!((last.status, &last.json["models"]), (200, &json!(["fake"])));
    assert_eq!(edge.all(&["register"])[0].json["type"], "inference");
    assert!(edge.all(&["failed"]).is_empty());
}

#[tokio::test]
async fn an_idle_runner_says_now_and_then_that_it_lives() {
    let mut edge = Edge::start().await;
    let runner = Runner::gated(&edge.url, |config| config.pace.heartbeat = Duration::from_millis(2));
    for _ in 0..4 {
        edge.until("idle", |call| call.what == "heartbeat" && call.json["status"] == "idle").await;
    }
    runner.stop().await;
}

#[tokio::test]
async fn asked_to_stop_it_finishes_the_task_in_hand() {
    let mut edge = Edge::start().await;
    edge.submit(1, params("fox", 2, 1));
    edge.submit(2, params("fox", 2, 1));
    let mut runner = Runner::gated(&edge.url, |_| {});
    edge.next("progress").await;
    runner.stopper.stop();
    edge.until("stopping", |call| call.what == "heartbeat" && call.json["status"] == "stopping").await;
    runner.gate.open(usize::MAX);
    assert_eq!(edge.next("succeeded").await.json["task_id"], 1);
    runner.ended().await.unwrap();
    assert_eq!(edge.all(&["claim"]).len(), 1, "no second task is begun");
}

#[tokio::test]
async fn asked_to_stop_it_hands_back_what_takes_too_long() {
    let mut edge = Edge::start().await;
    edge.submit(1, params("fox", 2, 1));
    let mut runner = Runner::gated(&edge.url, |config| config.pace.grace = Duration::from_millis(5));
    edge.next("progress").await;
    runner.stopper.stop();
    let failed = edge.next("failed").await.json;
    assert_eq!((&failed["code"], &failed["retryable"]), (&json!("runner_stopping"), &json!(true)));
    // Although the backend never comes back.
    runner.ended().await.unwrap();
}

#[tokio::test]
async fn asked_to_stop_it_does_not_wait_for_an_edge_that_is_down() {
    let runner = Runner::free("http://127.0.0.1:1");
    runner.stop().await;
}

#[tokio::test]
async fn an_edge_that_is_not_up_yet_is_waited_for() {
    let mut edge = Edge::start().await;
    edge.fails("register", 404, 1);
    edge.fails("register", 503, 3);
    edge.submit(1, params("fox", 1, 1));
    let runner = Runner::free(&edge.url);
    edge.next("succeeded").await;
    assert_eq!(edge.all(&["register"]).len(), 5);
    assert!(edge.all(&["heartbeat"]).iter().all(|call| call.status == 200));
    runner.stop().await;
}

#[tokio::test]
async fn a_wrong_registration_token_ends_it() {
    let edge = Edge::start().await;
    let mut runner = Runner::gated(&edge.url, |config| config.registration_token = "wrong".into());
    let error = runner.ended().await.unwrap_err().to_string();
    assert!(error.contains("registration token"), "{error}");
    assert!(!error.contains("wrong"));
}

#[tokio::test]
async fn an_edge_that_has_forgotten_it_gets_another_registration() {
    let mut edge = Edge::start().await;
    edge.submit(1, params("fox", 1, 1));
    let runner = Runner::gated(&edge.url, |_| {});
    edge.next("progress").await;
    edge.forget_runner();
    runner.gate.open(usize::MAX);
    edge.next("succeeded").await;
    edge.until("heartbeat", |call| call.what == "heartbeat" && call.status == 200).await;
    let registered = edge.all(&["register"]);
    assert!(registered.len() >= 2 && registered.iter().all(|call| call.status == 201), "{}", registered.len());
    runner.stop().await;
}

/// A hint says that there is work; whose turn it is, the edge says.
#[tokio::test]
async fn the_task_drawn_is_the_one_handed_out() {
    let mut edge = Edge::start().await;
    edge.submit_before(5, 4, params("fox", 2, 1));
    edge.submit(5, params("cat", 2, 1));
    let runner = Runner::free(&edge.url);
    let done = edge.next("succeeded").await.json;
    assert_eq!((&done["task_id"], edge.all(&["claim"])[0].json["task_id"].as_i64()), (&json!(4), Some(5)));
    assert!(edge.all(&["put"]).iter().all(|put| put.key.starts_with("out/4/1/")));
    assert!(edge.all(&["progress"]).iter().all(|told| told.json["task_id"] == 4));
    runner.stop().await;
    // The hint that led to it is spent.
    assert_eq!(edge.rest(&["ack"])[0].json["acks"][0]["lease_id"], "message-0-13");
}
