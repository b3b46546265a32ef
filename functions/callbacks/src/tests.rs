//! The runner protocol over in-memory SQLite with the real migrations.

mod inputs;
mod training;
mod weights;

use domain::room::Event;
use protocol::runner::{LeaseRef, Output, RUNNER_HEADER, callback_id, embedding_text, runner_id, secret_purpose};
use protocol::webhook::derive;
use serde_json::{Value, json};
use testkit::{Kit, Reply};
use web::sha256_hex;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nnot really";

/// One user, one waiting task of two pictures, one runner of epoch 1.
async fn kit() -> Kit {
    let kit = Kit::new(crate::routes());
    kit.user("ann").await;
    kit.sql(
        "INSERT INTO servers (name, type, status, ip, epoch, created_at, updated_at) VALUES ('r', 'inference', 'idle', '', 1, 0, 0)",
        [],
    )
    .await;
    let params = json!({"prompt": "一隻貓", "negative_prompt": "", "width": 64, "height": 64, "num_inference_steps": 4,
        "guidance_scale": 7.5, "scheduler": "DDIM", "seed": 5, "n": 2, "tags": ["動物"]});
    kit.sql(
        "INSERT INTO tasks (name, type, status, params, pairs, user_id, created_at, updated_at) VALUES ('cat', 'inference', 'waiting', ?1, '一隻 隻貓 貓', 1, 0, 0)",
        [params.to_string().into()],
    )
    .await;
    kit
}

fn secret(kit: &Kit, epoch: i64) -> protocol::webhook::Secret {
    derive(kit.config.runner_key.as_bytes(), &secret_purpose(1, epoch))
}

async fn signed(kit: &Kit, method: &str, path: &str, id: &str, body: &[u8], lease: &str) -> Reply {
    let now = kit.now().seconds();
    let signature = secret(kit, 1).sign(id, now, body);
    kit.call(method, path)
        .body("application/json", body)
        .header(RUNNER_HEADER, &runner_id(1, 1))
        .header("webhook-id", id)
        .header("webhook-timestamp", &now.to_string())
        .header("webhook-signature", &signature)
        .header("x-lease", lease)
        .send()
        .await
}

async fn post(kit: &Kit, what: &str, body: Value) -> Reply {
    let held: Option<LeaseRef> = serde_json::from_value(body.clone()).ok();
    let id =
        held.map_or_else(|| format!("claim_{}_{}", body["task_id"], kit.runtime().token()), |held| callback_id(&held));
    signed(kit, "POST", &format!("/callbacks/{what}"), &id, body.to_string().as_bytes(), "").await
}

async fn claim(kit: &Kit) -> Value {
    let reply = post(kit, "claim", json!({"task_id": 1})).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn held(claim: &Value, seq: i64) -> Value {
    json!({"task_id": 1, "attempt": claim["attempt"], "lease": claim["lease"], "seq": seq})
}

fn with(mut held: Value, more: Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        held[key] = value.clone();
    }
    held
}

async fn put(kit: &Kit, claim: &Value, name: u8) -> Output {
    let key = picture_key(claim, name);
    let lease = claim["lease"].as_str().unwrap();
    let reply = signed(kit, "PUT", &format!("/callbacks/{key}"), &format!("put_{key}"), PNG, lease).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["sha256"], sha256_hex(PNG));
    output(claim, name)
}

/// Of the picture that `put` stored.
fn output(claim: &Value, name: u8) -> Output {
    Output {
        key: picture_key(claim, name),
        size: PNG.len() as u64,
        sha256: sha256_hex(PNG),
        width: 64,
        height: 64,
        seed: 5,
        nsfw: None,
        embedding: None,
    }
}

fn picture_key(claim: &Value, name: u8) -> String {
    format!("out/1/{}/{}.png", claim["attempt"], domain::id::hex(&[name; 16]))
}

async fn finish(kit: &Kit, claim: &Value, seq: i64, first: u8) -> Reply {
    let (one, mut two) = (put(kit, claim, first).await, put(kit, claim, first + 1).await);
    two.seed = 6;
    post(kit, "succeeded", with(held(claim, seq), json!({"outputs": [one, two]}))).await
}

/// What watchers of tasks were told, and what users were notified of.
async fn published(kit: &Kit) -> (Vec<(String, Event)>, Vec<(String, Event)>) {
    kit.published().await.into_iter().partition(|(room, _)| room.starts_with("tasks/"))
}

async fn status(kit: &Kit) -> String {
    kit.sql("SELECT status FROM tasks", []).await.first().unwrap().text("status").unwrap().to_string()
}

#[test]
fn openapi_is_fresh() {
    Kit::check_openapi(&crate::routes(), env!("CARGO_MANIFEST_DIR"));
}

#[tokio::test]
async fn a_repeated_claim_gets_no_second_task() {
    let kit = kit().await;
    kit.sql(
        "INSERT INTO tasks (name, type, status, params, user_id, created_at, updated_at) SELECT name, type, status, params, user_id, 0, 0 FROM tasks",
        [],
    )
    .await;
    let body = json!({"task_id": 1}).to_string();
    let claim = async || signed(&kit, "POST", "/callbacks/claim", "claim_1_x", body.as_bytes(), "").await;
    assert_eq!(claim().await.json()["task_id"], 1);
    let again = claim().await;
    assert_eq!((again.status, again.error().as_str()), (409, "stale_lease:task_id"));
    assert_eq!(kit.number("SELECT count(*) FROM tasks WHERE status = 'waiting'").await, 1);
    assert_eq!(post(&kit, "claim", json!({"task_id": 1})).await.json()["task_id"], 2, "another claim");
}

#[tokio::test]
async fn a_task_goes_from_claim_to_images() {
    let kit = kit().await;
    let claimed = claim(&kit).await;
    assert_eq!((claimed["attempt"].clone(), claimed["lease_ms"].clone()), (json!(1), json!(30_000)));
    assert_eq!(claimed["params"]["prompt"], "一隻貓");
    assert!(domain::id::is_token(claimed["lease"].as_str().unwrap()));

    let preview = put(&kit, &claimed, 9).await;
    let report = json!({"step": 2, "steps": 4, "eta_seconds": 1.5, "preview": preview.key});
    let reply = post(&kit, "progress", with(held(&claimed, 1), report)).await;
    assert_eq!(reply.json(), json!({"cancel": false}));
    let done = finish(&kit, &claimed, 2, 1).await;
    assert_eq!(done.status, 200, "{}", done.text());

    let (told, news) = published(&kit).await;
    let frames: Vec<Value> = told
        .iter()
        .map(|(_, e)| serde_json::from_str(e.owner.as_ref().unwrap().text("v1").unwrap()).unwrap())
        .collect();
    assert!(told.iter().all(|(room, e)| room == "tasks/1" && e.public.is_none()));
    let states = frames.iter().map(|f| domain::task::Status::parse(f["status"].as_str().unwrap()).unwrap());
    let states: Vec<_> = std::iter::once(domain::task::Status::Waiting).chain(states).collect();
    assert!(states.windows(2).all(|w| w[0].may_become(w[1])), "the database takes the lawful ways: {states:?}");
    let seen: Vec<_> =
        frames.iter().map(|f| (f["status"].as_str().unwrap(), f["progress"].as_i64().unwrap())).collect();
    assert_eq!(seen, [("running", 0), ("running", 50), ("success", 100)]);
    assert_eq!(
        frames[1]["data"],
        json!({"image_url": format!("/files/{}", preview.key), "step": 2, "steps": 4, "eta_seconds": 1.5})
    );
    assert_eq!(frames[2]["data"]["images"][1]["seed"], 6);
    assert!(told[2].1.end && told.windows(2).all(|w| w[0].1.seq < w[1].1.seq));
    let [(room, completion)] = news.as_slice() else { panic!("one notification: {news:?}") };
    let frame: Value = serde_json::from_str(completion.owner.as_ref().unwrap().text("v1").unwrap()).unwrap();
    assert_eq!((room.as_str(), completion.end, completion.public.is_none()), ("notifications/1", false, true));
    assert_eq!(
        (&frame["type"], &frame["id"], &frame["seq"]),
        (&json!("task.succeeded"), &json!(1), &json!(completion.seq))
    );
    assert_eq!(frame["data"]["images"][1]["seed"], 6);

    let images = kit.sql("SELECT * FROM images ORDER BY task_index", []).await;
    assert_eq!(images.len(), 2);
    let image = images.first().unwrap();
    assert_eq!((image.text("prompt"), image.int("seed"), image.int("user_id")), (Some("一隻貓"), Some(5), Some(1)));
    assert_eq!(kit.number("SELECT count(*) FROM images_search WHERE pairs MATCH '\"隻貓\"'").await, 2);
    assert_eq!(
        kit.number("SELECT count(*) FROM image_tags g JOIN tags t ON t.id = g.tag_id WHERE t.name = '動物'").await,
        2
    );
    assert_eq!(kit.blobs.keys().len(), 3);
    kit.wait(61_000);
    store::outbox::flush(&kit.runtime()).await.unwrap();
    assert!(!kit.blobs.keys().contains(&preview.key), "previews go a while after the end");
    assert_eq!(kit.blobs.keys().len(), 2);
}

#[tokio::test]
async fn only_one_runner_gets_a_task() {
    let kit = kit().await;
    claim(&kit).await;
    let late = post(&kit, "claim", json!({"task_id": 1})).await;
    assert_eq!((late.status, late.error().as_str()), (409, "stale_lease"));
    assert_eq!(post(&kit, "claim", json!({"task_id": 9})).await.status, 409, "nothing waits");
    kit.wait(30_000);
    assert_eq!(claim(&kit).await["attempt"], 2, "a lease that ran out is free again");
}

#[tokio::test]
async fn progress_reports_the_phase_before_the_first_step() {
    let kit = kit().await;
    let claimed = claim(&kit).await;
    let mut seen = Vec::new();
    for (seq, phase) in [(1, json!("fetching")), (2, json!("loading")), (3, json!(null))] {
        kit.wait(25_000);
        let report = json!({"step": 0, "steps": 4, "eta_seconds": 0.0, "phase": phase});
        let reply = post(&kit, "progress", with(held(&claimed, seq), report)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        seen.push(kit.sql("SELECT data FROM tasks", []).await.first().unwrap().text("data").unwrap().to_string());
    }
    let data = |phase: &str| format!(r#"{{"image_url":null,"step":0,"steps":4,"eta_seconds":0.0{phase}}}"#);
    assert_eq!(seen, [data(r#","phase":"fetching""#), data(r#","phase":"loading""#), data("")]);
    let unknown = json!({"step": 0, "steps": 4, "eta_seconds": 0.0, "phase": "dancing"});
    assert_eq!(post(&kit, "progress", with(held(&claimed, 4), unknown)).await.error(), "malformed_json");
}

#[tokio::test]
async fn late_repeated_and_reordered_callbacks_change_nothing() {
    let kit = kit().await;
    let first = claim(&kit).await;
    let report = |step: i64| json!({"step": step, "steps": 4, "eta_seconds": 1.0});
    assert_eq!(post(&kit, "progress", with(held(&first, 2), report(3))).await.status, 200);
    for seq in [2, 1] {
        assert_eq!(
            post(&kit, "progress", with(held(&first, seq), report(1))).await.status,
            200,
            "a repeat is no error"
        );
    }
    assert_eq!(kit.number("SELECT progress FROM tasks").await, 75);
    assert_eq!(kit.number("SELECT last_seq FROM tasks").await, 2);

    kit.wait(31_000);
    let second = claim(&kit).await;
    for (what, more) in [("progress", report(4)), ("failed", json!({"code": "x", "message": "", "retryable": false}))] {
        let late = post(&kit, what, with(held(&first, 9), more)).await;
        assert_eq!((late.status, late.error().as_str()), (409, "stale_lease"), "{what}");
    }
    let key = format!("out/1/1/{}.png", "ab".repeat(16));
    let lease = first["lease"].as_str().unwrap();
    let late = signed(&kit, "PUT", &format!("/callbacks/{key}"), &format!("put_{key}"), PNG, lease).await;
    assert_eq!(late.status, 409);
    assert_eq!(finish(&kit, &second, 1, 1).await.status, 200);
    assert_eq!(finish_again(&kit, &second).await.status, 409, "a result counts once");
    assert_eq!(kit.number("SELECT count(*) FROM images").await, 2);
    let late =
        post(&kit, "failed", with(held(&second, 5), json!({"code": "x", "message": "", "retryable": true}))).await;
    assert_eq!((late.status, status(&kit).await.as_str()), (409, "success"));
}

#[tokio::test]
async fn embeddings_and_nsfw_flags_are_stored_with_the_images() {
    let kit = kit().await;
    let claim = claim(&kit).await;
    let (mut one, mut two) = (put(&kit, &claim, 1).await, put(&kit, &claim, 2).await);
    two.seed = 6;
    one.embedding = Some(embedding_text(&[0.6, 0.0, -0.8]));
    one.nsfw = Some(true);
    for text in ["", "!", "AACAPw==AACAPw==", &embedding_text(&[0.6, 0.6, 0.6]), &embedding_text(&[f32::NAN])] {
        two.embedding = Some(text.to_string());
        let reply = post(&kit, "succeeded", with(held(&claim, 1), json!({"outputs": [one, two]}))).await;
        assert_eq!((reply.status, reply.error().as_str()), (400, "invalid_parameter:outputs"), "{text}");
    }
    two.embedding = None;
    let reply = post(&kit, "succeeded", with(held(&claim, 1), json!({"outputs": [one, two]}))).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let rows = kit
        .sql("SELECT i.nsfw, e.dim, e.vector FROM images i LEFT JOIN image_embeddings e ON e.image_id = i.id ORDER BY i.id", [])
        .await;
    let first = rows.first().unwrap();
    assert_eq!(
        (first.int("nsfw"), first.int("dim"), first.text("vector")),
        (Some(1), Some(3), one.embedding.as_deref())
    );
    assert_eq!(kit.number("SELECT count(*) FROM images WHERE nsfw IS NULL").await, 1);
    kit.sql("DELETE FROM images", []).await;
    assert_eq!(kit.number("SELECT count(*) FROM image_embeddings").await, 0);
}

async fn finish_again(kit: &Kit, claim: &Value) -> Reply {
    let (one, mut two) = (output(claim, 1), output(claim, 2));
    two.seed = 6;
    post(kit, "succeeded", with(held(claim, 2), json!({"outputs": [one, two]}))).await
}

#[tokio::test]
async fn forged_callbacks_are_refused() {
    let kit = kit().await;
    let body = json!({"task_id": 1}).to_string();
    let now = kit.now().seconds();
    let good = secret(&kit, 1).sign("claim_1_1", now, body.as_bytes());
    let forgeries = [
        ("1.1", "claim_1_1", now, "v1,AAAA".to_string()),
        ("1.2", "claim_1_1", now, good.clone()),
        ("2.1", "claim_1_1", now, good.clone()),
        ("1", "claim_1_1", now, good.clone()),
        ("1.1", "claim_1_2", now, good.clone()),
        ("1.1", "claim_1_1", now - 1, good.clone()),
        ("1.1", "claim_1_1", now - 301, secret(&kit, 1).sign("claim_1_1", now - 301, body.as_bytes())),
        ("1.1", "claim_1_1", i64::MIN, secret(&kit, 1).sign("claim_1_1", i64::MIN, body.as_bytes())),
        ("1.1", "claim_2_1", now, secret(&kit, 1).sign("claim_2_1", now, body.as_bytes())),
        ("1.2", "claim_1_1", now, secret(&kit, 2).sign("claim_1_1", now, body.as_bytes())),
    ];
    for (runner, id, at, signature) in forgeries {
        let reply = kit
            .call("POST", "/callbacks/claim")
            .body("application/json", body.as_bytes())
            .header(RUNNER_HEADER, runner)
            .header("webhook-id", id)
            .header("webhook-timestamp", &at.to_string())
            .header("webhook-signature", &signature)
            .send()
            .await;
        assert_eq!((reply.status, reply.error().as_str()), (401, "invalid_signature"), "{runner} {id} {at}");
    }
    assert_eq!(status(&kit).await, "waiting");
}

#[tokio::test]
async fn a_result_whose_outputs_are_not_stored_is_refused() {
    let kit = kit().await;
    let claimed = claim(&kit).await;
    let (one, two) = (put(&kit, &claimed, 1).await, put(&kit, &claimed, 2).await);
    let wrong = |change: fn(&mut Output)| {
        let mut output = two.clone();
        change(&mut output);
        output
    };
    for (outputs, error) in [
        (vec![], "invalid_parameter:outputs"),
        (vec![one.clone()], "wrong_outputs"),
        (vec![one.clone(), one.clone()], "invalid_parameter:outputs"),
        (vec![one.clone(), wrong(|o| o.size += 1)], "object_missing:outputs"),
        (vec![one.clone(), wrong(|o| o.sha256 = "00".repeat(32))], "object_missing:outputs"),
        (vec![one.clone(), wrong(|o| o.key = format!("out/1/1/{}.png", "cd".repeat(16)))], "object_missing:outputs"),
        (vec![one.clone(), wrong(|o| o.key = format!("out/2/1/{}.png", "02".repeat(16)))], "invalid_parameter:outputs"),
    ] {
        let reply = post(&kit, "succeeded", with(held(&claimed, 1), json!({"outputs": outputs}))).await;
        assert_eq!(reply.error(), error);
    }
    assert_eq!((status(&kit).await.as_str(), kit.number("SELECT count(*) FROM images").await), ("running", 0));
    let key = format!("out/1/1/{}.png", "ee".repeat(16));
    let lease = claimed["lease"].as_str().unwrap();
    let script = signed(&kit, "PUT", &format!("/callbacks/{key}"), &format!("put_{key}"), b"<html>", lease).await;
    assert_eq!(script.error(), "invalid_image");
    for path in [
        "/callbacks/out/1/1/x.png",
        "/callbacks/out/1/1/..%2f.png",
        "/callbacks/out/0/1/x.png",
        "/callbacks/out/%FF/1/x.png",
    ] {
        assert_eq!(signed(&kit, "PUT", path, "put_", PNG, lease).await.error(), "not_found");
    }
}

#[tokio::test]
async fn retryable_failures_are_retried_while_attempts_last() {
    let kit = kit().await;
    for attempt in 1..=3 {
        let claimed = claim(&kit).await;
        assert_eq!(claimed["attempt"], attempt);
        let failure = json!({"code": "out_of_memory", "message": "no room", "retryable": true});
        assert_eq!(post(&kit, "failed", with(held(&claimed, 1), failure)).await.status, 200);
        if attempt < 3 {
            assert_eq!(status(&kit).await, "waiting");
            assert_eq!(post(&kit, "claim", json!({"task_id": 1})).await.status, 409, "not before the backoff is over");
            kit.wait(1000 << attempt);
            kit.settle().await;
            store::outbox::flush(&kit.runtime()).await.unwrap();
            assert_eq!(kit.number("SELECT count(*) FROM queue_messages").await, attempt, "hinted again");
        }
    }
    let task = kit.sql("SELECT status, error_code, error_message FROM tasks", []).await;
    let task = task.first().unwrap();
    assert_eq!((task.text("status"), task.text("error_code")), (Some("error"), Some("out_of_memory")));
    let (told, news) = published(&kit).await;
    assert!(told.last().unwrap().1.end && news.len() == 1, "{news:?}");
}

#[tokio::test]
async fn final_failures_are_not_retried() {
    let kit = kit().await;
    let claimed = claim(&kit).await;
    put(&kit, &claimed, 1).await;
    let failure = json!({"code": "Bad Code!model_x", "message": "line\u{7}", "retryable": false});
    assert_eq!(post(&kit, "failed", with(held(&claimed, 1), failure)).await.status, 200);
    let task = kit.sql("SELECT status, error_code, error_message FROM tasks", []).await;
    assert_eq!(task.first().unwrap().text("error_code"), Some("adodemodel_x"));
    assert_eq!(task.first().unwrap().text("error_message"), Some("line"));
    kit.wait(61_000);
    kit.settle().await;
    store::outbox::flush(&kit.runtime()).await.unwrap();
    assert!(kit.blobs.keys().is_empty(), "nothing of a failed task stays");
}

#[tokio::test]
async fn a_canceled_task_ends_when_its_runner_next_reports() {
    let kit = kit().await;
    let claimed = claim(&kit).await;
    kit.sql("UPDATE tasks SET cancel_requested = 1", []).await;
    let report = json!({"step": 1, "steps": 4, "eta_seconds": 1.0});
    assert_eq!(post(&kit, "progress", with(held(&claimed, 1), report)).await.json(), json!({"cancel": true}));
    let failure = json!({"code": "canceled", "message": "", "retryable": true});
    assert_eq!(post(&kit, "failed", with(held(&claimed, 2), failure)).await.status, 200);
    let task = kit.sql("SELECT status, error_code FROM tasks", []).await;
    assert_eq!(task.first().unwrap().text("error_code"), Some("canceled"));
    assert_eq!(status(&kit).await, "error");
}

#[tokio::test]
async fn the_sweeper_requeues_tasks_of_lost_runners() {
    let kit = kit().await;
    for attempt in 1..=3 {
        assert_eq!(claim(&kit).await["attempt"], attempt);
        kit.settle().await;
        assert!(store::sweep::round(&kit.runtime()).await.unwrap(), "there is work");
        assert_eq!(status(&kit).await, "running", "the lease still holds");
        kit.wait(30_000);
        let more = store::sweep::round(&kit.runtime()).await.unwrap();
        assert_eq!((more, status(&kit).await.as_str()), if attempt < 3 { (true, "waiting") } else { (false, "error") });
        assert_eq!(kit.number("SELECT count(*) FROM queue_messages").await, attempt.min(2), "hinted at once");
        kit.wait(50_000);
        store::sweep::round(&kit.runtime()).await.unwrap();
        assert_eq!(kit.number("SELECT count(*) FROM queue_messages").await, attempt.min(2), "and only once");
    }
    let task = kit.sql("SELECT error_code FROM tasks", []).await;
    assert_eq!(task.first().unwrap().text("error_code"), Some("poison"));
    let (told, news) = published(&kit).await;
    assert!(told.last().unwrap().1.end && news.len() == 1, "{news:?}");
}

#[tokio::test]
async fn each_callback_is_one_transaction() {
    let kit = kit().await;
    kit.batches();
    let claimed = claim(&kit).await;
    assert_eq!(kit.batches(), 1, "claim");
    put(&kit, &claimed, 7).await;
    assert_eq!(kit.batches(), 1, "put");
    post(&kit, "progress", with(held(&claimed, 1), json!({"step": 1, "steps": 4, "eta_seconds": 1.0}))).await;
    assert_eq!(kit.batches(), 1, "progress");
    finish(&kit, &claimed, 2, 1).await;
    assert_eq!(kit.batches(), 3, "two puts and the result");
}

#[tokio::test]
async fn hostile_bodies_are_refused() {
    let kit = kit().await;
    for path in ["claim", "progress", "succeeded", "failed"] {
        for body in ["", "{", "[]", "{}", "{\"task_id\":\"x\"}", "{\"task_id\":1e99}", "{\"task_id\":\"\\ud800\"}"] {
            let reply = kit.call("POST", &format!("/callbacks/{path}")).body("application/json", body).send().await;
            assert!((400..500).contains(&reply.status), "{path} {body}");
        }
        let huge = kit.call("POST", &format!("/callbacks/{path}")).body("application/json", vec![b' '; 1 << 20]);
        assert_eq!(huge.send().await.status, 413);
    }
}
