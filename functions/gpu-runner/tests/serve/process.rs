//! The program itself, with a tiny model, signals and an exit status.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use gpu_runner::tiny::Layout;

use crate::edge::{Edge, QUEUE, REGISTRATION};
use crate::rig::params;
use crate::support::model;

fn start(edge: &str, model: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_gpu-runner"))
        .args(["serve", "--edge", edge, "--name", "test", "--poll-ms", "10", "--model"])
        .arg(model)
        // Not where `ps` would show them.
        .env("RUNNER_REGISTRATION_TOKEN", REGISTRATION)
        .env("QUEUE_TOKEN", QUEUE)
        .env("RUST_LOG", "trace")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn terminate(runner: &Child) {
    assert!(Command::new("kill").args(["-TERM", &runner.id().to_string()]).status().unwrap().success());
}

/// Without holding up the edge, which lives on this thread.
async fn end(runner: Child) -> Output {
    tokio::task::spawn_blocking(|| runner.wait_with_output()).await.unwrap().unwrap()
}

#[tokio::test]
async fn it_draws_with_a_model_and_stops_when_asked_to() {
    let model = model(Layout::Sd15);
    let mut edge = Edge::start().await;
    edge.submit(1, params("fox", 3, 1));
    let runner = start(&edge.url, model.path());
    let done = edge.next("succeeded").await.json;
    let put = edge.all(&["put"]).into_iter().find(|put| done["outputs"][0]["key"] == put.key.as_str()).unwrap();
    let reader = png::Decoder::new(std::io::Cursor::new(&put.body)).read_info().unwrap();
    assert_eq!((reader.info().width, reader.info().height), (64, 72));

    terminate(&runner);
    let output = end(runner).await;
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{log}");
    edge.until("stopping", |call| call.what == "heartbeat" && call.json["status"] == "stopping").await;
    assert!(log.contains("claimed") && log.contains("stopped"), "{log}");
    for secret in ["whsec_", "secret-of", "token-1", &format!("{:032x}", 1)] {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let model = model(Layout::Sd15);
    let mut edge = Edge::start().await;
    let mut long = params("fox", 500, 8);
    (long.width, long.height) = (512, 512);
    edge.submit(1, long);
    let runner = start(&edge.url, model.path());
    edge.next("progress").await;
    terminate(&runner);
    edge.until("stopping", |call| call.what == "heartbeat" && call.json["status"] == "stopping").await;
    terminate(&runner);
    assert_eq!(end(runner).await.status.code(), Some(130));
    assert!(edge.rest(&["succeeded", "failed"]).is_empty());
}

#[tokio::test]
async fn what_it_can_not_work_with_is_said_on_one_line() {
    let empty = tempfile::TempDir::new().unwrap();
    for (edge, expected) in
        [("http://127.0.0.1:1", "not a model directory"), ("ftp://x", "ftp://x/ is not an http address")]
    {
        let model = model(Layout::Sd15);
        let dir = if edge.starts_with("ftp") { model.path() } else { empty.path() };
        let output = end(start(edge, dir)).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(said.lines().last().unwrap().starts_with("error: ") && said.contains(expected), "{said}");
    }
}
