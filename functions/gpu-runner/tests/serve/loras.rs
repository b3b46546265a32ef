//! Tasks with LoRAs: their files are asked for under the lease, checked, and kept for the next task.

use domain::Id;
use domain::id::hex;
use protocol::runner::{AdapterKind, DrawParams, Lora};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::edge::{Answer, Edge};
use crate::rig::{Runner, params};

const FILES: [&[u8]; 2] = [b"first", b"the second"];

/// With models 10 and 11.
fn with() -> DrawParams {
    let mut params = params("fox", 2, 1);
    let lora = |(i, file): (usize, &&[u8])| Lora {
        model_id: 10 + i as Id,
        weight: 0.5 - i as f64,
        kind: AdapterKind::Lora,
        word: None,
        size: file.len() as u64,
        sha256: (i == 0).then(|| hex(&Sha256::digest(file))),
    };
    params.loras = FILES.iter().enumerate().map(lora).collect();
    params
}

async fn end(edge: &mut Edge) -> Value {
    edge.until("an end", |call| matches!(call.what, "succeeded" | "failed") && call.status == 200).await.json
}

#[tokio::test]
async fn files_are_asked_for_once_and_reach_the_backend_with_their_weights() {
    let dir = tempfile::tempdir().unwrap();
    let mut edge = Edge::start().await;
    edge.submit(3, with());
    edge.loras(3, &FILES);
    let runner = Runner::gated(&edge.url, |config| config.cache = dir.path().into());
    runner.gate.open(usize::MAX);
    assert!(end(&mut edge).await["outputs"].is_array());
    let asked: Vec<_> = edge.all(&["lora"]).into_iter().map(|call| (call.key, call.id, call.status)).collect();
    let call = |i: usize| (format!("lora/3/1/{i}"), format!("get_lora/3/1/{i}"), 200);
    assert_eq!(asked, [call(0), call(1)]);
    let job = runner.gate.jobs.lock().unwrap().pop().unwrap();
    let read: Vec<_> = job.loras.iter().map(|(path, weight)| (std::fs::read(path).unwrap(), *weight)).collect();
    assert_eq!(read, [(FILES[0].to_vec(), 0.5), (FILES[1].to_vec(), -0.5)]);

    edge.submit(4, with());
    assert!(end(&mut edge).await["outputs"].is_array());
    assert_eq!(edge.all(&["lora"]).len(), 2, "they are here already");
    runner.stop().await;
}

#[tokio::test]
async fn files_that_can_not_be_had_end_the_task_with_their_code() {
    let refusal = |status, code: &str| Answer::Say(status, json!({"error": {"code": code, "message": "m"}}));
    let cases = [
        (refusal(404, "not_found"), false),
        (refusal(400, "what"), true),
        (Answer::Raw(b"other".to_vec()), true),
        (Answer::Raw(b"shor".to_vec()), true),
    ];
    let dir = tempfile::tempdir().unwrap();
    let mut edge = Edge::start().await;
    let runner = Runner::gated(&edge.url, |config| config.cache = dir.path().into());
    runner.gate.open(usize::MAX);
    for (task, (answer, retryable)) in (1..).zip(cases) {
        edge.answer("lora", answer);
        edge.submit(task, with());
        edge.loras(task, &FILES);
        let failed = end(&mut edge).await;
        let told = (&failed["task_id"], &failed["code"], &failed["retryable"]);
        assert_eq!(told, (&json!(task), &json!("lora_unavailable"), &json!(retryable)));
        assert_eq!(failed["message"], "The file of loras[0] could not be had.");
    }
    // Asked again when it was only a moment.
    edge.fails("lora", 503, 2);
    edge.submit(9, with());
    edge.loras(9, &FILES);
    assert!(end(&mut edge).await["outputs"].is_array());
    runner.stop().await;
}
