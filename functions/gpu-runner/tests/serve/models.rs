//! Tasks that name a whole model: whose file it is drawn with, how that comes here, and what the edge is told
//! meanwhile.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use domain::Id;
use domain::id::hex;
use gpu_runner::serve::OwnModel;
use protocol::runner::{AdapterKind, Checkpoint, DrawParams, Lora};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::edge::{Answer, Edge};
use crate::rig::{Runner, params};

const FILE: &[u8] = b"a whole model";

/// So much is asked for at a time.
const PIECE: usize = 32 << 20;

fn with(id: Id, file: &[u8], hash: bool) -> DrawParams {
    let sha256 = hash.then(|| hex(&Sha256::digest(file)));
    let model = Checkpoint { model_id: id, name: format!("ink {id}"), size: file.len() as u64, sha256 };
    DrawParams { model: Some(model), ..params("fox", 2, 1) }
}

async fn end(edge: &mut Edge) -> Value {
    edge.until("an end", |call| matches!(call.what, "succeeded" | "failed") && call.status == 200).await.json
}

fn drawn_with(runner: &Runner) -> PathBuf {
    runner.gate.jobs.lock().unwrap().pop().unwrap().model
}

/// With the gate wide open and a directory for the edge's models.
fn start(edge: &Edge, dir: &tempfile::TempDir, more: &[OwnModel], cache_size: u64) -> Runner {
    let runner = Runner::gated(&edge.url, |config| {
        config.cache = dir.path().into();
        config.cache_size = cache_size;
        config.models.extend_from_slice(more);
    });
    runner.gate.open(usize::MAX);
    runner
}

#[tokio::test]
async fn a_file_is_fetched_in_pieces_once_and_named_as_its_owner_has_it() {
    let (dir, mut edge) = (tempfile::tempdir().unwrap(), Edge::start().await);
    let file: Vec<u8> = (0..PIECE + 5).map(|i| (i % 251) as u8).collect();
    let runner = start(&edge, &dir, &[], 1 << 30);
    edge.submit(3, with(10, &file, true));
    edge.model(3, &file);
    assert!(end(&mut edge).await["outputs"].is_array());
    let asked: Vec<_> = edge.all(&["model"]).into_iter().map(|call| (call.key, call.id, call.range)).collect();
    let call = |range: &str| ("model/3/1".to_string(), "get_model/3/1".to_string(), range.to_string());
    assert_eq!(asked, [call("bytes=0-33554431"), call("bytes=33554432-33554436")]);
    let path = drawn_with(&runner);
    assert_eq!(
        (path.file_name().unwrap().to_str(), std::fs::read(&path).unwrap() == file),
        (Some("10.safetensors"), true)
    );
    assert_eq!(edge.all(&["progress"])[0].json["phase"], "fetching", "is told at once");
    let loaded = |call: &crate::edge::Call| {
        call.what == "heartbeat" && call.json["loaded"][1] == json!({"name": "ink 10", "memory": 1, "model_id": 10})
    };
    if !edge.rest(&["heartbeat"]).iter().any(loaded) {
        edge.until("what is loaded", loaded).await;
    }

    edge.submit(4, with(10, &file, true));
    assert!(end(&mut edge).await["outputs"].is_array());
    assert_eq!((edge.rest(&["model"]).len(), drawn_with(&runner)), (2, path), "it is here already");
    edge.submit(5, params("fox", 2, 1));
    assert!(end(&mut edge).await["outputs"].is_array());
    assert_eq!(drawn_with(&runner), PathBuf::from("fake"), "without a name, the first of its own");
    runner.stop().await;
}

#[tokio::test]
async fn what_is_loaded_is_told_when_it_changes_and_so_is_loading() {
    let (dir, mut edge) = (tempfile::tempdir().unwrap(), Edge::start().await);
    let own = |id: Id| OwnModel { path: format!("own-{id}").into(), id: Some(id) };
    let runner = Runner::gated(&edge.url, |config| {
        config.cache = dir.path().into();
        config.models.extend([own(1), own(2)]);
        config.register.models = ["fake", "own-1", "own-2"].map(String::from).into();
    });
    let told = |names: &[&str]| {
        let expected: Vec<String> = names.iter().map(ToString::to_string).collect();
        move |call: &crate::edge::Call| {
            let loaded = call.json["loaded"].as_array().cloned().unwrap_or_default();
            call.what == "heartbeat"
                && loaded.iter().map(|l| l["name"].as_str().unwrap()).collect::<Vec<_>>() == expected
        }
    };
    runner.gate.loads.store(true, Ordering::SeqCst);
    // The backend has two in memory, the last ones used.
    for (task, id, names) in [(1, 1, &["fake", "own-1"][..]), (2, 2, &["own-1", "own-2"]), (3, 1, &["own-2", "own-1"])]
    {
        edge.submit(task, with(id, FILE, true));
        let first = edge.next("progress").await.json;
        if task == 3 {
            assert_eq!(first["phase"], Value::Null, "it is there already");
        } else {
            assert_eq!(first["phase"], "loading");
            runner.gate.open(1);
        }
        // Where nothing had to be loaded, it may have been told before the first progress.
        if !edge.all(&["heartbeat"]).last().is_some_and(told(names)) {
            edge.until("what is loaded", told(names)).await;
        }
        // Before each of two steps and after them.
        runner.gate.open(3);
        assert!(end(&mut edge).await["outputs"].is_array());
        assert_eq!(drawn_with(&runner), PathBuf::from(format!("own-{id}")));
    }
    assert!(edge.rest(&["model"]).is_empty(), "its own are not fetched");
    let models = &edge.all(&["heartbeat"])[0].json["models"];
    assert_eq!(*models, json!(["fake", "own-1", "own-2"]));
    runner.stop().await;
}

#[tokio::test]
async fn the_same_file_of_its_own_is_known_by_its_hash() {
    let (dir, mut edge) = (tempfile::tempdir().unwrap(), Edge::start().await);
    let path = dir.path().join("mine.safetensors");
    std::fs::write(&path, FILE).unwrap();
    let runner = start(&edge, &dir, &[OwnModel { path: path.clone(), id: None }], 1 << 20);
    edge.submit(1, with(7, FILE, true));
    assert!(end(&mut edge).await["outputs"].is_array());
    assert_eq!((drawn_with(&runner), edge.rest(&["model"]).len()), (path, 0));
    runner.stop().await;
}

#[tokio::test]
async fn files_that_can_not_be_had_end_the_task_with_their_code() {
    let (dir, mut edge) = (tempfile::tempdir().unwrap(), Edge::start().await);
    let runner = start(&edge, &dir, &[], 1 << 20);
    let refusal = |status, code: &str| Answer::Say(status, json!({"error": {"code": code, "message": "m"}}));
    let cases = [
        (refusal(404, "not_found"), false),
        (refusal(416, "range_not_satisfiable"), true),
        (Answer::Raw(b"another model".to_vec()), true),
        (Answer::Raw(b"cut short".to_vec()), true),
    ];
    for (task, (answer, retryable)) in (1..).zip(cases) {
        edge.answer("model", answer);
        edge.submit(task, with(7, FILE, true));
        edge.model(task, FILE);
        let failed = end(&mut edge).await;
        let told = (&failed["task_id"], &failed["code"], &failed["retryable"]);
        assert_eq!(told, (&json!(task), &json!("model_unavailable"), &json!(retryable)));
        assert_eq!(failed["message"], "The file of the model could not be had.");
    }
    // More than it keeps; not a byte is asked for.
    let asked = edge.rest(&["model"]).len();
    let mut huge = with(8, FILE, true);
    huge.model.as_mut().unwrap().size = 1 << 62;
    edge.submit(8, huge);
    assert_eq!(end(&mut edge).await["code"], "model_unavailable");
    assert_eq!(edge.rest(&["model"]).len(), asked);
    // Asked again when it was only a moment.
    edge.fails("model", 503, 2);
    edge.submit(9, with(7, FILE, false));
    edge.model(9, FILE);
    assert!(end(&mut edge).await["outputs"].is_array());
    assert_eq!(std::fs::read(drawn_with(&runner)).unwrap(), FILE);
    runner.stop().await;
}

#[tokio::test]
async fn a_fetch_that_broke_off_goes_on_where_it_was() {
    let (dir, mut edge) = (tempfile::tempdir().unwrap(), Edge::start().await);
    let file: Vec<u8> = (0..2 * PIECE).map(|i| (i % 241) as u8).collect();
    let runner = start(&edge, &dir, &[], 1 << 30);
    edge.answer("model", Answer::Raw(file[..PIECE].to_vec()));
    edge.answer("model", Answer::Say(400, json!({"error": {"code": "what", "message": "m"}})));
    for task in [1, 2] {
        edge.submit(task, with(7, &file, true));
        edge.model(task, &file);
    }
    assert_eq!(end(&mut edge).await["code"], "model_unavailable");
    assert!(end(&mut edge).await["outputs"].is_array());
    let ranges: Vec<String> = edge.all(&["model"]).into_iter().map(|call| call.range).collect();
    assert_eq!(ranges, ["bytes=0-33554431", "bytes=33554432-67108863", "bytes=33554432-67108863"]);
    assert!(std::fs::read(drawn_with(&runner)).unwrap() == file);
    runner.stop().await;
}

#[tokio::test]
async fn a_long_fetch_keeps_the_lease_and_hears_a_cancel() {
    let (dir, mut edge) = (tempfile::tempdir().unwrap(), Edge::start().await);
    edge.lease_ms(300);
    let runner = start(&edge, &dir, &[], 1 << 20);
    edge.answer("model", Answer::Never);
    edge.submit(1, with(7, FILE, true));
    edge.model(1, FILE);
    edge.next("model").await;
    // Longer than a lease, were it not extended.
    for _ in 0..5 {
        assert_eq!(edge.next("progress").await.json["phase"], "fetching");
    }
    edge.cancel();
    assert_eq!(end(&mut edge).await["code"], "canceled");
    runner.stop().await;
}

#[tokio::test]
async fn hypernetworks_and_learned_words_reach_the_backend_as_such() {
    let (dir, mut edge) = (tempfile::tempdir().unwrap(), Edge::start().await);
    let runner = start(&edge, &dir, &[], 1 << 20);
    let files: [&[u8]; 3] = [b"lora", b"hyper", b"word"];
    let kinds = [(AdapterKind::Lora, None), (AdapterKind::Hyper, None), (AdapterKind::Ti, Some("<fox>"))];
    let lora = |(i, (kind, word)): (usize, (AdapterKind, Option<&str>))| Lora {
        model_id: 20 + i as Id,
        weight: 0.5,
        kind,
        word: word.map(Into::into),
        size: files[i].len() as u64,
        sha256: None,
    };
    let loras = kinds.into_iter().enumerate().map(lora).collect();
    edge.submit(1, DrawParams { loras, ..params("a <fox>", 2, 1) });
    edge.loras(1, &files);
    assert!(end(&mut edge).await["outputs"].is_array());
    let job = runner.gate.jobs.lock().unwrap().pop().unwrap();
    let read = |path: &PathBuf| std::fs::read(path).unwrap();
    assert_eq!(job.loras.iter().map(|(path, w)| (read(path), *w)).collect::<Vec<_>>(), [(files[0].to_vec(), 0.5)]);
    assert_eq!(
        job.hypernetworks.iter().map(|(path, w)| (read(path), *w)).collect::<Vec<_>>(),
        [(files[1].to_vec(), 0.5)]
    );
    let words: Vec<_> = job.embeddings.iter().map(|(path, word)| (read(path), word.clone())).collect();
    assert_eq!(words, [(files[2].to_vec(), Some("<fox>".to_string()))]);
    runner.stop().await;
}
