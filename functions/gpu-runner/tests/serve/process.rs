//! The program itself, with a tiny model, signals and an exit status.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use gpu_runner::tiny::Layout;
use protocol::runner::{Checkpoint, DrawParams, ModelKind};
use serde_json::json;

use crate::edge::{Edge, QUEUE, REGISTRATION};
use crate::family::{Family, fixtures};
use crate::rig::params;
use crate::support::model;
use crate::training_rig::{end as end_of_training, result, submit, training};

fn start(edge: &str, model: &Path) -> Child {
    start_with(edge, &["--model".as_ref(), model.as_os_str()])
}

fn start_with(edge: &str, more: &[&OsStr]) -> Child {
    // Of little work: nobody reads the log before the end.
    command(edge, more).env("RUST_LOG", "trace").spawn().unwrap()
}

fn command(edge: &str, more: &[&OsStr]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gpu-runner"));
    command
        .args(["serve", "--edge", edge, "--name", "test", "--poll-ms", "10"])
        .args(more)
        // Not where `ps` would show them.
        .env("RUNNER_REGISTRATION_TOKEN", REGISTRATION)
        .env("QUEUE_TOKEN", QUEUE)
        .stderr(Stdio::piped());
    command
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

/// SIGKILL in the middle, twice; every process has a cache of its own, and draws an image beside the training.
#[tokio::test]
async fn processes_that_draw_and_train_are_killed_and_the_file_is_the_same() {
    let mut edge = Edge::start().await;
    let caches: [_; 3] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let url = edge.url.clone();
    let start = |cache: usize| {
        let cache = caches[cache].path().as_os_str();
        let types = ["--type", "inference", "--type", "training", "--state-every-steps", "1", "--cache"];
        let options: Vec<&OsStr> = types.map(OsStr::new).into_iter().chain([cache]).collect();
        command(&url, &options).env("RUST_LOG", "warn").spawn().unwrap()
    };
    let mut runner = start(0);
    for task in [1, 2] {
        submit(&edge, task, training(ModelKind::Lora, 24));
    }
    let whole = end_of_training(&mut edge).await.json;
    for (cache, step) in [(1, 3), (2, 7)] {
        edge.until("a state", |call| {
            let step_done = call.json["step"].as_u64().unwrap_or_default();
            call.what == "state" && call.json["task_id"] == 2 && call.status == 200 && step_done >= step
        })
        .await;
        runner.kill().unwrap();
        end(runner).await;
        edge.release(2);
        edge.announce_training(2);
        edge.submit(10 + step as i64, params("fox", 2, 1));
        runner = start(cache);
    }
    let trained = edge.next("trained").await.json;
    assert_eq!((&trained["task_id"], &trained["attempt"]), (&json!(2), &json!(3)));
    let drawn = edge.all(&["succeeded"]).into_iter().map(|call| call.json["task_id"].clone()).collect::<Vec<_>>();
    assert_eq!(drawn, [json!(13), json!(17)]);
    assert!(result(&edge, &trained) == result(&edge, &whole));
    terminate(&runner);
    assert_eq!(end(runner).await.status.code(), Some(0));
    for heartbeat in ["heartbeat", "trainer-heartbeat"] {
        edge.until("stopping", |call| call.what == heartbeat && call.json["status"] == "stopping").await;
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
