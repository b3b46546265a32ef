//! Trainings that go on elsewhere: after a kill, after SIGTERM, with states that can or can't be used.

use std::sync::Arc;
use std::time::Duration;

use protocol::runner::{ModelKind, PART_BYTES, TrainParams};
use serde_json::json;

use crate::edge::{Answer, Call, Edge};
use crate::rig::Gate;
use crate::training_rig::{Place, end, picture, result, submit, training, unbroken};

const STEPS: u32 = 7;

fn stored(at_least: u64) -> impl Fn(&Call) -> bool {
    move |call| call.what == "state" && call.status == 200 && call.json["step"].as_u64().unwrap() >= at_least
}

/// Each runner has a cache of its own, as on another machine.
#[tokio::test]
async fn killed_twice_it_ends_with_the_same_file() {
    for kind in [ModelKind::Lora, ModelKind::Ckp, ModelKind::Ti, ModelKind::Hyper] {
        let whole = unbroken(training(kind, STEPS)).await;
        let mut edge = Edge::start().await;
        submit(&edge, 5, training(kind, STEPS));
        let mut kept = 0;
        for _ in 0..2 {
            let place = Place::new();
            let runner = place.gated(&edge, |config| config.training.state_every = Duration::ZERO);
            // Stands still after this one.
            place.steps.open(1);
            kept = edge.until("a state", stored(kept + 1)).await.json["step"].as_u64().unwrap();
            runner.kill().await;
            place.steps.open(usize::MAX);
            edge.release(5);
            edge.announce_training(5);
        }
        let place = Place::new();
        let runner = place.free(&edge, |_| {});
        let trained = end(&mut edge).await.json;
        assert_eq!((&trained["attempt"], &trained["steps"]), (&json!(3), &json!(STEPS)));
        runner.stop().await;
        assert!(result(&edge, &trained) == whole, "{kind:?}");
        // The later attempts went on: none of them began with the first step.
        let first = |attempt: i64| {
            let steps = edge.all(&["progress"]).into_iter().filter(move |call| call.json["attempt"] == attempt);
            steps.filter(|call| call.json["loss"].is_number()).map(|call| call.json["step"].as_u64().unwrap()).min()
        };
        let first = [first(1), first(2), first(3)].map(Option::unwrap);
        assert!(first[0] <= 2 && first[0] < first[1] && first[1] < first[2], "{first:?}");
    }
}

#[tokio::test]
async fn asked_to_stop_it_stores_its_state_and_hands_the_training_back() {
    let whole = unbroken(training(ModelKind::Lora, STEPS)).await;
    let (mut edge, place) = (Edge::start().await, Place::new());
    submit(&edge, 5, training(ModelKind::Lora, STEPS));
    let mut runner = place.gated(&edge, |_| {});
    place.steps.open(2);
    edge.until("three steps", |call| call.what == "progress" && call.json["step"] == 3).await;
    runner.stopper.stop();
    edge.until("stopping", |call| call.what == "trainer-heartbeat" && call.json["status"] == "stopping").await;
    place.steps.open(1);
    let state = edge.until("a state", stored(0)).await.json;
    assert_eq!(state["step"], 3);
    let failed = end(&mut edge).await.json;
    assert_eq!((&failed["code"], &failed["retryable"]), (&json!("runner_stopping"), &json!(true)));
    runner.ended().await.unwrap();

    // On the same machine nothing is fetched a second time.
    let fetched = edge.rest(&["image", "kept-state"]).len();
    edge.release(5);
    edge.announce_training(5);
    place.steps.open(usize::MAX);
    let runner = place.free(&edge, |_| {});
    let trained = end(&mut edge).await.json;
    runner.stop().await;
    assert!(result(&edge, &trained) == whole);
    assert_eq!((fetched, edge.rest(&["image", "kept-state"]).len()), (5, 5));
    let expected = edge.all(&["progress"]).into_iter().find(|call| call.json["attempt"] == 2).unwrap().json;
    assert_eq!(expected["step"], 3, "progress does not go back");
}

#[tokio::test]
async fn asked_to_stop_before_the_first_step_it_hands_the_training_back_at_once() {
    let (mut edge, place) = (Edge::start().await, Place::new());
    edge.answer("dataset", Answer::Never);
    submit(&edge, 5, training(ModelKind::Lora, STEPS));
    let mut runner = place.free(&edge, |_| {});
    edge.next("dataset").await;
    runner.stopper.stop();
    assert_eq!(end(&mut edge).await.json["code"], "runner_stopping");
    runner.ended().await.unwrap();
    assert!(edge.rest(&["upload"]).is_empty());
}

#[tokio::test]
async fn a_step_that_takes_too_long_is_not_waited_for() {
    let (mut edge, place) = (Edge::start().await, Place::new());
    submit(&edge, 5, training(ModelKind::Lora, STEPS));
    let mut runner = place.gated(&edge, |config| config.pace.grace = Duration::from_millis(5));
    edge.until("a step", |call| call.what == "progress" && call.json["step"] == 1).await;
    runner.stopper.stop();
    assert_eq!(end(&mut edge).await.json["code"], "runner_stopping");
    runner.ended().await.unwrap();
    place.steps.open(usize::MAX);
}

#[tokio::test]
async fn a_state_that_can_not_be_used_costs_the_work_and_not_the_task() {
    let whole = unbroken(training(ModelKind::Ti, 3)).await;
    for case in ["of another dataset", "gone", "damaged", "short"] {
        let mut edge = Edge::start().await;
        if case == "of another dataset" {
            let other = picture(9);
            edge.trainings(|trainings| trainings.set_images(5, &[(other.as_slice(), "a fox")]));
            edge.submit_training(5, training(ModelKind::Ti, 3));
        } else {
            submit(&edge, 5, training(ModelKind::Ti, 3));
        }
        let place = Place::new();
        let runner = place.gated(&edge, |config| config.training.state_every = Duration::ZERO);
        edge.until("a state", stored(1)).await;
        runner.kill().await;
        place.steps.open(usize::MAX);
        match case {
            "gone" => edge.fails("kept-state", 404, 1),
            "damaged" => edge.trainings(|trainings| {
                let (key, _) = trainings.states[&5].clone();
                *trainings.objects.get_mut(&key).unwrap().last_mut().unwrap() ^= 1;
            }),
            "short" => edge.answer("kept-state", Answer::Raw(b"x".to_vec())),
            _ => {}
        }
        edge.release(5);
        submit_again(&edge, case);
        let place = Place::new();
        let runner = place.free(&edge, |_| {});
        let trained = end(&mut edge).await;
        assert_eq!(trained.what, "trained", "{case}");
        assert!(result(&edge, &trained.json) == whole, "{case}");
        runner.stop().await;
    }
}

/// The task's own images, whatever it began with.
fn submit_again(edge: &Edge, case: &str) {
    if case == "of another dataset" {
        let state = edge.trainings(|trainings| trainings.states[&5].clone());
        submit(edge, 5, training(ModelKind::Ti, 3));
        edge.trainings(|trainings| trainings.states.insert(5, state));
    } else {
        edge.announce_training(5);
    }
}

#[tokio::test]
async fn a_state_that_is_not_taken_does_not_hold_up_the_training() {
    for (what, status) in [("upload", 503), ("part", 413), ("complete", 400), ("state", 422), ("state", 503)] {
        let (mut edge, place) = (Edge::start().await, Place::new());
        edge.fails(what, status, 1);
        submit(&edge, 5, training(ModelKind::Ti, 30));
        let runner = place.gated(&edge, |config| config.training.state_every = Duration::ZERO);
        // As many steps as it takes until one is stored.
        let steps = place.steps.clone();
        let stepping = tokio::spawn(async move {
            loop {
                steps.open(1);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        let state = edge.until("a state", |call| call.what == "state" && call.status == 200).await.json;
        stepping.abort();
        place.steps.open(usize::MAX);
        assert!(state["step"].as_u64().unwrap() >= 1, "{what}");
        assert_eq!(end(&mut edge).await.what, "trained", "{what} {status}");
        runner.stop().await;
    }
}

/// A LoRA of the highest rank: its state is larger than a part.
#[tokio::test]
async fn large_states_go_and_come_in_parts() {
    let params = TrainParams { rank: 256, ..training(ModelKind::Lora, 2) };
    let whole = unbroken(params.clone()).await;
    let (mut edge, place) = (Edge::start().await, Place::new());
    submit(&edge, 5, params);
    let runner = place.gated(&edge, |config| config.training.state_every = Duration::ZERO);
    let state = edge.until("a state", stored(1)).await.json;
    runner.kill().await;
    place.steps.open(usize::MAX);
    assert!(state["size"].as_u64().unwrap() > PART_BYTES, "{state}");
    let parts: Vec<String> = edge.all(&["part"]).into_iter().map(|call| call.key).collect();
    assert!(parts.len() > 1 && parts[0].ends_with("/1") && parts[1].ends_with("/2"), "{parts:?}");
    edge.release(5);
    edge.announce_training(5);
    let place = Place::new();
    let runner = place.free(&edge, |_| {});
    let trained = end(&mut edge).await.json;
    runner.stop().await;
    assert!(result(&edge, &trained) == whole);
}

/// A state is asked for only after the one before it is with the edge.
#[tokio::test]
async fn the_upload_of_a_state_does_not_hold_up_the_steps() {
    let (mut edge, place) = (Edge::start().await, Place::new());
    edge.answer("part", Answer::Never);
    submit(&edge, 5, training(ModelKind::Ti, 6));
    let waits: Arc<Gate> = Arc::default();
    let runner = place.gated(&edge, |config| {
        config.training.state_every = Duration::ZERO;
        let (steps, waits) = (place.steps.clone(), waits.clone());
        config.training.after_step = Some(Arc::new(move |step| {
            steps.announced.store(step, std::sync::atomic::Ordering::SeqCst);
            // The last steps are done while the part is on its way.
            if step == 2 {
                waits.pass();
            }
        }));
    });
    edge.next("part").await;
    waits.open(1);
    edge.until("the last step", |call| call.what == "progress" && call.json["step"] == 6).await;
    assert_eq!(edge.all(&["upload"]).len(), 1);
    assert_eq!(end(&mut edge).await.what, "trained");
    runner.stop().await;
    assert!(edge.rest(&["state"]).is_empty());
}

#[tokio::test]
async fn states_are_stored_after_so_many_steps() {
    let (mut edge, place) = (Edge::start().await, Place::new());
    submit(&edge, 5, training(ModelKind::Ti, 7));
    let runner = place.gated(&edge, |config| config.training.state_every_steps = 3);
    for step in [3, 6] {
        place.steps.open(2);
        let state = edge.until("a state", stored(0)).await.json;
        assert_eq!(state["step"], step);
        place.steps.open(1);
    }
    place.steps.open(usize::MAX);
    assert_eq!(end(&mut edge).await.what, "trained");
    runner.stop().await;
    assert_eq!(edge.rest(&["state"]).len(), 2);
}
