//! Tasks that start from pictures: asked for under the lease, read whatever they hold, given up when they can't be had.

use std::sync::atomic::Ordering;
use std::time::Duration;

use gpu_runner::backend::Rgb;
use protocol::runner::DrawParams;
use serde_json::{Value, json};

use crate::edge::{Answer, Edge};
use crate::rig::{Runner, params};

/// Of these many pictures.
fn from(count: usize) -> DrawParams {
    let mut params = params("fox", 4, 1);
    params.from_images = (0..count).map(|i| format!("https://example.com/{i}?secret")).collect();
    params.strength = Some(0.5);
    params
}

fn png(colour: u8) -> Vec<u8> {
    let rgb = Rgb { width: 40, height: 30, bytes: vec![colour; 3 * 40 * 30] };
    gpu_runner::png::encode(&rgb, &[]).unwrap()
}

async fn end(edge: &mut Edge) -> Value {
    edge.until("an end", |call| matches!(call.what, "succeeded" | "failed") && call.status == 200).await.json
}

#[tokio::test]
async fn each_picture_is_asked_for_under_the_lease_and_reaches_the_backend() {
    let mut edge = Edge::start().await;
    edge.submit(3, from(2));
    edge.inputs(3, &[&png(10), &png(200)]);
    let runner = Runner::free(&edge.url);
    assert_eq!(end(&mut edge).await["outputs"].as_array().unwrap().len(), 1);
    let asked: Vec<_> = edge.all(&["input"]).into_iter().map(|call| (call.key, call.id, call.status)).collect();
    let call = |i: usize| (format!("in/3/1/{i}"), format!("get_in/3/1/{i}"), 200);
    assert_eq!(asked, [call(0), call(1)]);
    // At the size that is drawn, and so many steps as half of the picture wants.
    let job = runner.gate.jobs.lock().unwrap().pop().unwrap();
    assert!(job.from.iter().all(|rgb| (rgb.width, rgb.height) == (64, 72)));
    assert_eq!((job.from[0].bytes[0], job.from[1].bytes[0]), (10, 200));
    let steps: Vec<_> = edge.all(&["progress"]).iter().map(|told| told.json["steps"].clone()).collect();
    assert!(steps.iter().all(|steps| *steps == 2), "{steps:?}");
    runner.stop().await;
}

#[tokio::test]
async fn the_mask_is_asked_for_behind_the_pictures() {
    let mut edge = Edge::start().await;
    let mut params = from(2);
    params.mask = Some("https://example.com/mask?secret".into());
    edge.submit(3, params.clone());
    edge.inputs(3, &[&png(10), &png(20), &png(255)]);
    let runner = Runner::free(&edge.url);
    assert!(end(&mut edge).await["outputs"].is_array());
    let job = runner.gate.jobs.lock().unwrap().pop().unwrap();
    let mask = job.mask.unwrap();
    assert!(mask.is(64, 72) && mask.drawn().all(|drawn| drawn));

    edge.submit(4, params);
    edge.inputs(4, &[&png(10), &png(20), b"<html>"]);
    let failed = end(&mut edge).await;
    let message = failed["message"].as_str().unwrap();
    assert!(failed["code"] == "invalid_image" && message.starts_with("mask is not a picture"), "{failed}");
    runner.stop().await;
}

#[tokio::test]
async fn the_first_picture_settles_the_shape_where_it_may() {
    let mut edge = Edge::start().await;
    let mut params = from(2);
    (params.width, params.height, params.auto_aspect) = (64, 64, true);
    edge.submit(3, params);
    let tall = Rgb { width: 10, height: 30, bytes: vec![9; 3 * 10 * 30] };
    // 40 × 30, then a tall one: the first counts.
    edge.inputs(3, &[&png(10), &gpu_runner::png::encode(&tall, &[]).unwrap()]);
    let runner = Runner::free(&edge.url);
    assert!(end(&mut edge).await["outputs"].is_array());
    let job = runner.gate.jobs.lock().unwrap().pop().unwrap();
    assert_eq!((job.params.width, job.params.height), (96, 64));
    assert!(job.from.iter().all(|rgb| (rgb.width, rgb.height) == (96, 64)));
    runner.stop().await;
}

#[tokio::test]
async fn a_strength_of_nothing_is_a_task_too() {
    let mut edge = Edge::start().await;
    let mut params = from(1);
    params.strength = Some(0.0);
    edge.submit(3, params);
    edge.inputs(3, &[&png(10)]);
    let runner = Runner::free(&edge.url);
    assert!(end(&mut edge).await["outputs"].is_array());
    runner.stop().await;
}

#[tokio::test]
async fn pictures_that_can_not_be_had_end_the_task_with_their_code() {
    let refusal = |status, code: &str| Answer::Say(status, json!({"error": {"code": code, "message": "m"}}));
    let huge = {
        let mut file = png(0);
        file[16..24].fill(0x7f);
        file
    };
    let truncated = png(7)[..60].to_vec();
    let cases = [
        (refusal(422, "image_unreachable"), "image_unreachable", false),
        (refusal(400, "invalid_image"), "invalid_image", false),
        (refusal(404, "not_found"), "inputs_missing", true),
        (Answer::Raw(huge), "invalid_image", false),
        (Answer::Raw(truncated), "invalid_image", false),
        (Answer::Raw(b"<html>".to_vec()), "invalid_image", false),
        (Answer::Raw(Vec::new()), "invalid_image", false),
    ];
    let mut edge = Edge::start().await;
    let runner = Runner::free(&edge.url);
    for (task, (answer, code, retryable)) in (1..).zip(cases) {
        edge.inputs(task, &[&png(10), &png(20)]);
        edge.answer("input", answer);
        edge.submit(task, from(2));
        let failed = end(&mut edge).await;
        let told = (&failed["task_id"], &failed["code"], &failed["retryable"]);
        assert_eq!(told, (&json!(task), &json!(code), &json!(retryable)));
        let message = failed["message"].as_str().unwrap();
        assert!(!message.contains("secret") && message.ends_with('.'), "{message}");
    }
    // The runner lives on, on the thread it had.
    edge.inputs(99, &[&png(10)]);
    edge.submit(99, from(1));
    assert!(end(&mut edge).await["outputs"].is_array());
    assert_eq!(runner.gate.made.load(Ordering::SeqCst), 1);
    runner.stop().await;
}

#[tokio::test]
async fn an_edge_that_has_none_for_a_moment_is_asked_again() {
    let mut edge = Edge::start().await;
    edge.fails("input", 503, 2);
    edge.answer("input", Answer::Raw(vec![b'x'; (20 << 20) + 1]));
    edge.submit(3, from(1));
    edge.inputs(3, &[&png(10)]);
    let runner = Runner::free(&edge.url);
    assert!(end(&mut edge).await["outputs"].is_array());
    let asked: Vec<_> = edge.all(&["input"]).iter().map(|call| call.status).collect();
    assert_eq!(asked, [503, 503, 200, 200]);
    runner.stop().await;
}

#[tokio::test]
async fn an_edge_that_has_none_for_long_is_given_up_for_another_time() {
    let mut edge = Edge::start().await;
    edge.fails("input", 503, 1000);
    edge.submit(3, from(1));
    let runner = Runner::gated(&edge.url, |config| config.pace.inputs = Duration::from_millis(20));
    let failed = end(&mut edge).await;
    assert_eq!((&failed["code"], &failed["retryable"]), (&json!("inputs_missing"), &json!(true)));
    assert!(edge.all(&["input"]).len() > 1);
    runner.stop().await;
}

#[tokio::test]
async fn the_lease_is_kept_while_a_picture_is_waited_for_and_a_cancel_is_heard() {
    let mut edge = Edge::start().await;
    edge.answer("input", Answer::Never);
    edge.submit(3, from(1));
    let runner = Runner::gated(&edge.url, |config| config.pace.beat = Duration::from_millis(2));
    edge.next("input").await;
    for seq in 1..=3 {
        let told = edge.next("progress").await.json;
        assert_eq!((&told["seq"], &told["step"], &told["steps"]), (&json!(seq), &json!(0), &json!(2)));
    }
    edge.cancel();
    assert_eq!(end(&mut edge).await["code"], "canceled");
    runner.stop().await;
}

#[tokio::test]
async fn a_task_that_was_taken_over_meanwhile_is_dropped_without_a_word() {
    let mut edge = Edge::start().await;
    edge.stale("input");
    edge.submit(3, from(1));
    edge.submit(4, params("fox", 1, 1));
    let runner = Runner::free(&edge.url);
    assert_eq!(end(&mut edge).await["task_id"], 4);
    assert!(edge.all(&["failed"]).is_empty());
    runner.stop().await;
}

#[tokio::test]
async fn nothing_is_fetched_for_what_can_not_be_drawn() {
    let mut edge = Edge::start().await;
    let mut wrong = from(1);
    wrong.width = 65;
    edge.submit(1, wrong);
    edge.submit(2, from(17));
    let runner = Runner::free(&edge.url);
    for word in ["width", "from_images"] {
        let failed = end(&mut edge).await;
        assert_eq!(failed["code"], "request_invalid");
        assert!(failed["message"].as_str().unwrap().contains(word), "{failed}");
    }
    assert!(edge.all(&["input"]).is_empty());
    runner.stop().await;
}
