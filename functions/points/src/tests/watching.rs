//! Watching tasks and notifications: who may, the first frame, later frames.

use domain::room::{Audience, Event};
use serde_json::{Value, json};
use store::{Tx, args, points_api, webhooks};
use testkit::{Account, Call, Kit};

use super::{kit, read, submit};

const NOTIFICATIONS: &str = "/user/notifications";

fn frame(event: &Event) -> Value {
    assert!(event.public.is_none(), "nobody else sees it");
    serde_json::from_str(event.owner.as_ref().unwrap().text(points_api::RENDERING).unwrap()).unwrap()
}

/// The first frame of a socket, or the code it is closed with.
async fn watch(call: Call<'_>) -> Result<Value, u16> {
    let join = call.header("upgrade", "websocket").send().await.join.unwrap();
    assert_eq!(join.rendering, points_api::RENDERING);
    join.admit.map(|(audience, event)| {
        assert_eq!(audience, Audience::Owner);
        frame(&event)
    })
}

/// The frames published to a room since the last call.
async fn frames(kit: &Kit, room: &str) -> Vec<Value> {
    kit.published().await.iter().filter(|(name, _)| name == room).map(|(_, event)| frame(event)).collect()
}

async fn cancel(kit: &Kit, by: &Account, number: &str) {
    let call = kit.call("POST", &format!("/user/ai/tasks/{number}/cancel"));
    assert_eq!(call.by(by).send().await.status, 200);
}

#[tokio::test]
async fn only_its_owner_watches_a_task_by_its_number() {
    let kit = kit();
    let (ann, bob, root) = (kit.user("ann").await, kit.user("bob").await, kit.admin("root").await);
    let number = submit(&kit, &ann).await;
    let path = format!("/user/ai/tasks/{number}");
    assert_eq!(watch(kit.get(&path).by(&ann)).await, Ok(read(&kit, &ann, &number).await));
    assert_eq!(watch(kit.get(&path)).await, Err(4401));
    assert_eq!(watch(kit.get(&path).bearer("x.y.z")).await, Err(4401));
    assert_eq!(watch(kit.get(&format!("{path}?ticket=x"))).await, Err(4401));
    for who in [&bob, &root] {
        assert_eq!(watch(kit.get(&path).by(who)).await, Err(4404));
    }
    for never in ["1", "TASK-20261120080000000-9999", "%ED%A0%80"] {
        assert_eq!(watch(kit.get(&format!("/user/ai/tasks/{never}")).by(&ann)).await, Err(4404), "{never}");
    }
    kit.batches();
    watch(kit.get(&path).by(&ann)).await.unwrap();
    assert_eq!(kit.batches(), 1);
}

#[tokio::test]
async fn a_frame_is_the_task_as_it_is_read() {
    let kit = kit();
    let ann = kit.user("ann").await;
    let number = submit(&kit, &ann).await;
    kit.published().await;
    kit.wait(170_000);
    store::sweep::round(&kit.runtime()).await.unwrap();
    let task = read(&kit, &ann, &number).await;
    assert_eq!((&task["status"], &task["seq"]), (&json!("failed"), &json!(2)));
    assert_eq!(frames(&kit, "tasks/1").await, [task]);
}

#[tokio::test]
async fn tasks_of_the_drawing_api_have_no_frame_in_this_rendering() {
    let kit = kit();
    let ann = kit.user("ann").await;
    submit(&kit, &ann).await;
    kit.sql("UPDATE tasks SET task_no = NULL", []).await;
    kit.published().await;
    kit.wait(170_000);
    store::sweep::round(&kit.runtime()).await.unwrap();
    let published = kit.published().await;
    let (_, event) = published.iter().find(|(room, _)| room == "tasks/1").unwrap();
    assert_eq!(event.owner.as_ref().unwrap().text(points_api::RENDERING), None);
}

#[tokio::test]
async fn notifications_begin_with_a_snapshot_and_then_show_each_end() {
    let kit = kit();
    let (ann, bob) = (kit.user("ann").await, kit.user("bob").await);
    let snapshot = |balance: i64, running: i64, seq: i64| {
        let user = ann.id;
        json!({"type": "snapshot", "userId": user, "balance": balance, "running": running, "seq": seq})
    };
    assert_eq!(watch(kit.get(NOTIFICATIONS).by(&ann)).await, Ok(snapshot(100_000, 0, 0)));
    let (first, second) = (submit(&kit, &ann).await, submit(&kit, &ann).await);
    submit(&kit, &bob).await;
    assert_eq!(watch(kit.get(NOTIFICATIONS).by(&ann)).await, Ok(snapshot(99_940, 2, 0)));
    assert_eq!(watch(kit.get(NOTIFICATIONS)).await, Err(4401));
    kit.published().await;

    cancel(&kit, &ann, &first).await;
    let room = format!("notifications/{}", ann.id);
    let canceled = json!({"type": "task", "taskNo": first, "taskId": 1, "status": "failed", "resultUrl": null,
        "errorMessage": "任务已取消，积分已退还", "balance": 99_970, "seq": 1});
    assert_eq!(frames(&kit, &room).await, [canceled]);
    assert_eq!(watch(kit.get(NOTIFICATIONS).by(&ann)).await, Ok(snapshot(99_970, 1, 1)));

    kit.wait(10_000);
    let images = json!({"images": [{"id": 1, "url": "/files/out/2/1/a.png"}]});
    kit.sql(
        "UPDATE tasks SET status = 'success', finished_at = ?1, origin = 'https://easel.example', data = ?2 \
         WHERE id = 2",
        [kit.now().0.into(), images.to_string().into()],
    )
    .await;
    let mut tx = Tx::system(&kit.runtime());
    let ended = webhooks::ended(&mut tx, ":task_id", args! { task_id: 2 });
    let (to, event) = webhooks::events_of(tx.run().await.unwrap().rows(ended)).pop().unwrap();
    let completed = json!({"type": "task", "taskNo": second, "taskId": 2, "status": "completed",
        "resultUrl": "https://easel.example/files/out/2/1/a.png", "errorMessage": null, "balance": 99_970, "seq": 2});
    assert_eq!((to, frame(&event), event.end), (room, completed, false));
    let read = kit.get(NOTIFICATIONS).by(&ann).send().await.json();
    assert_eq!(read["data"], snapshot(99_970, 0, 2));
}
