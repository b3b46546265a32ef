//! Callbacks that must change nothing: not signed by whoever holds the task, about something else, or too late.

use serde_json::{Value, json};
use tests::{Account, Answer, DedicatedEdge, Edge, Runner, Signed, State, body, held, picture, unique};

/// What users see of a task, its pictures included.
async fn seen(ann: &Account, task: i64) -> Value {
    let images = ann.get(&format!("/api/images?task={task}")).send().await.expect(200).json();
    json!([ann.task(task).await, images])
}

/// Every way to say what only the holder may say, wrongly.
async fn attacks(
    edge: &Edge,
    holder: &Runner,
    stranger: &Runner,
    claim: &protocol::runner::Claim,
) -> Vec<(String, Answer, u16)> {
    let task = claim.task_id;
    let right = held(claim, 5);
    let id = protocol::runner::callback_id(&right);
    let mut struck = Vec::new();
    for (what, more) in [
        ("progress", json!({"step": 3, "steps": 4, "eta_seconds": 0.0})),
        ("failed", json!({"code": "forged", "message": "", "retryable": false})),
        ("succeeded", json!({"outputs": []})),
    ] {
        let path = format!("/callbacks/{what}");
        let said = body(&right, &more);
        let mut strike =
            |why: &str, answer: Answer, status: u16| struck.push((format!("{what}: {why}"), answer, status));

        let unknown = Signed { secret: protocol::webhook::Secret::from_bytes(&[7; 32]), ..holder.by.clone() };
        strike("another secret", unknown.post(edge, &path, &id, said.clone()).await, 401);
        let other = Signed { secret: stranger.by.secret.clone(), ..holder.by.clone() };
        strike("a stranger's secret", other.post(edge, &path, &id, said.clone()).await, 401);
        for skew in [-3600, 3600] {
            let old = Signed { skew, ..holder.by.clone() };
            strike("another time", old.post(edge, &path, &id, said.clone()).await, 401);
        }
        let epoch = Signed { runner_id: format!("{}.999", holder.id), ..holder.by.clone() };
        strike("a registration there is not", epoch.post(edge, &path, &id, said.clone()).await, 401);
        strike("an id of another callback", holder.by.post(edge, &path, &unique("cb"), said.clone()).await, 401);
        strike("no signature", edge.call("POST", &path).body("application/json", said).send().await, 401);
        // An empty result is refused for itself; the others would be taken, were the lease theirs.
        let refused = if what == "succeeded" { 400 } else { 409 };
        strike("a stranger", stranger.say(what, &right, &more).await, refused);
        let mut wrong = right.clone();
        wrong.lease = "0f".repeat(16);
        strike("another lease", holder.say(what, &wrong, &more).await, refused);
        let mut wrong = right.clone();
        wrong.attempt += 1;
        strike("another attempt", holder.say(what, &wrong, &more).await, refused);
    }
    let key = format!("out/{task}/{}/{}.png", claim.attempt, "ab".repeat(16));
    let file = picture(8, 8, 1);
    struck.push(("put: another lease".into(), holder.by.put(edge, &key, &"0f".repeat(16), file.clone()).await, 409));
    struck.push(("put: a stranger".into(), stranger.by.put(edge, &key, &claim.lease, file.clone()).await, 409));
    struck.push(("put: no picture".into(), holder.by.put(edge, &key, &claim.lease, b"<html>".to_vec()).await, 400));
    struck
}

#[tokio::test]
async fn forged_late_and_repeated_callbacks_change_nothing() {
    let state = State::new();
    let own = DedicatedEdge::start(&state, 600_000, 0);
    let edge = &own.edge;
    let ann = edge.sign_up("ann").await;
    let (holder, stranger) = (Runner::register(edge).await, Runner::register(edge).await);
    let task = ann.submit(&json!({"n": 2})).await;
    let claim = holder.claim(task).await;
    assert_eq!((claim.attempt, claim.lease_ms, claim.draw_params().expect("an inference task").n), (1, 600_000, 2));
    stranger.try_claim(task).await.refused(409, "stale_lease");
    assert!(!holder.progress(&held(&claim, 4), 2, 8).await);
    // Reordered and repeated: heard, and nothing more.
    let before = seen(&ann, task).await;
    assert_eq!((&before[0]["status"], &before[0]["progress"]), (&json!("running"), &json!(25)));
    for seq in [3, 4] {
        assert!(!holder.progress(&held(&claim, seq), 7, 8).await);
    }
    assert_eq!(seen(&ann, task).await, before, "late progress");

    for (why, answer, status) in attacks(edge, &holder, &stranger, &claim).await {
        assert_eq!(answer.status, status, "{why}: {}", answer.text());
        answer.error();
        assert_eq!(seen(&ann, task).await, before, "{why}");
    }

    // A result must be stored, belong here, and be what was asked for.
    let (one, two) =
        (holder.put(&claim, 1, &picture(64, 64, 1)).await, holder.put(&claim, 2, &picture(64, 64, 2)).await);
    let absent = protocol::runner::Output { key: one.key.replace("0101", "1010"), ..two.clone() };
    let bent = protocol::runner::Output { sha256: one.sha256.clone(), ..two.clone() };
    let elsewhere = protocol::runner::Output { key: two.key.replace("/1/", "/2/"), ..two.clone() };
    for wrong in [vec![&one], vec![&one, &one], vec![&one, &absent], vec![&one, &bent], vec![&one, &elsewhere]] {
        let answer = holder.say("succeeded", &held(&claim, 6), &json!({"outputs": wrong})).await;
        assert!((400..500).contains(&answer.status), "{}: {}", answer.status, answer.text());
        assert_eq!(seen(&ann, task).await, before);
    }
    let outputs = json!({"outputs": [one, two]});
    holder.say("succeeded", &held(&claim, 7), &outputs).await.expect(200);
    let after = seen(&ann, task).await;
    assert_eq!((&after[0]["status"], &after[1]["total"]), (&json!("success"), &json!(2)));

    // What comes after the end.
    for (what, more) in [
        ("succeeded", outputs),
        ("progress", json!({"step": 1, "steps": 8, "eta_seconds": 0.0})),
        ("failed", json!({"code": "late", "message": "", "retryable": true})),
    ] {
        for seq in [7, 8] {
            holder.say(what, &held(&claim, seq), &more).await.refused(409, "stale_lease");
        }
    }
    holder.try_claim(task).await.refused(409, "stale_lease");
    assert_eq!(seen(&ann, task).await, after, "after the end");
}
