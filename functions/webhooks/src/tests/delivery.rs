//! From a change of a task to the requests its receivers get: events, bodies, signatures, retries.

use ports::{FetchError, FetchRequest, Source};
use protocol::webhook::{RETRY_DELAYS, Secret};
use serde_json::{Value, json};
use store::webhooks::{self, Round};
use store::{Scope, Tx, sweep, tasks};
use testkit::{Account, Kit};

use super::{kit, webhook};
use crate::sql::ATTEMPTS;

const URL: &str = "https://example.com/hook";

async fn submit(kit: &Kit) -> i64 {
    let now = kit.now().0;
    let rows = kit
        .sql(
            "INSERT INTO tasks (name, type, status, params, origin, user_id, created_at, updated_at) \
             VALUES ('貓 \"1\"', 'inference', 'waiting', '{}', 'https://easel.example', 1, ?1, ?1) RETURNING id",
            [now.into()],
        )
        .await;
    rows.first().unwrap().int("id").unwrap()
}

async fn start(kit: &Kit, task: i64) {
    let args = [task.into(), kit.now().0.into()];
    kit.sql(
        "UPDATE tasks SET status = 'running', attempt = attempt + 1, lease = 'x', lease_until = ?2, \
         started_at = coalesce(started_at, ?2) WHERE id = ?1",
        args,
    )
    .await;
}

async fn succeed(kit: &Kit, task: i64) {
    let data = r#"{"images":[{"id":5,"url":"/files/out/1/1/a.png","width":64,"height":32,"seed":7}]}"#;
    let args = [task.into(), kit.now().0.into(), data.into()];
    kit.sql(
        "UPDATE tasks SET status = 'success', progress = 100, lease = NULL, lease_until = NULL, finished_at = ?2, \
         data = ?3 WHERE id = ?1",
        args,
    )
    .await;
}

async fn fail(kit: &Kit, task: i64, code: &str) {
    let args = [task.into(), kit.now().0.into(), code.into()];
    kit.sql(
        "UPDATE tasks SET status = 'error', lease = NULL, lease_until = NULL, finished_at = ?2, error_code = ?3, \
         error_message = 'why' WHERE id = ?1",
        args,
    )
    .await;
}

/// A user with a webhook for these events, whose receiver replies 200.
async fn subscribed(events: Value) -> (Kit, Account, Secret) {
    let kit = kit();
    let ann = kit.user("ann").await;
    let made = webhook(&kit, &ann, json!({"url": URL, "events": events})).await;
    kit.fetch.respond(URL, 200, &[], "thanks");
    let secret = Secret::parse(made["secret"].as_str().unwrap()).unwrap();
    (kit, ann, secret)
}

/// Delivers all that is due. Returns the requests.
async fn deliver(kit: &Kit) -> Vec<FetchRequest> {
    while webhooks::deliver(&kit.runtime()).await.unwrap() == Round::Full {}
    kit.fetch.requests()
}

fn header<'a>(sent: &'a FetchRequest, name: &str) -> &'a str {
    sent.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str()).unwrap()
}

fn body(sent: &FetchRequest) -> Value {
    serde_json::from_slice(&sent.body).unwrap()
}

fn types(sent: &[FetchRequest]) -> Vec<String> {
    sent.iter().map(|each| body(each)["type"].as_str().unwrap().to_string()).collect()
}

fn verify(sent: &FetchRequest, secret: &Secret) -> bool {
    let timestamp = header(sent, "webhook-timestamp").parse().unwrap();
    secret.verify(header(sent, "webhook-id"), timestamp, &sent.body, header(sent, "webhook-signature"))
}

async fn log(kit: &Kit, by: &Account) -> Value {
    kit.get("/api/webhooks/1/deliveries").by(by).send().await.json()["list"].clone()
}

#[tokio::test]
async fn each_event_of_a_task_is_sent_once_and_signed() {
    let (kit, ann, secret) =
        subscribed(json!(["task.created", "task.started", "task.succeeded", "task.failed", "task.canceled"])).await;
    let task = submit(&kit).await;
    start(&kit, task).await;
    kit.sql("UPDATE tasks SET status = 'waiting', lease = NULL, lease_until = NULL", []).await;
    start(&kit, task).await;
    kit.wait(1500);
    succeed(&kit, task).await;
    let sent = deliver(&kit).await;
    assert_eq!(
        types(&sent),
        ["task.created", "task.started", "task.succeeded"],
        "started once, for any number of attempts"
    );
    for each in &sent {
        assert!(verify(each, &secret));
        assert_eq!((each.method, each.url.as_str(), header(each, "content-type")), ("POST", URL, "application/json"));
        assert_eq!(header(each, "webhook-timestamp"), kit.now().seconds().to_string());
    }
    assert_eq!(
        body(&sent[2]),
        json!({"type": "task.succeeded", "timestamp": "2026-11-20T00:00:01.501Z", "data": {
            "id": 1, "name": "貓 \"1\"", "type": "inference", "status": "success", "progress": 100,
            "data": {"images": [{"id": 5, "url": "https://easel.example/files/out/1/1/a.png",
                "width": 64, "height": 32, "seed": 7}]},
            "error": null, "cost": 0, "attempt": 2, "task_no": null,
            "created_at": "2026-11-20T00:00:00.001Z", "finished_at": "2026-11-20T00:00:01.501Z"}})
    );
    let first = body(&sent[0]);
    assert_eq!((&first["data"]["status"], &first["data"]["finished_at"]), (&json!("waiting"), &json!(null)));
    assert!(deliver(&kit).await.is_empty(), "once is enough");
    let log = log(&kit, &ann).await;
    assert_eq!(log.as_array().unwrap().len(), 3);
    assert_eq!(
        (&log[0]["type"], &log[0]["status"], &log[0]["next_at"], &log[0]["task_id"]),
        (&json!("task.succeeded"), &json!("delivered"), &json!(null), &json!(1))
    );
    assert_eq!(log[0]["attempts"], json!([{"time": kit.now().rfc3339(), "status": 200, "error": null}]));
    log.as_array().unwrap().iter().for_each(|row| testkit::assert_shape(&ATTEMPTS, &row["attempts"]));
    assert_eq!(log[0]["event_id"], header(&sent[2], "webhook-id"));
}

#[tokio::test]
async fn each_end_of_a_task_has_its_event() {
    let (kit, _, _) = subscribed(json!(["task.failed", "task.canceled"])).await;
    let bob = kit.user("bob").await;
    for _ in 0..4 {
        submit(&kit).await;
    }
    fail(&kit, 1, "poison").await;
    fail(&kit, 2, "canceled").await;
    let mut tx = Tx::system(&kit.runtime());
    tasks::delete(&mut tx, 3);
    tx.run().await.unwrap();
    kit.sql("UPDATE tasks SET user_id = ?1 WHERE id = 4", [bob.id.into()]).await;
    kit.sql("DELETE FROM users WHERE id = ?1", [bob.id.into()]).await;
    kit.sql("DELETE FROM tasks WHERE id = 1", []).await;
    let sent = deliver(&kit).await;
    assert_eq!(types(&sent), ["task.failed", "task.canceled", "task.canceled"], "no event of a deleted account's task");
    assert_eq!(body(&sent[0])["data"]["error"], json!({"code": "poison", "message": "why"}));
    let removed = &body(&sent[2])["data"];
    assert_eq!(
        (&removed["status"], &removed["error"]["code"], &removed["id"]),
        (&json!("error"), &json!("canceled"), &json!(3))
    );
    assert!(removed["finished_at"].is_string());
}

#[tokio::test]
async fn events_nobody_subscribed_to_are_kept_only_when_a_task_ends() {
    let (kit, ann, _) = subscribed(json!(["task.succeeded"])).await;
    let bob = kit.user("bob").await;
    webhook(&kit, &bob, json!({"url": "https://bob.example.com/"})).await;
    let task = submit(&kit).await;
    start(&kit, task).await;
    assert_eq!(kit.number("SELECT count(*) FROM events").await, 0);
    fail(&kit, task, "x").await;
    assert_eq!(kit.number("SELECT count(*) FROM events WHERE ended = 1").await, 1, "for notifications");
    assert_eq!(kit.number("SELECT count(*) FROM deliveries").await, 0, "not of other users' tasks");
    kit.patch("/api/webhooks/1", json!({"active": false})).by(&ann).send().await;
    let task = submit(&kit).await;
    succeed(&kit, task).await;
    assert_eq!(kit.number("SELECT count(*) FROM deliveries").await, 0, "not to one that is not active");
}

#[tokio::test]
async fn the_webhook_of_a_task_gets_all_events_of_that_task_alone() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let mut tx = Tx::new(kit.runtime().sql, Scope { me: ann.id, ..Scope::system(kit.now()) });
    webhooks::for_task(&mut tx, URL);
    webhooks::for_task(&mut tx, URL);
    tx.exec(
        "INSERT INTO tasks (name, type, status, params, user_id, webhook_id, created_at, updated_at) \
         VALUES ('t', 'inference', 'waiting', '{}', :me, 1, :now, :now)",
        [],
    );
    tx.run().await.unwrap();
    submit(&kit).await;
    start(&kit, 1).await;
    start(&kit, 2).await;
    fail(&kit, 1, "x").await;
    fail(&kit, 2, "x").await;
    kit.fetch.respond(URL, 204, &[], "");
    let sent = deliver(&kit).await;
    assert_eq!(types(&sent), ["task.created", "task.started", "task.failed"]);
    assert!(sent.iter().all(|each| body(each)["data"]["id"] == 1));
    let secret = kit.get("/api/webhooks/1/secret").by(&ann).send().await.json();
    assert!(verify(&sent[0], &Secret::parse(secret["secret"].as_str().unwrap()).unwrap()));
    assert_eq!(kit.get("/api/webhooks").by(&ann).send().await.json()["list"][0]["standing"], false);
}

#[tokio::test]
async fn ten_tries_with_one_id_and_one_body() {
    let (kit, ann, secret) = subscribed(json!(["task.failed"])).await;
    kit.fetch.respond(URL, 500, &[], "");
    kit.wait(10);
    let task = submit(&kit).await;
    fail(&kit, task, "x").await;
    let mut all = deliver(&kit).await;
    let changed = async || kit.get("/api/webhooks/1").by(&ann).send().await.json()["updated_at"].clone();
    let began_to_fail = changed().await;
    assert_eq!(began_to_fail, kit.now().rfc3339());
    for (n, delay) in RETRY_DELAYS.into_iter().enumerate() {
        kit.wait(delay - 1);
        assert!(deliver(&kit).await.is_empty(), "{n}: not before its time");
        kit.wait(delay / 10 + 1);
        all.extend(deliver(&kit).await);
        assert_eq!(all.len(), n + 2);
    }
    kit.wait(48 * 3_600_000);
    assert!(deliver(&kit).await.is_empty());
    let one = &all[0];
    assert!(all.iter().all(|each| verify(each, &secret) && each.body == one.body));
    assert!(all.iter().all(|each| header(each, "webhook-id") == header(one, "webhook-id")));
    let log = log(&kit, &ann).await;
    assert_eq!((&log[0]["status"], &log[0]["next_at"]), (&json!("failed"), &json!(null)));
    let attempts = log[0]["attempts"].as_array().unwrap();
    assert_eq!(
        (attempts.len(), &attempts[9]["status"], &attempts[9]["error"]),
        (10, &json!(500), &json!("the answer was 500"))
    );
    assert_eq!(kit.get("/api/webhooks/1").by(&ann).send().await.json()["failing"], true);
    assert_eq!(changed().await, began_to_fail, "watchers are told of the first failure in a row");

    kit.fetch.respond(URL, 200, &[], "");
    let again = kit.post("/api/webhooks/1/deliveries/1/replay", json!({})).by(&ann).send().await.json();
    assert_eq!(again["status"], "pending");
    let again = deliver(&kit).await;
    assert_eq!(
        (again.len(), &again[0].body, header(&again[0], "webhook-id")),
        (1, &one.body, header(one, "webhook-id"))
    );
    assert_eq!(kit.get("/api/webhooks/1").by(&ann).send().await.json()["failing"], false);
    assert_eq!(changed().await, kit.now().rfc3339());
}

#[tokio::test]
async fn the_log_says_why_an_attempt_failed() {
    let (kit, ann, _) = subscribed(json!(["task.failed"])).await;
    for n in 0..4 {
        match n {
            0 => kit.fetch.fail(URL, FetchError::TimedOut),
            1 => kit.fetch.fail(URL, FetchError::Failed(Source::new("x".repeat(1000)))),
            2 => kit.fetch.respond(URL, 302, &[("location", "http://169.254.169.254/")], ""),
            // The rules may have changed since the webhook was made.
            _ => drop(kit.sql("UPDATE webhooks SET url = 'http://10.0.0.1/'", []).await),
        }
        let task = submit(&kit).await;
        fail(&kit, task, "x").await;
        kit.wait(1);
        let sent = deliver(&kit).await;
        assert!(sent.iter().all(|each| each.url == URL), "{n}: no redirect is followed, nothing private called");
        let attempt = log(&kit, &ann).await[0]["attempts"][0].clone();
        let error = attempt["error"].as_str().unwrap().to_string();
        match n {
            0 => assert_eq!(error, "no response in time"),
            1 => assert_eq!(error.len(), 200),
            2 => assert_eq!(error, "the answer was 302"),
            _ => assert_eq!((error.as_str(), sent.len()), ("not an address of the public internet", 0)),
        }
    }
}

#[tokio::test]
async fn the_address_is_shown_as_written_and_called_as_judged() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let written = "https://Example.com:443/a/../hook";
    assert_eq!(webhook(&kit, &ann, json!({"url": written, "events": ["task.failed"]})).await["url"], written);
    kit.fetch.respond(URL, 200, &[], "");
    let task = submit(&kit).await;
    fail(&kit, task, "x").await;
    let urls: Vec<String> = deliver(&kit).await.into_iter().map(|each| each.url).collect();
    assert_eq!(urls, [URL]);
}

#[tokio::test]
async fn after_a_rotation_both_secrets_sign_for_a_day() {
    let (kit, ann, first) = subscribed(json!(["task.failed"])).await;
    let rotated = kit.post("/api/webhooks/1/rotate", json!({})).by(&ann).send().await.json();
    let second = Secret::parse(rotated["secret"].as_str().unwrap()).unwrap();
    for (after, old) in [(0, true), (24 * 3_600_000 - 1, true), (1, false)] {
        kit.wait(after);
        let task = submit(&kit).await;
        fail(&kit, task, "x").await;
        let sent = deliver(&kit).await;
        assert_eq!((verify(&sent[0], &second), verify(&sent[0], &first)), (true, old), "{after}");
        assert_eq!(header(&sent[0], "webhook-signature").split(' ').count(), if old { 2 } else { 1 });
    }
    for n in 0..6 {
        let reply = kit.post("/api/webhooks/1/rotate", json!({})).by(&ann).send().await;
        assert_eq!(reply.status, if n < 5 { 200 } else { 429 });
    }
    let task = submit(&kit).await;
    fail(&kit, task, "x").await;
    let sent = deliver(&kit).await;
    assert_eq!(header(&sent[0], "webhook-signature").split(' ').count(), 6);
    assert!(verify(&sent[0], &second));
}

#[tokio::test]
async fn status_410_deactivates_the_webhook() {
    let (kit, ann, _) = subscribed(json!(["task.failed"])).await;
    kit.fetch.respond(URL, 500, &[], "");
    let task = submit(&kit).await;
    fail(&kit, task, "x").await;
    deliver(&kit).await;
    kit.fetch.respond(URL, 410, &[], "");
    let task = submit(&kit).await;
    fail(&kit, task, "x").await;
    assert_eq!(deliver(&kit).await.len(), 1);
    assert_eq!(kit.get("/api/webhooks/1").by(&ann).send().await.json()["active"], false);
    assert_eq!(
        kit.number("SELECT count(*) FROM deliveries WHERE status = 'failed'").await,
        2,
        "pending deliveries too"
    );
    let refused = kit.post("/api/webhooks/1/deliveries/1/replay", json!({})).by(&ann).send().await;
    assert_eq!((refused.status, refused.error().as_str()), (409, "webhook_inactive"));
    kit.patch("/api/webhooks/1", json!({"active": true})).by(&ann).send().await;
    assert_eq!(kit.post("/api/webhooks/1/deliveries/1/replay", json!({})).by(&ann).send().await.status, 200);
}

#[tokio::test]
async fn a_try_that_was_claimed_but_not_recorded_is_made_again() {
    let (kit, ann, _) = subscribed(json!(["task.failed"])).await;
    let task = submit(&kit).await;
    fail(&kit, task, "x").await;
    // The state that a process leaves which died in between.
    let now = kit.now().0;
    kit.sql("UPDATE deliveries SET tries = 1, next_at = ?1 + 90000", [now.into()]).await;
    assert!(deliver(&kit).await.is_empty());
    kit.wait(90_000);
    assert_eq!(deliver(&kit).await.len(), 1);
    kit.sql("UPDATE deliveries SET status = 'pending', tries = 10, next_at = 0", []).await;
    assert!(deliver(&kit).await.is_empty(), "there is no eleventh try");
    sweep::round(&kit.runtime()).await.unwrap();
    assert_eq!(log(&kit, &ann).await[0]["status"], "failed");
}

#[tokio::test]
async fn the_sweeper_delivers_and_removes_old_events() {
    let (kit, _, _) = subscribed(json!(["task.failed"])).await;
    kit.fetch.respond(URL, 500, &[], "");
    let task = submit(&kit).await;
    fail(&kit, task, "x").await;
    assert!(sweep::round(&kit.runtime()).await.unwrap(), "one is due");
    kit.settle().await;
    assert_eq!(kit.fetch.requests().len(), 1);
    assert!(sweep::round(&kit.runtime()).await.unwrap(), "the next try is near");
    kit.wait(6_000);
    sweep::round(&kit.runtime()).await.unwrap();
    kit.settle().await;
    assert_eq!(kit.fetch.requests().len(), 1);
    assert!(!sweep::round(&kit.runtime()).await.unwrap(), "what is minutes away is cron's");
    kit.sql("UPDATE deliveries SET next_at = 9e15", []).await;
    kit.wait(31 * 24 * 3_600_000);
    sweep::round(&kit.runtime()).await.unwrap();
    assert_eq!(kit.number("SELECT count(*) FROM events").await, 1, "still to be delivered");
    kit.sql("UPDATE deliveries SET status = 'failed'", []).await;
    kit.sql("UPDATE webhooks SET standing = 0", []).await;
    sweep::round(&kit.runtime()).await.unwrap();
    sweep::round(&kit.runtime()).await.unwrap();
    assert_eq!(kit.number("SELECT count(*) FROM events").await, 0);
    assert_eq!(kit.number("SELECT count(*) FROM deliveries").await, 0);
    assert_eq!(kit.number("SELECT count(*) FROM webhooks").await, 0);
}

#[tokio::test]
async fn two_dispatchers_send_each_delivery_once() {
    let (kit, _, _) = subscribed(json!(["task.failed"])).await;
    for _ in 0..20 {
        let task = submit(&kit).await;
        fail(&kit, task, "x").await;
    }
    let runtime = kit.runtime();
    let (one, two) = tokio::join!(webhooks::deliver(&runtime), webhooks::deliver(&runtime));
    assert_eq!((one.unwrap(), two.unwrap()), (Round::Full, Round::Full));
    let mut sent = kit.fetch.requests();
    assert!(sent.len() >= 6);
    sent.extend(deliver(&kit).await);
    let mut ids: Vec<_> = sent.iter().map(|each| header(each, "webhook-id").to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((sent.len(), ids.len()), (20, 20));
}

#[tokio::test]
async fn users_are_served_in_turns_and_failing_endpoints_last() {
    let (kit, ..) = subscribed(json!(["task.failed"])).await;
    let bob = kit.user("bob").await;
    let address = "https://example.com/bob";
    webhook(&kit, &bob, json!({"url": address, "events": ["task.failed"]})).await;
    kit.fetch.respond(address, 200, &[], "");
    for _ in 0..20 {
        let task = submit(&kit).await;
        fail(&kit, task, "x").await;
    }
    let late = submit(&kit).await;
    kit.sql("UPDATE tasks SET user_id = ?2 WHERE id = ?1", [late.into(), bob.id.into()]).await;
    fail(&kit, late, "x").await;
    webhooks::deliver(&kit.runtime()).await.unwrap();
    let urls = |sent: Vec<FetchRequest>| sent.into_iter().map(|each| each.url).collect::<Vec<_>>();
    let first = urls(kit.fetch.requests());
    assert!(first.len() == 6 && first.contains(&address.into()), "in turns: {first:?}");

    // An endpoint that failed comes after those that did not, however old its deliveries are.
    kit.sql("UPDATE webhooks SET failures = 1 WHERE url = ?1", [URL.into()]).await;
    for _ in 0..6 {
        let task = submit(&kit).await;
        kit.sql("UPDATE tasks SET user_id = ?2 WHERE id = ?1", [task.into(), bob.id.into()]).await;
        fail(&kit, task, "x").await;
    }
    webhooks::deliver(&kit.runtime()).await.unwrap();
    assert_eq!(urls(kit.fetch.requests()), vec![address; 6]);
    assert_eq!(deliver(&kit).await.len(), 15, "the rest follows");
}

#[tokio::test]
async fn notifications_of_the_last_ten_minutes_can_be_read_again() {
    let (kit, ann, _) = subscribed(json!(["task.failed"])).await;
    let ends = async |count: usize| {
        for _ in 0..count {
            let task = submit(&kit).await;
            fail(&kit, task, "x").await;
        }
        let mut tx = Tx::system(&kit.runtime());
        let ended = webhooks::ended_lately(&mut tx, ann.id);
        let outcome = tx.run().await.unwrap();
        webhooks::events_of(outcome.rows(ended)).into_iter().map(|(room, event)| (room, event.seq)).collect::<Vec<_>>()
    };
    let room = || format!("notifications/{}", ann.id);
    assert_eq!(ends(2).await, [(room(), 1), (room(), 2)]);
    kit.wait(601_000);
    assert_eq!(ends(1).await, [(room(), 3)], "older ones are left out");
    let seqs: Vec<i64> = ends(60).await.into_iter().map(|(_, seq)| seq).collect();
    assert_eq!((seqs.len(), seqs.first(), seqs.last()), (50, Some(&14), Some(&63)));
}

#[tokio::test]
async fn events_never_change() {
    let (kit, _, _) = subscribed(json!(["task.failed"])).await;
    let task = submit(&kit).await;
    fail(&kit, task, "x").await;
    let mut tx = Tx::system(&kit.runtime());
    tx.exec("UPDATE events SET body = '{}'", []);
    assert!(tx.run().await.is_err());
}
