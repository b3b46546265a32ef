//! The program itself, with a tiny model, signals and an exit status.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use gpu_runner::tiny::Layout;
use protocol::runner::{Checkpoint, DrawParams};
use serde_json::json;

use crate::edge::{Edge, QUEUE, REGISTRATION};
use crate::family::{Family, fixtures};
use crate::rig::params;
use crate::support::model;

fn start(edge: &str, model: &Path) -> Child {
    start_with(edge, &["--model".as_ref(), model.as_os_str()])
}

fn start_with(edge: &str, more: &[&OsStr]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_gpu-runner"))
        .args(["serve", "--edge", edge, "--name", "test", "--poll-ms", "10"])
        .args(more)
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

/// Bytes of a tiny model in one file.
fn checkpoint() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    candle_core::safetensors::save(&Family::read("sd1").random(), &path).unwrap();
    std::fs::read(path).unwrap()
}

#[tokio::test]
async fn it_draws_with_each_of_several_models_and_with_the_edges() {
    let (models, kept) = ([model(Layout::Sd15), model(Layout::Sd2)], tempfile::tempdir().unwrap());
    let mut edge = Edge::start().await;
    let (tokenizer, second) = (fixtures().join("sdxl/tokenizer"), format!("5={}", models[1].path().display()));
    let runner = start_with(
        &edge.url,
        &[
            "--model".as_ref(),
            models[0].path().as_os_str(),
            "--model".as_ref(),
            second.as_ref(),
            "--tokenizer".as_ref(),
            tokenizer.as_os_str(),
            "--cache".as_ref(),
            kept.path().as_os_str(),
            "--memory".as_ref(),
            "256M".as_ref(),
        ],
    );
    let (whole, broken) = (checkpoint(), b"\x10\0\0\0\0\0\0\0{\"__metadata__\":".to_vec());
    let of = |model_id: i64, file: &[u8]| {
        let model = Checkpoint { model_id, name: format!("n{model_id}"), size: file.len() as u64, sha256: None };
        DrawParams { model: Some(model), ..params("fox", 3, 1) }
    };
    let mut pictures = Vec::new();
    for (task, model, file, expected) in [
        (1, None, None, None),
        (2, Some(5), Some(&whole), None),
        (3, Some(6), Some(&whole), None),
        (4, Some(7), Some(&broken), Some("weights_invalid")),
        (5, Some(6), Some(&whole), None),
        (6, None, None, None),
    ] {
        edge.submit(task, model.zip(file).map_or_else(|| params("fox", 3, 1), |(id, file)| of(id, file)));
        if let Some(file) = file {
            edge.model(task, file);
        }
        let end = edge.until("an end", |call| matches!(call.what, "succeeded" | "failed")).await.json;
        assert_eq!((&end["task_id"], end["code"].as_str()), (&json!(task), expected), "{end}");
        let key = end["outputs"][0]["key"].as_str().unwrap_or_default().to_owned();
        pictures.push(edge.all(&["put"]).into_iter().find(|put| put.key == key).map(|put| pixels(&put.body)));
        if expected.is_some() {
            assert_eq!((&end["retryable"], &end["message"]), (&json!(false), &json!("The model can't be used.")));
        }
    }
    assert!(pictures[0] == pictures[5] && pictures[2] == pictures[4], "the same model draws the same");
    assert!(pictures[0] != pictures[1] && pictures[0] != pictures[2] && pictures[1] != pictures[2]);
    let fetched: Vec<String> = edge.rest(&["model"]).into_iter().map(|call| call.key).collect();
    assert_eq!(fetched, ["model/3/1", "model/4/1"], "its own is not fetched, and nothing twice");
    let names = models.each_ref().map(|dir| dir.path().file_name().unwrap().to_str().unwrap().to_owned());
    let last =
        edge.until("what is loaded", |call| call.what == "heartbeat" && call.json["status"] == "idle").await.json;
    let loaded = last["loaded"].as_array().unwrap().clone();
    let mut loaded: Vec<_> =
        loaded.iter().map(|l| (l["name"].as_str().unwrap(), l["memory"].as_u64().unwrap() > 0)).collect();
    loaded.sort_unstable();
    let mut expected = [(names[0].as_str(), true), (names[1].as_str(), true), ("n6", true)];
    expected.sort_unstable();
    assert_eq!((loaded.as_slice(), &last["models"]), (&expected[..], &json!(names)));
    terminate(&runner);
    assert_eq!(end(runner).await.status.code(), Some(0));
}

/// What is between the texts of a PNG file and its end.
fn pixels(file: &[u8]) -> Vec<u8> {
    let at = file.windows(4).position(|four| four == b"IDAT").unwrap();
    file[at..].to_vec()
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
