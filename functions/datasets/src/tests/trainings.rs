//! Datasets and the trainings that use them: what waits for copies, and what stays readable.

use store::tasks;

use super::*;

/// A training of dataset 1 by the user, submitted now.
async fn training(kit: &Kit, user: i64, status: &'static str) -> i64 {
    let rows = kit
        .sql(
            "INSERT INTO tasks (name, type, status, params, user_id, dataset_id, created_at, updated_at) \
             VALUES ('t', 'training', ?1, '{}', ?2, 1, ?3, ?3) RETURNING id",
            [status.into(), user.into(), kit.now().into()],
        )
        .await;
    rows.first().and_then(|row| row.int("id")).unwrap()
}

/// What a runner that trains reads: captions and keys.
async fn seen(kit: &Kit, task: i64) -> Vec<(String, String)> {
    let mut tx = store::Tx::system(&kit.runtime());
    let page = tasks::dataset_page(&mut tx, task, 0);
    let outcome = tx.run().await.unwrap();
    let mut seen = Vec::new();
    for row in outcome.rows(page).iter() {
        let mut tx = store::Tx::system(&kit.runtime());
        let image = tasks::dataset_image(&mut tx, task, row.int("id").unwrap());
        let found = tx.run().await.unwrap();
        let key = found.row(image).and_then(|row| row.text("key")).unwrap();
        assert!(kit.blobs.keys().contains(&key.to_string()), "{key} is stored");
        seen.push((row.text("caption").unwrap().to_string(), key.to_string()));
    }
    seen
}

async fn end(kit: &Kit, task: i64) {
    kit.sql(
        "UPDATE tasks SET status = 'error', error_code = 'canceled', finished_at = ?1 WHERE id = ?2",
        [kit.now().into(), task.into()],
    )
    .await;
    while store::outbox::flush(&kit.runtime()).await.unwrap() > 0 {}
}

/// A dataset of two images, copied.
async fn copied(kit: &Kit, by: &Account) -> String {
    for n in 1..=4 {
        kit.fetch.respond(&url(n), 200, &[], png(1, 1, n));
    }
    let path = dataset(kit, by, json!([{"url": url(1), "caption": "one"}, {"url": url(2), "caption": "two"}])).await;
    copy(kit).await;
    path
}

#[tokio::test]
async fn a_training_begins_when_the_last_image_is_copied() {
    let kit = kit();
    let ann = kit.user("ann").await;
    for n in 0..8 {
        kit.fetch.respond(&url(n), 200, &[], png(1, 1, n));
    }
    dataset(&kit, &ann, json!((0..8).map(url).collect::<Vec<_>>())).await;
    let task = training(&kit, ann.id, "initial").await;
    store::dataset_copies::copy(&kit.runtime()).await.unwrap();
    assert_eq!(kit.number("SELECT count(*) FROM tasks WHERE status = 'initial'").await, 1, "two are left");
    kit.published().await;
    store::dataset_copies::copy(&kit.runtime()).await.unwrap();
    assert_eq!(kit.number("SELECT count(*) FROM tasks WHERE status = 'waiting'").await, 1);
    let hint = kit.sql("SELECT queue, body FROM queue_messages", []).await;
    assert_eq!(hint.values.len(), 1, "one hint");
    assert_eq!(hint.first().unwrap().text("queue"), Some("training"));
    let rooms: Vec<String> = kit.published().await.into_iter().map(|(room, _)| room).collect();
    assert_eq!(rooms, ["datasets/1".to_string(), format!("tasks/{task}")]);
    assert_eq!(seen(&kit, task).await.len(), 8);
}

#[tokio::test]
async fn a_training_ends_when_an_image_cannot_be_copied() {
    let kit = kit();
    let ann = kit.user("ann").await;
    dataset(&kit, &ann, json!([url(1)])).await;
    let task = training(&kit, ann.id, "initial").await;
    kit.fetch.respond(&url(1), 404, &[], "");
    copy(&kit).await;
    let rows = kit.sql("SELECT status, error_code FROM tasks", []).await;
    let row = rows.first().unwrap();
    assert_eq!((row.text("status"), row.text("error_code")), (Some("error"), Some("dataset_unavailable")));
    let rooms: Vec<String> = kit.published().await.into_iter().map(|(room, _)| room).collect();
    assert!(
        rooms.contains(&format!("tasks/{task}")) && rooms.contains(&format!("notifications/{}", ann.id)),
        "{rooms:?}"
    );
}

#[tokio::test]
async fn a_training_reads_the_images_of_its_submission_until_it_ends() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let path = copied(&kit, &ann).await;
    kit.wait(10);
    let task = training(&kit, ann.id, "waiting").await;
    let before = seen(&kit, task).await;
    assert_eq!(before.iter().map(|(caption, _)| caption.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    kit.wait(10);
    let list = json!([{"url": url(1), "caption": "changed"}, url(3)]);
    assert_eq!(kit.patch(&path, json!({"images": list})).by(&ann).send().await.status, 200);
    copy(&kit).await;
    kit.wait(10);
    let first = rows(&kit, &ann, &path).await[0]["id"].clone();
    assert_eq!(
        kit.patch(&format!("{path}/images/{first}"), json!({"caption": "again"})).by(&ann).send().await.status,
        200
    );
    assert_eq!(seen(&kit, task).await, before);
    assert_eq!(column(&rows(&kit, &ann, &path).await, "caption"), [json!("again"), json!("")]);
    let later = training(&kit, ann.id, "waiting").await;
    assert_eq!(seen(&kit, later).await.len(), 2);
    end(&kit, task).await;
    assert_eq!(kit.number("SELECT count(*) FROM dataset_images").await, 2, "what only the first training used is gone");
    assert_eq!(kit.blobs.keys().len(), 2, "a file that rows shared stays for the last of them");
    kit.wait(10);
    assert_eq!(kit.delete(&path).by(&ann).send().await.status, 204);
    assert_eq!(kit.get(&path).by(&ann).send().await.status, 404);
    assert_eq!(seen(&kit, later).await.len(), 2, "the dataset is gone, its images are not");
    end(&kit, later).await;
    assert_eq!((kit.number("SELECT count(*) FROM dataset_images").await, kit.blobs.keys().len()), (0, 0));
}

#[tokio::test]
async fn an_image_that_was_removed_before_it_was_copied_is_copied_for_its_training() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let path = dataset(&kit, &ann, json!([url(1), url(2)])).await;
    for n in 1..=2 {
        kit.fetch.respond(&url(n), 200, &[], png(1, 1, n));
    }
    let task = training(&kit, ann.id, "initial").await;
    kit.wait(10);
    assert_eq!(kit.patch(&path, json!({"images": [url(2)]})).by(&ann).send().await.status, 200);
    assert_eq!(kit.delete(&path).by(&ann).send().await.status, 204);
    copy(&kit).await;
    assert_eq!(seen(&kit, task).await.len(), 2);
    assert_eq!(kit.number("SELECT count(*) FROM tasks WHERE status = 'waiting'").await, 1);
}

#[tokio::test]
async fn the_images_of_a_deleted_user_stay_for_the_trainings_of_others() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    copied(&kit, &ann).await;
    kit.wait(10);
    let (own, others) = (training(&kit, ann.id, "waiting").await, training(&kit, bob.id, "waiting").await);
    kit.sql("DELETE FROM users WHERE id = ?1", [ann.id.into()]).await;
    while store::outbox::flush(&kit.runtime()).await.unwrap() > 0 {}
    assert_eq!(kit.number("SELECT count(*) FROM datasets").await, 0);
    assert!(seen(&kit, own).await.is_empty(), "it went with its user");
    assert_eq!(seen(&kit, others).await.len(), 2);
    end(&kit, others).await;
    assert_eq!((kit.number("SELECT count(*) FROM dataset_images").await, kit.blobs.keys().len()), (0, 0));
}

#[tokio::test]
async fn the_images_of_a_deleted_user_go_with_them() {
    let kit = kit();
    let ann = kit.user("ann").await;
    copied(&kit, &ann).await;
    training(&kit, ann.id, "waiting").await;
    kit.sql("DELETE FROM users WHERE id = ?1", [ann.id.into()]).await;
    while store::outbox::flush(&kit.runtime()).await.unwrap() > 0 {}
    assert_eq!((kit.number("SELECT count(*) FROM dataset_images").await, kit.blobs.keys().len()), (0, 0));
}
