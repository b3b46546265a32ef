//! Trainings that end without a result: canceled, taken away, refused before the first step.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use gpu_runner::memory_budget::MemoryBudget;
use protocol::runner::{Checkpoint, ModelKind, TrainParams};
use serde_json::json;

use crate::edge::{Answer, Edge};
use crate::training_rig::{Place, end, picture, result, submit, training};

#[tokio::test]
async fn a_cancel_ends_a_training_within_a_step() {
    let (mut edge, place) = (Edge::start().await, Place::new());
    submit(&edge, 5, training(ModelKind::Lora, 50));
    let runner = place.gated(&edge, |_| {});
    place.steps.open(1);
    edge.until("two steps", |call| call.what == "progress" && call.json["step"] == 2).await;
    edge.cancel();
    place.steps.open(1);
    // The third step's report hears of it.
    let failed = end(&mut edge).await.json;
    assert_eq!((&failed["code"], &failed["retryable"]), (&json!("canceled"), &json!(false)));
    place.steps.open(usize::MAX);
    // The next training has the thread when the canceled one is off it.
    submit(&edge, 6, training(ModelKind::Ti, 2));
    let failed = end(&mut edge).await.json;
    assert_eq!((&failed["task_id"], &failed["code"]), (&json!(6), &json!("canceled")));
    assert!(place.steps.announced.load(Ordering::SeqCst) <= 3);
    runner.stop().await;
    assert!(edge.rest(&["upload", "trained"]).is_empty());
    place.emptied().await;
}

#[tokio::test]
async fn a_training_that_was_taken_over_is_dropped_without_a_word() {
    for at in ["progress", "dataset", "image", "upload", "part", "complete", "state", "trained"] {
        let (mut edge, place) = (Edge::start().await, Place::new());
        edge.stale(at);
        submit(&edge, 5, training(ModelKind::Ti, 2));
        let runner = place.free(&edge, |config| {
            if at == "state" {
                config.training.state_every = Duration::ZERO;
            }
        });
        let said = edge.until("the refusal", |call| call.what == at && call.status == 409).await;
        assert_eq!(said.status, 409);
        submit(&edge, 6, training(ModelKind::Ti, 1));
        let trained = end(&mut edge).await;
        assert_eq!((trained.what, &trained.json["task_id"]), ("trained", &json!(6)), "{at}");
        runner.stop().await;
        let about: Vec<_> = edge.rest(&["trained", "failed"]).into_iter().filter(|call| call.status == 200).collect();
        assert_eq!(about.len(), 1, "{at}");
    }
}

#[tokio::test]
async fn what_can_not_be_learnt_from_is_refused_before_the_first_step() {
    let (good, text) = (picture(1), b"<html>".to_vec());
    let small =
        gpu_runner::png::encode(&gpu_runner::backend::Rgb { width: 4, height: 4, bytes: vec![0; 48] }, &[]).unwrap();
    let lora = || training(ModelKind::Lora, 3);
    let no_trigger = |kind| TrainParams { trigger_words: " , ".into(), ..training(kind, 3) };
    let no_words = TrainParams { trigger_words: String::new(), ..lora() };
    type Images<'a> = Vec<(&'a [u8], &'a str)>;
    let images: Images = vec![(&good, "a fox")];
    let cases: [(TrainParams, Images, &str, &str); 8] = [
        (lora(), vec![], "dataset_empty", "The dataset has no images."),
        (
            lora(),
            vec![(&good, ""), (&text, "a fox"), (&small, "")],
            "dataset_invalid",
            "2 of 3 images can't be learned from: image 12: not a PNG, JPEG or WebP picture; image 13: 4x4 pixels are \
             too few, both sides must be 8 or more",
        ),
        (
            no_words,
            vec![(&good, "")],
            "dataset_invalid",
            "1 of 1 images can't be learned from: image 11: no caption, and \
             no trigger words",
        ),
        (
            no_trigger(ModelKind::Ti),
            images.clone(),
            "plan_invalid",
            "a textual inversion learns the first of the trigger \
             words, and there are none",
        ),
        (TrainParams { steps: None, ..lora() }, images.clone(), "plan_invalid", "either steps or epochs are wanted"),
        (TrainParams { rank: 0, ..lora() }, images.clone(), "plan_invalid", "rank = 0 is not within 1 to 256"),
        (
            TrainParams { batch_size: 65, ..lora() },
            images.clone(),
            "plan_invalid",
            "batch_size = 65 is not within 1 to 64",
        ),
        (
            TrainParams { learning_rate: Some(2.0), ..lora() },
            images,
            "plan_invalid",
            "the learning rate is out of range",
        ),
    ];
    let (mut edge, place) = (Edge::start().await, Place::new());
    let runner = place.free(&edge, |_| {});
    for (task, (params, images, code, message)) in (1..).zip(cases) {
        edge.trainings(|trainings| trainings.set_images(task, &images));
        edge.submit_training(task, params);
        let failed = end(&mut edge).await.json;
        assert_eq!(
            (&failed["task_id"], &failed["code"], &failed["retryable"]),
            (&json!(task), &json!(code), &json!(false))
        );
        assert_eq!(failed["message"], message);
    }
    // One more than a training takes; not a file is asked for.
    let asked = edge.rest(&["image"]).len();
    let many: Vec<(&[u8], &str)> = vec![(&good, ""); domain::training::MAX_IMAGES + 1];
    edge.trainings(|trainings| {
        trainings.set_images(20, &many);
        trainings.page = protocol::runner::DATASET_PAGE;
    });
    edge.submit_training(20, lora());
    let failed = end(&mut edge).await.json;
    assert_eq!((&failed["code"], &failed["retryable"]), (&json!("dataset_too_large"), &json!(false)));
    assert_eq!(edge.rest(&["image"]).len(), asked);
    assert_eq!(place.steps.announced.load(Ordering::SeqCst), 0);
    runner.stop().await;
    place.emptied().await;
}

#[tokio::test]
async fn models_that_can_not_be_trained_are_refused() {
    let (mut edge, place) = (Edge::start().await, Place::new());
    let config = place.model().join("unet/config.json");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace(r#""in_channels": 4"#, r#""in_channels": 9"#)).unwrap();
    let runner = place.free(&edge, |_| {});
    submit(&edge, 5, training(ModelKind::Lora, 1));
    let failed = end(&mut edge).await.json;
    assert_eq!((&failed["code"], &failed["retryable"]), (&json!("model_unsupported"), &json!(false)));
    assert_eq!(failed["message"], "The model can't be trained.");
    // Nothing is fetched for it.
    assert!(edge.rest(&["dataset"]).is_empty());
    let broken = b"\x10\0\0\0\0\0\0\0{\"__metadata__\":".to_vec();
    let model = Checkpoint { model_id: 31, name: "ink".into(), size: broken.len() as u64, sha256: None };
    submit(&edge, 6, TrainParams { model: Some(model), ..training(ModelKind::Lora, 1) });
    edge.model(6, &broken);
    assert_eq!(end(&mut edge).await.json["code"], "weights_invalid");
    runner.stop().await;
}

#[tokio::test]
async fn what_does_not_fit_in_memory_is_refused_and_what_drawing_needs_is_left() {
    for (memory, kept_for_drawing, fits) in [(1 << 20, 0, false), (1 << 30, 1 << 30, false), (1 << 30, 0, true)] {
        let (mut edge, place) = (Edge::start().await, Place::new());
        let budget = MemoryBudget::new(Some(memory));
        let runner = place.free(&edge, |config| {
            config.training.memory = budget.clone();
            config.training.kept_for_drawing = kept_for_drawing;
        });
        submit(&edge, 5, training(ModelKind::Lora, 1));
        let ended = end(&mut edge).await;
        assert_eq!(ended.what == "trained", fits, "{memory}");
        if !fits {
            assert_eq!((&ended.json["code"], &ended.json["retryable"]), (&json!("out_of_memory"), &json!(true)));
            let message = ended.json["message"].as_str().unwrap();
            let has = if memory == 1 << 20 { "has 1 MiB for it" } else { "has 0 MiB for it" };
            assert!(message.contains(has), "{message}");
        }
        assert_eq!(budget.left(), Some(memory), "it is free again");
        assert_eq!(place.steps.announced.load(Ordering::SeqCst), usize::from(fits));
        runner.stop().await;
    }
}

#[tokio::test]
async fn images_that_can_not_be_had_are_another_attempts_business() {
    let refusal = |status| Answer::Say(status, json!({"error": {"code": "what", "message": "m"}}));
    let cases = [
        ("image", refusal(404), false),
        ("image", refusal(400), true),
        ("image", Answer::Raw(b"another file".to_vec()), true),
        ("dataset", refusal(404), false),
        ("dataset", Answer::Say(200, json!({"images": [], "next": 5})), true),
    ];
    let (mut edge, place) = (Edge::start().await, Place::new());
    let runner = place.free(&edge, |_| {});
    for (task, (what, answer, retryable)) in (1..).zip(cases) {
        let circle = matches!(&answer, Answer::Say(200, _));
        edge.answer(what, answer);
        if circle {
            edge.answer(what, Answer::Say(200, json!({"images": [], "next": 5})));
        }
        submit(&edge, task, training(ModelKind::Lora, 1));
        let failed = end(&mut edge).await.json;
        let told = (&failed["task_id"], &failed["code"], &failed["retryable"]);
        assert_eq!(told, (&json!(task), &json!("dataset_missing"), &json!(retryable)));
    }
    // Asked again when it was only a moment.
    edge.fails("image", 503, 2);
    edge.fails("dataset", 503, 2);
    edge.fails("part", 503, 2);
    edge.fails("complete", 503, 1);
    submit(&edge, 9, training(ModelKind::Ti, 1));
    assert_eq!(end(&mut edge).await.what, "trained");
    runner.stop().await;
}

#[tokio::test]
async fn a_result_that_is_refused_is_a_failure() {
    for (what, status) in [("upload", 400), ("part", 413), ("complete", 409), ("trained", 422)] {
        let (mut edge, place) = (Edge::start().await, Place::new());
        edge.fails(what, status, 1);
        submit(&edge, 5, training(ModelKind::Ti, 1));
        let runner = place.free(&edge, |_| {});
        let failed = end(&mut edge).await.json;
        assert_eq!((&failed["code"], &failed["retryable"]), (&json!("result_refused"), &json!(true)), "{what}");
        runner.stop().await;
    }
}

/// Longer than the lease: it is the edge that says whose task it is, and it has not given it to another runner.
#[tokio::test]
async fn an_edge_that_is_down_for_long_costs_nothing() {
    for at in ["progress", "upload", "part", "complete", "trained"] {
        let (mut edge, place) = (Edge::start().await, Place::new());
        edge.lease_ms(30);
        submit(&edge, 5, training(ModelKind::Ti, 4));
        let runner = place.gated(&edge, |_| {});
        edge.until("a step", |call| call.what == "progress" && call.json["step"] == 1).await;
        if at == "progress" {
            edge.down(true);
            place.steps.open(usize::MAX);
        } else {
            edge.fails(at, 503, 1);
            place.steps.open(usize::MAX);
            edge.next(at).await;
            edge.down(true);
        }
        let (began, mut refused) = (Instant::now(), 0);
        while refused < 20 || began.elapsed() < Duration::from_millis(90) {
            let call = edge.until("a call", |call| call.status == 503).await;
            refused += usize::from(call.what != "trainer-heartbeat");
        }
        edge.down(false);
        let trained = end(&mut edge).await;
        assert_eq!((trained.what, &trained.json["steps"]), ("trained", &json!(4)), "{at}");
        runner.stop().await;
        // A repetition is the same call: the edge that took one refuses the others.
        let said: Vec<_> = edge.rest(&["trained"]).into_iter().map(|call| call.id).collect();
        assert!(said.iter().all(|id| *id == said[0]), "{said:?}");
        assert_eq!((edge.all(&["claim"]).len(), edge.all(&["failed"]).len()), (1, 0), "{at}");
    }
}

/// The edge did what it was asked, and the runner did not hear of it.
#[tokio::test]
async fn answers_that_are_lost_cost_nothing() {
    for what in ["claim", "image", "upload", "part", "complete", "state", "trained"] {
        let (mut edge, place) = (Edge::start().await, Place::new());
        edge.answer(what, Answer::DoneBut(503));
        submit(&edge, 5, training(ModelKind::Ti, 3));
        let runner = place.free(&edge, |config| config.training.state_every_steps = 1);
        if what == "claim" {
            // Nobody has the task: its lease runs out.
            edge.next("claim").await;
            edge.release(5);
            edge.announce_training(5);
        }
        let trained = edge.until("a result", |call| call.what == "trained").await.json;
        assert!(!result(&edge, &trained).is_empty(), "{what}");
        if what == "trained" {
            edge.until("its repetition", |call| call.what == "trained" && call.status == 409).await;
        }
        runner.stop().await;
        assert!(edge.rest(&["failed"]).is_empty(), "{what}");
    }
}

#[tokio::test]
async fn an_edge_that_never_comes_back_is_given_up() {
    let (mut edge, place) = (Edge::start().await, Place::new());
    edge.lease_ms(30);
    submit(&edge, 5, training(ModelKind::Ti, 4));
    let runner = place.gated(&edge, |config| config.pace.outage = Duration::from_millis(30));
    edge.until("a step", |call| call.what == "progress" && call.json["step"] == 1).await;
    edge.down(true);
    place.steps.open(1);
    for _ in 0..3 {
        edge.until("a refusal", |call| call.what == "progress" && call.status == 503).await;
    }
    // It ends with its next step, whichever that is.
    place.steps.open(usize::MAX);
    edge.until("another task wanted", |call| call.what == "pull-training").await;
    edge.down(false);
    runner.stop().await;
    assert!(edge.rest(&["trained", "failed"]).into_iter().all(|call| call.status == 503));
}
