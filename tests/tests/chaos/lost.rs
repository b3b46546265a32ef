//! Runners that vanish: their lease runs out, another attempt takes over, and nothing is drawn twice for the user.

use protocol::runner::Claim;
use serde_json::{Value, json};
use tests::{Account, DedicatedEdge, Runner, RunnerProcess, State, Watch, held, picture, until};

async fn images(ann: &Account, task: i64) -> Vec<Value> {
    let page = ann.get(&format!("/api/images?task={task}&sort=date%2B")).send().await.expect(200).json();
    page["list"].as_array().expect("a list").clone()
}

/// Claims as soon as the task can be had again.
async fn claim_again(runner: &Runner, task: i64) -> Claim {
    until("the task can be claimed again", async || {
        let answer = runner.try_claim(task).await;
        (answer.status == 200).then(|| serde_json::from_slice(&answer.bytes).expect("a claim"))
    })
    .await
}

#[tokio::test]
async fn a_lease_that_runs_out_gives_the_task_to_the_next() {
    let state = State::new();
    let own = DedicatedEdge::start(&state, 1000, 0);
    let ann = own.edge.sign_up("ann").await;
    let (lost, next) = (Runner::register(&own.edge).await, Runner::register(&own.edge).await);
    let task = ann.submit(&json!({})).await;
    let first = lost.claim(task).await;
    lost.put(&first, 1, &picture(64, 64, 1)).await;
    // From here on the first says nothing.
    let second = claim_again(&next, task).await;
    assert_eq!((second.attempt, &second.work), (2, &first.work));
    assert_ne!(second.lease, first.lease);
    let output = next.put(&second, 2, &picture(64, 64, 2)).await;
    next.say("succeeded", &held(&second, 1), &json!({"outputs": [output]})).await.expect(200);

    // The first comes back with a result of its own.
    for what in ["succeeded", "failed"] {
        let more = json!({"outputs": [output], "code": "x", "message": "", "retryable": true});
        let answer = lost.say(what, &held(&first, 1), &more).await;
        assert!((400..500).contains(&answer.status), "{what}: {}", answer.text());
    }
    let (task_seen, images) = (ann.task(task).await, images(&ann, task).await);
    assert_eq!((&task_seen["status"], &task_seen["attempt"], images.len()), (&json!("success"), &json!(2), 1));
    assert_eq!(images[0]["url"], json!(format!("/files/{}", output.key)));
}

#[tokio::test]
async fn a_task_whose_runners_are_all_lost_ends() {
    let state = State::new();
    let own = DedicatedEdge::start(&state, 1000, 0);
    let ann = own.edge.sign_up("ann").await;
    let runner = Runner::register(&own.edge).await;
    let task = ann.submit(&json!({})).await;
    let mut watch = Watch::of(&ann, &format!("/api/tasks/{task}")).await;
    for attempt in 1..=3 {
        assert_eq!(claim_again(&runner, task).await.attempt, attempt);
        watch.until(|frame| frame["status"] == "running").await;
    }
    let (frames, code) = watch.rest().await;
    let last = frames.last().expect("a frame");
    assert_eq!((code, &last["status"], &last["error"]["code"]), (1000, &json!("error"), &json!("poison")));
    runner.try_claim(task).await.refused(409, "stale_lease");
    assert_eq!(images(&ann, task).await.len(), 0);
}

#[tokio::test]
async fn a_runner_killed_in_the_middle_is_replaced_and_nothing_is_there_twice() {
    let state = State::new();
    let own = DedicatedEdge::start(&state, 2000, 0);
    let ann = own.edge.sign_up("ann").await;
    let first = RunnerProcess::start(&own.edge, "first");
    let task = ann.submit(&json!({"width": 128, "height": 128, "num_inference_steps": 100, "n": 2, "seed": 3})).await;
    let mut watch = Watch::of(&ann, &format!("/api/tasks/{task}")).await;
    watch.until(|frame| frame["data"]["step"].as_i64() > Some(0)).await;
    first.kill();
    let _second = RunnerProcess::start(&own.edge, "second");
    let (frames, code) = watch.rest().await;
    let mut states: Vec<&str> = frames.iter().filter_map(|frame| frame["status"].as_str()).collect();
    states.dedup();
    // Frames the first one's last callbacks made may come before.
    let states = states.strip_prefix(&["running"]).unwrap_or(&states);
    assert_eq!((code, states), (1000, &["waiting", "running", "success"][..]));
    let last = frames.last().expect("a frame");
    let (seen, images) = (ann.task(task).await, images(&ann, task).await);
    assert_eq!((&seen["attempt"], &seen["images"], images.len()), (&json!(2), &last["data"]["images"], 2));
    for (image, seed) in images.iter().zip([3, 4]) {
        assert_eq!(image["seed"], seed);
        let url = image["url"].as_str().expect("a url");
        assert!(url.starts_with(&format!("/files/out/{task}/2/")), "{url}");
        own.edge.get(url).send().await.expect(200);
    }
}
