//! A world in which calls fail, answers get lost and others lie.

use std::sync::atomic::Ordering;

use serde_json::json;

use crate::edge::{Answer, Edge};
use crate::rig::{Runner, params};

#[tokio::test]
async fn calls_that_fail_are_repeated_under_the_same_id() {
    let mut edge = Edge::start().await;
    for what in ["pull", "put", "succeeded"] {
        edge.fails(what, 503, 2);
    }
    edge.submit(1, params("fox", 1, 1));
    let runner = Runner::gated(&edge.url, |config| config.preview_every = Some(0));
    runner.gate.open(usize::MAX);
    edge.until("the end", |call| call.what == "succeeded" && call.status == 200).await;
    for what in ["put", "succeeded"] {
        let calls = edge.all(&[what]);
        assert_eq!(calls.len(), 3, "{what}");
        assert!(calls.iter().all(|call| call.id == calls[0].id && call.body == calls[0].body), "{what}");
    }
    runner.stop().await;
}

#[tokio::test]
async fn progress_that_fails_gives_way_to_newer_progress() {
    let mut edge = Edge::start().await;
    edge.fails("progress", 503, 2);
    edge.submit(1, params("fox", 3, 1));
    let runner = Runner::gated(&edge.url, |_| {});
    let mut last = 0;
    for _ in 0..4 {
        let seq = edge.next("progress").await.json["seq"].as_i64().unwrap();
        assert!(seq > last);
        last = seq;
        runner.gate.open(1);
    }
    edge.next("succeeded").await;
    runner.stop().await;
}

#[tokio::test]
async fn an_end_whose_answer_was_lost_is_an_end() {
    for (what, prompt) in [("succeeded", "fox"), ("failed", "panic")] {
        let mut edge = Edge::start().await;
        edge.answer(what, Answer::DoneBut(502));
        edge.submit(1, params(prompt, 1, 1));
        edge.submit(2, params("fox", 1, 1));
        let runner = Runner::free(&edge.url);
        edge.until("task 2", |call| call.what == "succeeded" && call.json["task_id"] == 2).await;
        let about: Vec<_> = edge.all(&["succeeded", "failed"]);
        let first: Vec<_> = about.iter().filter(|call| call.json["task_id"] == 1).collect();
        assert_eq!(first.iter().map(|call| (call.what, call.status)).collect::<Vec<_>>(), [(what, 502), (what, 409)]);
        assert_eq!(first[0].id, first[1].id);
        runner.stop().await;
    }
}

#[tokio::test]
async fn a_panic_costs_one_attempt_and_not_the_runner() {
    let mut edge = Edge::start().await;
    edge.submit(1, params("panic", 1, 1));
    edge.submit(2, params("fox", 1, 1));
    let runner = Runner::free(&edge.url);
    let failed = edge.next("failed").await.json;
    assert_eq!((&failed["code"], &failed["retryable"]), (&json!("internal"), &json!(true)));
    assert_eq!(edge.next("succeeded").await.json["task_id"], 2);
    assert_eq!(runner.gate.made.load(Ordering::SeqCst), 2);
    runner.stop().await;
}

#[tokio::test]
async fn what_can_not_be_drawn_fails_for_good_and_says_why() {
    let mut edge = Edge::start().await;
    let mut wrong = params("fox", 1, 1);
    wrong.width = 65;
    edge.submit(1, wrong);
    let runner = Runner::free(&edge.url);
    let failed = edge.next("failed").await.json;
    assert_eq!((&failed["code"], &failed["retryable"]), (&json!("request_invalid"), &json!(false)));
    assert!(failed["message"].as_str().unwrap().contains("width"), "{failed}");
    runner.stop().await;
}

#[tokio::test]
async fn messages_that_lead_nowhere_are_spent() {
    let mut edge = Edge::start().await;
    let twice = json!({"task_id": 1}).to_string();
    edge.submit(1, params("fox", 1, 1));
    let bodies = [twice.as_str(), r#"{"task_id":999}"#, "nonsense", r#"{"task_id":-1}"#, "\u{0}"];
    for body in bodies {
        edge.message(body);
    }
    let runner = Runner::free(&edge.url);
    for _ in 0..=bodies.len() {
        assert_eq!(edge.next("ack").await.status, 200);
    }
    edge.submit(2, params("fox", 1, 1));
    edge.until("task 2", |call| call.what == "succeeded" && call.json["task_id"] == 2).await;
    let claims: Vec<_> = edge.all(&["claim"]).iter().map(|call| call.status).collect();
    assert_eq!(claims, [200, 409, 404, 200]);
    assert_eq!(edge.all(&["succeeded"]).len(), 2);
    runner.stop().await;
}

#[tokio::test]
async fn a_claim_that_could_not_be_asked_leaves_the_message() {
    let mut edge = Edge::start().await;
    edge.fails("claim", 503, 1);
    edge.submit(1, params("fox", 1, 1));
    let runner = Runner::free(&edge.url);
    assert_eq!(edge.next("claim").await.status, 503);
    edge.submit(2, params("fox", 1, 1));
    edge.next("succeeded").await;
    runner.stop().await;
    // Task 2 alone; its acknowledgement is over when the task is.
    assert_eq!(edge.rest(&["ack"]).len(), 1);
}

#[tokio::test]
async fn a_result_that_is_refused_is_a_failure() {
    for (what, status) in [("put", 413), ("succeeded", 400), ("succeeded", 409)] {
        let mut edge = Edge::start().await;
        edge.fails(what, status, 1);
        edge.submit(1, params("fox", 1, 1));
        let runner = Runner::gated(&edge.url, |config| config.preview_every = Some(0));
        runner.gate.open(usize::MAX);
        let failed = edge.next("failed").await.json;
        assert_eq!((&failed["code"], &failed["retryable"]), (&json!("result_refused"), &json!(true)), "{what}");
        runner.stop().await;
    }
}

#[tokio::test]
async fn answers_that_make_no_sense_do_not_end_it() {
    let mut edge = Edge::start().await;
    edge.answer("register", Answer::Raw(b"<html>".to_vec()));
    edge.answer("register", Answer::Say(200, json!({"id": 7, "runner_id": "7.1\r\nx: y", "token": "", "secret": ""})));
    edge.answer("pull", Answer::Raw(vec![b'['; 1 << 21]));
    edge.answer("pull", Answer::Say(200, json!({"result": {"messages": [{"body": 7}]}})));
    edge.answer("pull", Answer::Say(307, json!({})));
    let claim = |lease: &str, ms: i64, task: i64| {
        let params = params("fox", 1, 1);
        Answer::Say(200, json!({"task_id": task, "attempt": 1, "lease": lease, "lease_ms": ms, "params": params}))
    };
    let lease = "a".repeat(32);
    let lies = [claim("../x", 1000, 1), claim(&lease, -1, 1), claim(&lease, i64::MAX, 1), claim(&lease, 1000, -2)];
    let count = lies.len();
    for lie in lies {
        edge.answer("claim", lie);
        edge.message(r#"{"task_id":1}"#);
    }
    let runner = Runner::free(&edge.url);
    for _ in 0..count {
        edge.next("claim").await;
    }
    edge.answer("progress", Answer::Raw(b"true".to_vec()));
    edge.submit(3, params("fox", 1, 1));
    assert_eq!(edge.next("succeeded").await.json["task_id"], 3);
    assert!(edge.all(&["failed"]).is_empty());
    runner.stop().await;
}
