//! A lease in good and bad days: kept while nothing ends, dropped when it is gone, ended when the user cancels.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use crate::edge::{Answer, Edge};
use crate::rig::{Runner, params};

#[tokio::test]
async fn signs_of_life_go_on_while_no_step_ends() {
    let mut edge = Edge::start().await;
    edge.submit(1, params("fox", 1, 1));
    let runner = Runner::gated(&edge.url, |config| config.pace.beat = Duration::from_millis(2));
    for seq in 1..=4 {
        let told = edge.next("progress").await.json;
        assert_eq!((&told["seq"], &told["step"]), (&json!(seq), &json!(0)));
    }
    runner.gate.open(usize::MAX);
    edge.next("succeeded").await;
    runner.stop().await;
}

#[tokio::test]
async fn a_third_of_the_lease_is_the_longest_silence_and_each_word_extends_it() {
    let mut edge = Edge::start().await;
    edge.lease_ms(1500);
    edge.submit(1, params("fox", 1, 1));
    let runner = Runner::gated(&edge.url, |_| {});
    edge.next("progress").await;
    let began = std::time::Instant::now();
    for _ in 0..4 {
        edge.next("progress").await;
    }
    assert!(began.elapsed() >= Duration::from_millis(1600), "longer than the lease that was given");
    runner.gate.open(usize::MAX);
    edge.next("succeeded").await;
    runner.stop().await;
}

#[tokio::test]
async fn a_callback_that_hangs_does_not_cost_the_lease() {
    let mut edge = Edge::start().await;
    edge.lease_ms(2400);
    edge.submit(1, params("fox", 1, 1));
    edge.answer("progress", Answer::Never);
    edge.answer("succeeded", Answer::Never);
    let runner = Runner::gated(&edge.url, |_| {});
    edge.next("progress").await;
    edge.next("progress").await;
    runner.gate.open(usize::MAX);
    edge.until("the end", |call| call.what == "succeeded" && call.status == 200).await;
    runner.stop().await;
}

#[tokio::test]
async fn a_cancel_stops_within_one_step() {
    let mut edge = Edge::start().await;
    edge.submit(1, params("fox", 50, 1));
    edge.submit(2, params("fox", 1, 1));
    let runner = Runner::gated(&edge.url, |_| {});
    edge.next("progress").await;
    runner.gate.open(1);
    edge.next("progress").await;
    edge.cancel();
    runner.gate.open(1);
    edge.next("progress").await;
    let failed = edge.next("failed").await.json;
    assert_eq!(
        (&failed["task_id"], &failed["code"], &failed["retryable"]),
        (&json!(1), &json!("canceled"), &json!(false))
    );
    // Task 2 is claimed at once, and drawn when the step of task 1 is over.
    edge.until("claim of 2", |call| call.what == "claim" && call.json["task_id"] == 2).await;
    let announced = runner.gate.announced.load(Ordering::SeqCst);
    runner.gate.open(1);
    edge.until("step of 2", |call| call.what == "progress" && call.json["task_id"] == 2).await;
    // Three steps of task 1 were announced, the one it stopped at, and the first of task 2.
    assert_eq!((announced, runner.gate.announced.load(Ordering::SeqCst)), (3, 5));
    runner.gate.open(usize::MAX);
    runner.stop().await;
}

#[tokio::test]
async fn a_cancel_is_heard_while_pictures_are_stored() {
    let mut edge = Edge::start().await;
    edge.submit(1, params("fox", 1, 1));
    edge.answer("put", Answer::Never);
    let runner = Runner::gated(&edge.url, |config| {
        config.pace.beat = Duration::from_millis(2);
        config.preview_every = Some(0);
    });
    runner.gate.open(usize::MAX);
    edge.next("put").await;
    edge.cancel();
    assert_eq!(edge.next("failed").await.json["code"], "canceled");
    runner.stop().await;
}

#[tokio::test]
async fn a_task_that_was_taken_over_is_dropped_without_a_word() {
    for at in ["progress", "put", "succeeded"] {
        let mut edge = Edge::start().await;
        edge.submit(1, params("fox", 2, 1));
        edge.submit(2, params("fox", 2, 1));
        let runner = Runner::gated(&edge.url, |config| config.preview_every = Some(0));
        edge.next("progress").await;
        if at == "progress" {
            edge.take_away(1);
            runner.gate.open(1);
            assert_eq!(edge.next("progress").await.status, 409);
            runner.gate.open(1);
        } else {
            edge.stale(at);
        }
        runner.gate.open(usize::MAX);
        let done = edge.until("the other task", |call| call.what == "succeeded" && call.status == 200).await;
        assert_eq!(done.json["task_id"], 2, "{at}");
        let about: Vec<_> = edge.all(&["succeeded", "failed"]).iter().map(|call| (call.what, call.status)).collect();
        let expected: &[_] =
            if at == "succeeded" { &[("succeeded", 409), ("succeeded", 200)] } else { &[("succeeded", 200)] };
        assert_eq!(about, expected, "{at}");
        runner.stop().await;
    }
}

#[tokio::test]
async fn nothing_is_said_once_the_lease_can_not_hold_any_more() {
    let mut edge = Edge::start().await;
    edge.lease_ms(500);
    edge.submit(1, params("fox", 1, 1));
    // More than fit into the time.
    edge.fails("put", 503, 1000);
    edge.fails("progress", 503, 1000);
    let runner = Runner::free(&edge.url);
    edge.next("put").await;
    // The next task, with a sound lease, is begun.
    edge.lease_ms(60_000);
    edge.submit(2, params("fox", 1, 1));
    edge.until("claim of 2", |call| call.what == "claim" && call.json["task_id"] == 2).await;
    assert!(edge.all(&["succeeded", "failed"]).is_empty());
    drop(runner);
}
