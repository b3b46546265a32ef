//! Webhooks as a receiver outside gets them, verified by the official packages of Standard Webhooks; and pictures from
//! outside as a runner gets them.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use protocol::runner::{Claim, input_path};
use serde_json::{Value, json};
use tests::{Account, DedicatedEdge, Received, Receiver, Runner, State, held, picture, setting, size_of, until};

/// What the official packages say of deliveries: each with the secret it is checked with, and whether it is genuine.
fn check(deliveries: &[(&Received, &str, bool)]) {
    let list: Vec<Value> = deliveries
        .iter()
        .map(|(sent, secret, genuine)| {
            json!({"secret": secret, "headers": sent.headers, "body": sent.body, "genuine": genuine})
        })
        .collect();
    let node = (setting("NODE_BIN"), "/node/standard-webhooks.mjs");
    for (program, script) in [node, ("python3".to_owned(), "/python/standard-webhooks.py")] {
        let mut command = Command::new(program);
        command.arg(format!("{}{script}", env!("CARGO_MANIFEST_DIR"))).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut input = child.stdin.take().expect("its input is ours");
        input.write_all(json!(list).to_string().as_bytes()).expect("it reads");
        drop(input);
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(output.status.success() && said == list.len().to_string(), "{script}: {said}");
    }
}

fn body(sent: &Received) -> Value {
    serde_json::from_str(&sent.body).expect("a JSON body")
}

async fn draw(runner: &Runner, claim: &Claim) {
    let output = runner.put(claim, 1, &picture(64, 64, 1)).await;
    runner.say("succeeded", &held(claim, 1), &json!({"outputs": [output]})).await.expect(200);
}

async fn secret(ann: &Account, id: i64) -> String {
    let shown = ann.get(&format!("/api/webhooks/{id}/secret")).send().await.expect(200).json();
    shown["secret"].as_str().expect("a secret").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tasks_life_is_told_to_receivers_that_trust_only_signatures() {
    // Fails once, as receivers do.
    let failed = Mutex::new(false);
    let receiver = Receiver::start(move |received| {
        let mut failed = failed.lock().expect("nobody panicked");
        let fails = received.path == "/hook" && !std::mem::replace(&mut *failed, true);
        (if fails { 500 } else { 204 }, ("x-receiver", "test".to_owned()), Vec::new())
    })
    .await;
    let state = State::new();
    let own = DedicatedEdge::start_with(&state, 0, &[("FETCH_ALLOW", &receiver.allowed())]);
    let ann = own.edge.sign_up("ann").await;
    let runner = Runner::register(&own.edge).await;
    let private = json!({"url": "http://127.0.0.1:1/hook"});
    ann.post("/api/webhooks", &private).send().await.refused(400, "invalid_parameter");
    let hook = ann.make("/api/webhooks", &json!({"url": receiver.url("/hook")})).await;
    let first = secret(&ann, hook).await;

    let task = ann.submit(&json!({"webhook": receiver.url("/task")})).await;
    let claim = runner.claim(task).await;
    draw(&runner, &claim).await;
    let of = |path: &'static str, kind: &'static str| {
        receiver.next(kind, move |sent| sent.path == path && body(sent)["type"] == kind)
    };
    let mut told = Vec::new();
    for kind in ["task.created", "task.started", "task.succeeded"] {
        let (sent, again) = (of("/hook", kind).await, of("/task", kind).await);
        assert_eq!(sent.body, again.body, "one body for each event, whoever is told");
        assert_eq!(sent.headers["webhook-id"], again.headers["webhook-id"]);
        told.push(sent);
    }
    let done = body(&told[2]);
    assert_eq!((&done["data"]["id"], &done["data"]["status"]), (&json!(task), &json!("success")));
    let link = done["data"]["data"]["images"][0]["url"].as_str().expect("a link").to_owned();
    assert!(link.starts_with(&own.edge.url), "{link}");
    let path = link.strip_prefix(&own.edge.url).expect("our own");
    assert_eq!(size_of(&own.edge.get(path).send().await.expect(200).bytes), (64, 64));

    // One of the three was answered with 500, and comes again as it was.
    let ids: Vec<String> = told.iter().map(|sent| sent.headers["webhook-id"].clone()).collect();
    let again = receiver.next("the failed delivery again", |sent| ids.contains(&sent.headers["webhook-id"])).await;
    let before = told.iter().find(|sent| sent.headers["webhook-id"] == again.headers["webhook-id"]);
    assert_eq!(before.map(|sent| sent.body.as_str()), Some(again.body.as_str()));
    let log = until("all are delivered", async || {
        let page = ann.get(&format!("/api/webhooks/{hook}/deliveries")).send().await.expect(200).json();
        let list = page["list"].as_array().expect("a list").clone();
        list.iter().all(|delivery| delivery["status"] == "delivered").then_some(list)
    })
    .await;
    let mut tries: Vec<usize> = log.iter().map(|each| each["attempts"].as_array().map_or(0, Vec::len)).collect();
    tries.sort_unstable();
    assert_eq!(tries, [1, 1, 2]);

    let tampered = Received { body: told[2].body.replace("success", "failure"), ..told[2].clone() };
    let mut renamed = told[2].clone();
    renamed.headers.insert("webhook-id".to_owned(), ids[0].clone());
    let other = secret(&ann, hook + 1).await;
    let mut deliveries: Vec<_> = told.iter().chain([&again]).map(|sent| (sent, first.as_str(), true)).collect();
    deliveries.extend([(&tampered, first.as_str(), false), (&renamed, &first, false), (&told[2], &other, false)]);
    check(&deliveries);

    // For a day both secrets sign.
    let rotated = ann.post(&format!("/api/webhooks/{hook}/rotate"), &json!({})).send().await.expect(200).json();
    let second = rotated["secret"].as_str().expect("a secret");
    let task = ann.submit(&json!({})).await;
    ann.post(&format!("/api/tasks/{task}/cancel"), &json!({})).send().await.expect(200);
    let sent = of("/hook", "task.canceled").await;
    assert_eq!(sent.headers["webhook-signature"].split(' ').count(), 2);
    check(&[(&sent, &first, true), (&sent, second, true), (&sent, &other, false)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_gets_pictures_from_outside_through_the_edge() {
    let files = Receiver::start(|received| match received.path.as_str() {
        "/a.png" => (200, ("content-type", "image/png".to_owned()), picture(64, 48, 9)),
        "/moved" => (302, ("location", "/a.png".to_owned()), Vec::new()),
        "/inside" => (302, ("location", "http://127.0.0.1:1/a.png".to_owned()), Vec::new()),
        "/large" => (200, ("content-type", "image/png".to_owned()), vec![0; (20 << 20) + 1]),
        _ => (404, ("x-receiver", "test".to_owned()), Vec::new()),
    })
    .await;
    let state = State::new();
    let own = DedicatedEdge::start_with(&state, 0, &[("FETCH_ALLOW", &files.allowed())]);
    let ann = own.edge.sign_up("ann").await;
    let runner = Runner::register(&own.edge).await;
    for (path, outcome) in [
        ("/moved", None),
        ("/inside", Some("image_unreachable")),
        ("/large", Some("image_unreachable")),
        ("/none", Some("image_unreachable")),
    ] {
        let task = ann.submit(&json!({"from_image": files.url(path)})).await;
        let claim = runner.claim(task).await;
        let got = runner.by.get(&own.edge, &input_path(claim.task_id, claim.attempt, 0), &claim.lease).await;
        match outcome {
            None => assert_eq!((got.status, size_of(&got.bytes)), (200, (64, 48))),
            Some(code) => assert_eq!(got.refused(422, code).status, 422, "{path}"),
        }
        ann.delete(&format!("/api/tasks/{task}")).send().await.expect(204);
    }
}
