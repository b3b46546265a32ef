//! The cost of a task, the order of waiting tasks, and the predicted end.

use protocol::runner::{Failed, LeaseRef};
use serde_json::{Value, json};
use store::{Tx, tasks};
use testkit::{Account, Kit, rules};

use super::{kit, submit};

async fn read(kit: &Kit, who: &Account, id: i64) -> Value {
    kit.get(&format!("/api/tasks/{id}")).by(who).send().await.json()
}

async fn server(kit: &Kit, name: &'static str) {
    kit.sql(
        "INSERT INTO servers (name, type, status, ip, epoch, last_seen, created_at, updated_at) \
         VALUES (?1, 'inference', 'idle', '', 1, ?2, 0, 0)",
        [name.into(), kit.now().0.into()],
    )
    .await;
}

/// Claims the task that a runner gets who saw a hint at task 1.
async fn claim(kit: &Kit) -> Option<LeaseRef> {
    let runtime = kit.runtime();
    let lease = runtime.token();
    let mut tx = Tx::system(&runtime);
    let claimed = tasks::claim(&mut tx, 1, 1, &lease, 30_000);
    let outcome = tx.run().await.unwrap();
    let row = outcome.row(claimed)?;
    Some(LeaseRef { task_id: row.int("id")?, attempt: row.int("attempt")?, lease, seq: 1 })
}

async fn succeed(kit: &Kit, lease: &LeaseRef) {
    let mut tx = Tx::system(&kit.runtime());
    tasks::succeed(&mut tx, lease, &[]);
    tx.run().await.unwrap();
}

async fn points(kit: &Kit, who: &Account) -> i64 {
    let rows = kit.sql("SELECT balance AS n FROM accounts WHERE id = ?1", [who.id.into()]).await;
    rows.first().unwrap().int("n").unwrap()
}

#[tokio::test]
async fn images_are_paid_for_at_submission_and_refunded_unless_the_task_succeeds() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let task = submit(&kit, &ann, json!({"prompt": "a", "n": 3})).await;
    assert_eq!((task["cost"].as_i64(), points(&kit, &ann).await), (Some(90), 99_910));
    // Canceled while it waits.
    kit.post("/api/tasks/1/cancel", json!({})).by(&ann).send().await;
    assert_eq!(points(&kit, &ann).await, 100_000);
    assert_eq!(kit.post("/api/tasks/1/cancel", json!({})).by(&ann).send().await.status, 409);
    assert_eq!(points(&kit, &ann).await, 100_000, "once");
    // Succeeded.
    server(&kit, "r").await;
    submit(&kit, &ann, json!({"prompt": "a"})).await;
    let lease = claim(&kit).await.unwrap();
    succeed(&kit, &lease).await;
    assert_eq!(points(&kit, &ann).await, 99_970);
    // Failed for good.
    submit(&kit, &ann, json!({"prompt": "a"})).await;
    let lease = claim(&kit).await.unwrap();
    let failed = Failed { lease, code: "oom".into(), message: String::new(), retryable: false };
    let mut tx = Tx::system(&kit.runtime());
    tasks::fail(&mut tx, &failed);
    tx.run().await.unwrap();
    assert_eq!(points(&kit, &ann).await, 99_970);
    // Deleted while it runs; with its user.
    submit(&kit, &ann, json!({"prompt": "a"})).await;
    let lease = claim(&kit).await.unwrap();
    kit.delete(&format!("/api/tasks/{}", lease.task_id)).by(&ann).send().await;
    assert_eq!(points(&kit, &ann).await, 99_970);
    submit(&kit, &ann, json!({"prompt": "a"})).await;
    kit.sql("DELETE FROM users WHERE id = ?1", [ann.id.into()]).await;
    assert_eq!(kit.number("SELECT sum(balance) FROM accounts").await, 0);
    assert_eq!(kit.number("SELECT balance FROM accounts WHERE id = -2").await, 0, "escrow is empty");
    assert_eq!(kit.number("SELECT balance FROM accounts WHERE id = -3").await, 30, "revenue: one image was drawn");
}

#[tokio::test]
async fn drawing_from_an_image_has_a_price_of_its_own() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let own = format!("/files/up/{}.png", "0a".repeat(16));
    for (from, strength, kept) in [(own.as_str(), json!(0.5), 0.5), ("https://example.com/a.jpg", json!(null), 0.75)] {
        let task = submit(&kit, &ann, json!({"prompt": "a", "from_image": from, "strength": strength})).await;
        assert_eq!((&task["cost"], &task["params"]["from_images"]), (&json!(35), &json!([from])));
        assert_eq!(task["params"]["strength"], json!(kept));
        assert!(task["params"].get("mask").is_none());
    }
    let mask = "https://example.com/mask.png";
    let task = submit(&kit, &ann, json!({"prompt": "a", "from_image": own, "mask": mask})).await;
    assert_eq!(task["params"]["mask"], mask);
    let refusals = [
        (json!({"prompt": "a", "strength": 0.5}), "400 missing_parameter:from_image"),
        (json!({"prompt": "a", "mask": "https://a.example.com/m.png"}), "400 missing_parameter:from_image"),
        (
            json!({"prompt": "a", "from_image": "https://a.example.com/a.png", "mask": "http://10.0.0.1/m.png"}),
            "400 invalid_parameter:mask",
        ),
        (json!({"prompt": "a", "from_image": "http://127.0.0.1/a.png"}), "400 invalid_parameter:from_image"),
        (json!({"prompt": "a", "from_image": "http://169.254.169.254/latest"}), "400 invalid_parameter:from_image"),
        (json!({"prompt": "a", "from_image": "file:///etc/passwd"}), "400 invalid_parameter:from_image"),
        (json!({"prompt": "a", "from_image": "/files/../secret"}), "400 invalid_parameter:from_image"),
    ];
    rules::refuses_bodies(&kit, "POST", "/api/tasks", &ann, &refusals).await;
}

#[tokio::test]
async fn a_task_without_enough_points_or_a_price_is_refused_and_nothing_is_written() {
    let kit = kit();
    let ann = kit.user("ann").await;
    kit.sql("UPDATE points_config SET points_cost = 100001 WHERE standard = 1", []).await;
    let reply = kit.post("/api/tasks", json!({"prompt": "a"})).by(&ann).send().await;
    assert_eq!((reply.status, reply.error().as_str()), (402, "insufficient_points"));
    kit.sql("UPDATE points_config SET enabled = 0 WHERE standard = 1", []).await;
    let reply = kit.post("/api/tasks", json!({"prompt": "a"})).by(&ann).send().await;
    assert_eq!((reply.status, reply.error().as_str()), (503, "no_price"));
    kit.settle().await;
    for table in ["SELECT count(*) FROM tasks", "SELECT count(*) FROM holds", "SELECT count(*) FROM queue_messages"] {
        assert_eq!(kit.number(table).await, 0, "{table}");
    }
    assert_eq!(points(&kit, &ann).await, 100_000);
}

#[tokio::test]
async fn points_that_expire_first_are_spent_first_and_return_to_their_grant() {
    let kit = kit();
    let ann = kit.user("ann").await;
    kit.sql("UPDATE points_config SET points_cost = 60 WHERE standard = 1", []).await;
    let soon = kit.now().0 + 1000;
    kit.sql(
        "INSERT INTO grants (user_id, kind, amount, remaining, expires_at, created_at) \
         VALUES (?1, 'grant', 50, 50, ?2, 0)",
        [ann.id.into(), soon.into()],
    )
    .await;
    submit(&kit, &ann, json!({"prompt": "a"})).await;
    assert_eq!(kit.number("SELECT remaining FROM grants WHERE id = 2").await, 0, "those that expire come first");
    assert_eq!(kit.number("SELECT remaining FROM grants WHERE id = 1").await, 99_990, "then those that do not");
    kit.wait(2000);
    store::sweep::round(&kit.runtime()).await.unwrap();
    kit.post("/api/tasks/1/cancel", json!({})).by(&ann).send().await;
    assert_eq!(points(&kit, &ann).await, 100_050, "all are returned");
    store::sweep::round(&kit.runtime()).await.unwrap();
    assert_eq!(points(&kit, &ann).await, 100_000, "and those that expired meanwhile are taken back");
    assert_eq!(kit.number("SELECT balance FROM accounts WHERE id = -4").await, 50);
}

#[tokio::test]
async fn users_are_served_round_robin_however_many_tasks_each_has() {
    let kit = kit();
    server(&kit, "r").await;
    let (ann, bob, cat) = (kit.user("ann").await, kit.user("bob").await, kit.user("cat").await);
    for _ in 0..6 {
        submit(&kit, &ann, json!({"prompt": "ann's"})).await;
    }
    let mut served = Vec::new();
    let mut serve = async |times: usize| {
        for _ in 0..times {
            let lease = claim(&kit).await.unwrap();
            let rows = kit.sql("SELECT user_id FROM tasks WHERE id = ?1", [lease.task_id.into()]).await;
            served.push(rows.first().unwrap().int("user_id").unwrap());
            succeed(&kit, &lease).await;
        }
    };
    serve(2).await;
    // Late, and yet next: a user waits behind at most one task of each other user.
    let late = submit(&kit, &bob, json!({"prompt": "bob's"})).await;
    assert_eq!((&late["position"], &read(&kit, &ann, 3).await["position"]), (&json!(2), &json!(1)));
    for _ in 0..3 {
        submit(&kit, &cat, json!({"prompt": "cat's"})).await;
    }
    serve(8).await;
    let (a, b, c) = (ann.id, bob.id, cat.id);
    assert_eq!(served, [a, a, a, b, c, a, c, a, c, a]);
    assert!(claim(&kit).await.is_none(), "nothing waits");
}

/// Two runners, three users, tasks of several sizes, half an hour.
#[tokio::test]
async fn the_predicted_end_is_within_a_factor_of_two_under_steady_load() {
    let kit = kit();
    let users = [kit.user("ann").await, kit.user("bob").await, kit.user("cat").await];
    server(&kit, "r1").await;
    server(&kit, "r2").await;
    // Milliseconds that a unit of work takes here, and what goes on around every task.
    let (pace, around) = (100.0, 200);
    let mut running: [Option<(LeaseRef, i64)>; 2] = [None, None];
    // The id, the time and the prediction of each submission.
    let mut predictions: Vec<(i64, i64, f64)> = Vec::new();
    let mut random = 7_u64;
    let mut worst: f64 = 1.0;
    let mut compared = 0;
    for second in 0..1800 {
        kit.wait(1000);
        kit.sql("UPDATE servers SET last_seen = ?1", [kit.now().0.into()]).await;
        for slot in &mut running {
            if let Some((lease, _)) = slot.take_if(|(_, end)| *end <= kit.now().0) {
                succeed(&kit, &lease).await;
                if let Some(&(_, at, eta)) = predictions.iter().find(|(id, ..)| *id == lease.task_id) {
                    let ratio = eta * 1000.0 / (kit.now().0 - at) as f64;
                    worst = worst.max(ratio).max(1.0 / ratio);
                    compared += 1;
                }
            }
            if slot.is_none()
                && let Some(lease) = claim(&kit).await
            {
                let sql = "SELECT CAST(work * ?2 AS INTEGER) AS ms FROM tasks WHERE id = ?1";
                let rows = kit.sql(sql, [lease.task_id.into(), pace.into()]).await;
                *slot = Some((lease, kit.now().0 + rows.first().unwrap().int("ms").unwrap() + around));
            }
        }
        // About nine tenths of what two runners can do: 20 to 60 units of 100 ms each.
        if second % 2 == 0 || second % 8 == 1 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let body =
                json!({"prompt": "a", "width": 64, "height": 64, "num_inference_steps": 20 + (random >> 33) % 21});
            let task = submit(&kit, &users[(random >> 40) as usize % 3], body).await;
            let id = task["id"].as_i64().unwrap();
            let eta = read(&kit, &users[(random >> 40) as usize % 3], id).await["eta_seconds"].as_f64();
            // Once there is something to tell it by.
            if let Some(eta) = eta.filter(|_| second > 60) {
                predictions.push((id, kit.now().0, eta));
            }
        }
    }
    assert!(compared > 500, "{compared}");
    assert!(worst <= 2.0, "worst {worst}");
}

#[tokio::test]
async fn a_task_past_its_deadline_ends_with_a_refund() {
    let mut kit = kit();
    kit.config.task_deadline_ms = 100_000;
    server(&kit, "r").await;
    let ann = kit.user("ann").await;
    submit(&kit, &ann, json!({"prompt": "runs"})).await;
    submit(&kit, &ann, json!({"prompt": "waits"})).await;
    let lease = claim(&kit).await.unwrap();
    kit.wait(99_000);
    let extended = kit.now().plus(30_000);
    kit.sql("UPDATE tasks SET lease_until = ?1 WHERE status = 'running'", [extended.into()]).await;
    store::sweep::round(&kit.runtime()).await.unwrap();
    assert_eq!(read(&kit, &ann, 1).await["status"], "running");
    kit.wait(1000);
    assert!(!store::sweep::round(&kit.runtime()).await.unwrap(), "all is done");
    for id in [1, 2] {
        let task = read(&kit, &ann, id).await;
        assert_eq!((&task["status"], &task["error"]["code"]), (&json!("error"), &json!("timeout")));
    }
    assert_eq!(points(&kit, &ann).await, 100_000);
    let mut late = Tx::system(&kit.runtime());
    tasks::require_lease(&mut late, 1, lease.task_id, lease.attempt, &lease.lease);
    assert_eq!(late.run().await.err().map(|error| error.code()), Some("stale_lease"), "its runner comes too late");
    assert!(kit.published().await.iter().filter(|(_, event)| event.end).count() >= 2);
}

#[tokio::test]
async fn a_lost_hint_is_sent_again_for_the_first_tasks_in_line() {
    let kit = kit();
    let ann = kit.user("ann").await;
    for _ in 0..12 {
        submit(&kit, &ann, json!({"prompt": "a"})).await;
    }
    kit.settle().await;
    kit.sql("DELETE FROM queue_messages", []).await;
    store::sweep::round(&kit.runtime()).await.unwrap();
    assert_eq!(kit.number("SELECT count(*) FROM queue_messages").await, 0, "it may be on its way");
    kit.wait(60_000);
    for _ in 0..3 {
        store::sweep::round(&kit.runtime()).await.unwrap();
        assert_eq!(kit.number("SELECT count(*) FROM queue_messages").await, 10, "once");
    }
}
